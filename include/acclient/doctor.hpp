/// verdict, doctor_check and diagnosis: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_DOCTOR_HPP
#define ACCLIENT_DOCTOR_HPP

#include "answer.hpp"

#include <algorithm>
#include <vector>

namespace acclient {
inline namespace v0_1 {

/// Verdict of a check.
enum class verdict {
    /// Could not be determined: Redis does not tell, the user lacks the permission, or time ran
    /// out. Also a verdict of a later version than these headers.
    unknown,
    /// As it should be.
    good,
    /// Works, but slower or with fewer features than possible.
    weak,
    /// Prevents commands from working.
    bad,
};

/// Returns the name of a verdict, like "good".
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
    /// The subject, unique among the checks: "redis", "login", "resp3", "tracking", "scripts",
    /// "memory", "eviction", "persistence", "queue", "controller", "agent 1:2", ... Later versions
    /// may add checks.
    std::string name;
    /// The verdict.
    acclient::verdict verdict = acclient::verdict::unknown;
    /// The finding.
    std::string found;
    /// What to do; empty if nothing.
    std::string advice;
    /// The error that commands get because of it, such as errc::timeout if something does not
    /// answer; errc::ok if commands need not fail.
    errc kind = errc::ok;
};

/// Result of client::doctor(). A plain value.
struct diagnosis {
    /// The checks, in the order in which a command depends on them.
    std::vector<doctor_check> checks;

    /// Returns whether no verdict is bad and Redis, the controller and every agent have answered.
    bool is_healthy() const noexcept {
        return std::none_of(checks.begin(), checks.end(), [](const doctor_check &checked) {
            return checked.verdict == acclient::verdict::bad || checked.kind != errc::ok;
        });
    }
};

namespace detail {

/// Pads a text with spaces to a width.
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

/// Prints a line for each check.
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
