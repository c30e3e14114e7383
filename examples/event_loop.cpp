// Results of many agents in a program with an event loop, here poll(2) with a timer.
//
// On your own grid:
//   make lib
//   c++ -std=c++17 -Iinclude examples/event_loop.cpp -Ltarget/capi/release -lacclient -o event_loop
//   ACCLIENT_URL=redis://host LD_LIBRARY_PATH=target/capi/release ./event_loop

#include <acclient.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <poll.h>
#include <string>

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

// Prints the available results.
void take(acclient::results &results) {
    while (results.is_pending()) {
        const auto next = results.try_poll_next();
        if (!next) {
            // Concerns one agent, or is final, after which nothing is pending.
            std::cout << "error: " << next.error().what() << '\n';
        } else if (*next) {
            std::cout << "agent " << (*next)->agent() << ": " << (*next)->out();
        } else {
            return;
        }
    }
}

void loop(const std::string &url) {
    const auto client = acclient::client::connect(url);
    const auto command = client
                             .bash(acclient::target::all(),
                                   "sleep 0.$AGENT_GID; echo hello from $AGENT_GID:$AGENT_NID")
                             .submit();
    auto results = command.results(10s);
    take(results);

    // The program's own timer, which the wait for results does not delay.
    int ticks = 0;
    auto next_tick = steady::now() + 50ms;
    while (results.is_pending()) {
        const auto until_tick =
            std::chrono::ceil<std::chrono::milliseconds>(next_tick - steady::now());
        const auto wait = std::min(std::max(until_tick, 0ms), results.poll_timeout());
        // The descriptor may change with each call, or be -1, which poll(2) ignores.
        pollfd fd{results.poll_fd(), POLLIN, 0};
        const int ready = poll(&fd, 1, static_cast<int>(wait.count()));
        if (ready > 0 || results.poll_timeout() == 0ms) {
            take(results);
        }
        if (steady::now() >= next_tick) {
            ticks++;
            next_tick += 50ms;
        }
    }
    std::cout << "ticks of the timer meanwhile: " << ticks << '\n';
}

} // namespace

int main() {
    const char *url = std::getenv("ACCLIENT_URL");
    try {
        loop(url != nullptr ? url : "redis://127.0.0.1:6379");
    } catch (const acclient::error &error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
