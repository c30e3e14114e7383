/// verdict, check, diagnosis: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_DOCTOR_HPP
#define ACCLIENT_DOCTOR_HPP

#include "answer.hpp"

#include <algorithm>
#include <vector>

namespace acclient {

/// How a check turned out.
enum class verdict {
    /// A word of a later version than this header.
    unknown,
    /// As it should be.
    good,
    /// It works, but slower or with less than there could be.
    weak,
    /// This is what is wrong.
    bad,
};

/// The word for a verdict, like "good"; valid for ever.
inline std::string_view name(verdict verdict) noexcept {
    switch (verdict) {
    case verdict::good:
        return "good";
    case verdict::weak:
        return "weak";
    case verdict::bad:
        return "bad";
    default:
        return "unknown";
    }
}

/// One thing that client::doctor() looked at.
struct check {
    /// What was looked at: "redis", "login", "resp3", "tracking", "scripts", "queue", "controller",
    /// or "agent 1:2". Later versions may look at more.
    std::string name;
    /// How it turned out.
    acclient::verdict verdict = acclient::verdict::unknown;
    /// What was found.
    std::string found;
    /// What to do about it; empty where nothing is to be done.
    std::string advice;
};

/// What client::doctor() found. A value like any other.
struct diagnosis {
    /// The checks, in the order of the way that a command takes.
    std::vector<check> checks;

    /// Whether nothing is bad.
    bool is_healthy() const noexcept {
        return std::none_of(checks.begin(), checks.end(), [](const check &check) {
            return check.verdict == acclient::verdict::bad;
        });
    }
};

namespace detail {

/// A text with spaces behind it up to a width.
inline std::string padded(std::string_view text, std::size_t width) {
    std::string padded(text);
    padded.resize(std::max(width, text.size()), ' ');
    return padded;
}

/// What the rows of an answer tell.
inline diagnosis read_diagnosis(const answer_ref &answer) {
    diagnosis diagnosis;
    for (const answer_row row : answer) {
        const auto field = [&](std::string_view name) {
            return std::string(row.text(name).value_or(""));
        };
        check made{field("name"), verdict::unknown, field("found"), field("advice")};
        for (const verdict known : {verdict::good, verdict::weak, verdict::bad}) {
            if (row.text("verdict") == name(known)) {
                made.verdict = known;
            }
        }
        diagnosis.checks.push_back(std::move(made));
    }
    return diagnosis;
}

} // namespace detail

/// A line for each check.
inline std::string to_string(const diagnosis &diagnosis) {
    std::string lines;
    for (const check &check : diagnosis.checks) {
        lines += detail::padded(name(check.verdict), 4) + "  " + detail::padded(check.name, 12);
        lines += ' ' + check.found + (check.advice.empty() ? "" : ": ") + check.advice + '\n';
    }
    return lines;
}

} // namespace acclient

#endif
