// Helpers of the C++ tests. The first check that fails prints its location and ends the program.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <acclient.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using acclient::agent_id;
using acclient::errc;
using acclient::target;
using acclient::timeout;

[[noreturn]] inline void give_up(const char *file, int line, const char *what,
                                 const std::string &seen) {
    std::fprintf(stderr, "%s:%d: FAILED: %s\n    %s\n", file, line, what, seen.c_str());
    std::fflush(nullptr);
    std::_Exit(EXIT_FAILURE);
}

// Checks a condition.
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            give_up(__FILE__, __LINE__, #condition, "");                                           \
        }                                                                                          \
    } while (0)

// Checks that two texts are equal.
#define SAME(seen, expected)                                                                       \
    do {                                                                                           \
        const std::string seen_text(seen);                                                         \
        if (seen_text != std::string(expected)) {                                                  \
            give_up(__FILE__, __LINE__, #seen " is " #expected, "it is: " + seen_text);            \
        }                                                                                          \
    } while (0)

// Checks that a result<T> has a value.
#define GOOD(outcome)                                                                              \
    do {                                                                                           \
        const auto &seen_result = (outcome);                                                       \
        if (!seen_result) {                                                                        \
            give_up(__FILE__, __LINE__, #outcome, seen_result.error().what());                     \
        }                                                                                          \
    } while (0)

// Checks that a result<T> has an error of a kind, whose message contains no C identifiers.
#define BAD(kind, outcome)                                                                         \
    do {                                                                                           \
        const auto &seen_result = (outcome);                                                       \
        if (seen_result.code() != (kind)) {                                                        \
            give_up(__FILE__, __LINE__, #outcome " is " #kind,                                     \
                    std::string(to_string(seen_result.code())));                                   \
        }                                                                                          \
        const std::string seen_message(seen_result.error().message());                             \
        if (seen_message.find("acclient_") != std::string::npos ||                                 \
            seen_message.find("timeout_ms") != std::string::npos) {                                \
            give_up(__FILE__, __LINE__, #outcome, seen_message);                                   \
        }                                                                                          \
    } while (0)

// Prints what is tested next.
inline void say(const char *what) {
    std::printf("%s\n", what);
    std::fflush(stdout);
}

// Polls until a condition holds.
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        const auto wait_end = std::chrono::steady_clock::now() + 120s;                             \
        while (!(condition)) {                                                                     \
            if (std::chrono::steady_clock::now() > wait_end) {                                     \
                give_up(__FILE__, __LINE__, "waiting until " #condition, "");                      \
            }                                                                                      \
            std::this_thread::sleep_for(5ms);                                                      \
        }                                                                                          \
    } while (0)

// How long after its deadline a call may return: long enough for a slow machine, short enough to
// detect a call that hangs.
constexpr auto late_limit = 30s;

// Retries, doubling the timeout until it suffices.
template <class Attempt> void with_growing_time(std::chrono::milliseconds limit, Attempt attempt) {
    while (!attempt(limit)) {
        CHECK(limit < 120s);
        limit *= 2;
    }
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

inline std::string grid_url() {
    const char *url = std::getenv("ACCLIENT_URL");
    CHECK(url != nullptr);
    return url;
}

#endif
