/// verdict, doctor_check and diagnosis: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_DOCTOR_HPP
#define ACCLIENT_DOCTOR_HPP

#include "answer.hpp"

#include <algorithm>
#include <vector>

namespace acclient {
inline namespace v0_1 {

/// Result of a check.
enum class verdict {
    /// Could not be found out: Redis does not tell, the user may not ask, or the time was too
    /// short. Also a verdict of a later version than these headers.
    unknown,
    /// As it should be.
    good,
    /// Works, but slower or with less than there could be.
    weak,
    /// Prevents commands from working.
    bad,
};

/// Name of a verdict, like "good".
inline std::string_view to_string(verdict verdict) noexcept {
    switch (verdict) {
    case verdict::good:
        return "good";
    case verdict::weak:
        return "weak";
    case verdict::bad:
        return "bad";
    case verdict::unknown:
        break;
    }
    return "unknown";
}

/// One check of client::doctor().
struct doctor_check {
    /// What was checked, different in each check: "redis", "login", "resp3", "tracking", "scripts",
    /// "memory", "eviction", "persistence", "queue", "controller", "agent 1:2", ... Later versions
    /// may check more.
    std::string name;
    /// The result.
    acclient::verdict verdict = acclient::verdict::unknown;
    /// What was found.
    std::string found;
    /// What to do about it; empty where nothing is to be done.
    std::string advice;
    /// Kind of the error that commands meet because of it, such as errc::timeout where something
    /// does not answer; errc::ok where no command has to fail.
    errc kind = errc::ok;
};

/// Result of client::doctor(). A plain value.
struct diagnosis {
    /// The checks, in the order in which a command depends on them.
    std::vector<doctor_check> checks;

    /// Whether no verdict is bad, and Redis, the controller and every agent have answered.
    bool is_healthy() const noexcept {
        return std::none_of(checks.begin(), checks.end(), [](const doctor_check &checked) {
            return checked.verdict == acclient::verdict::bad || checked.kind != errc::ok;
        });
    }
};

namespace detail {

/// A text, filled up with spaces to a width.
inline std::string padded(std::string_view text, std::size_t width) {
    std::string padded(text);
    if (padded.size() < width) {
        padded.resize(width, ' ');
    }
    return padded;
}

/// Reads the rows of an answer.
inline diagnosis read_diagnosis(const answer_ref &answer) {
    diagnosis diagnosis;
    for (const answer_row row : answer) {
        const auto field = [&](std::string_view name) {
            return std::string(row.text(name).value_or(""));
        };
        const auto kind = static_cast<errc>(row.integer("code"));
        doctor_check made{field("name"), verdict::unknown, field("found"), field("advice"), kind};
        for (const verdict known : {verdict::good, verdict::weak, verdict::bad}) {
            if (row.text("verdict") == to_string(known)) {
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
    std::size_t width = 0;
    for (const doctor_check &made : diagnosis.checks) {
        width = (std::max)(width, made.name.size());
    }
    std::string printed;
    for (const doctor_check &made : diagnosis.checks) {
        printed += detail::padded(to_string(made.verdict), 7) + "  ";
        printed += detail::padded(made.name, width) + "  " + made.found;
        printed += (made.advice.empty() ? "" : ": ") + made.advice + '\n';
    }
    return printed;
}

} // namespace v0_1
} // namespace acclient

#endif
