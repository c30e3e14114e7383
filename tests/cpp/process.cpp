// Signals, forks, lost servers, results with invalid text, and violated preconditions.
#include "check.hpp"

#include <atomic>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

const acclient::cancel_token *interrupt;

extern "C" void on_interrupt(int) {
    interrupt->cancel();
}

void interrupted(const acclient::client &client) {
    say("SIGINT ends a wait, whichever thread receives it");
    const auto token = acclient::cancel_token::make();
    interrupt = &token;
    CHECK(std::signal(SIGINT, on_interrupt) != SIG_ERR);
    auto command = client.execute(target::agent({1, 1}), "sleep").arg("600").submit();
    std::thread interrupting([] {
        std::this_thread::sleep_for(50ms);
        CHECK(kill(getpid(), SIGINT) == 0);
    });
    const auto begun = std::chrono::steady_clock::now();
    BAD(errc::cancelled, command.try_next_result(timeout(600s).or_cancelled(token)));
    CHECK(std::chrono::steady_clock::now() - begun < late_limit);
    interrupting.join();
    CHECK(token.is_cancelled());
    CHECK(std::signal(SIGINT, SIG_DFL) != SIG_ERR);
    CHECK(!command.kill().failure());
}

// Whether a forked child exits with EXIT_SUCCESS.
template <typename Child> bool succeeds(Child child) {
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(120);
        child();
        std::_Exit(EXIT_SUCCESS);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

void forked(acclient::client &client) {
    say("a forked child uses the client while another thread of the parent waits");
    const auto token = acclient::cancel_token::make();
    auto command = client.execute(target::agent({1, 1}), "sleep").arg("600").submit();
    std::atomic<bool> ended{false};
    std::thread waiting([&] {
        const auto job = command.try_next_result(60s);
        ended = true;
        GOOD(job);
        SAME(job->value().state(), "KILLED");
    });
    auto results = client.execute(target::all().role("cpu"), "true").submit().results(120s);
    CHECK(succeeds([&] {
        SAME(client.bash(target::agent({1, 2}), "echo child").run(10s).out(), "child\n");
        CHECK(token.cancel() == errc::forked_handle && !token.is_cancelled());
        BAD(errc::forked_handle, client.try_ping(timeout(10s).or_cancelled(token)));
        BAD(errc::forked_handle, results.try_next());
        SAME(client.execute(target::agent({1, 2}), "pwd").run(10s).state(), "SUCCESS");
    }));
    CHECK(succeeds([&] {
        client.close();
        BAD(errc::closed, client.try_ping());
    }));
    CHECK(!ended && !token.is_cancelled());
    client.ping();
    int count = 0;
    while (results.next()) {
        count++;
    }
    CHECK(count == 2);
    CHECK(!client.get_by_handle(command.handle()).kill().failure());
    waiting.join();
}

// Files that exhaust the descriptors of this process.
class open_files {
  public:
    open_files() {
        const rlimit few{200, 200};
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        int fd = -1;
        while ((fd = open("/proc/version", O_RDONLY)) >= 0) {
            files_.push_back(fd);
        }
    }
    bool can_be_read() const {
        const auto readable = [](int fd) {
            char start[5];
            return pread(fd, start, sizeof start, 0) == sizeof start &&
                   std::string_view(start, sizeof start) == "Linux";
        };
        return std::all_of(files_.begin(), files_.end(), readable);
    }

  private:
    std::vector<int> files_;
};

void inherited() {
    say("a forked child opens files and destroys inherited objects");
    auto client = acclient::client::connect(grid_url());
    auto other = acclient::client::connect(grid_url());
    auto token = acclient::cancel_token::make();
    const auto half = "[ $AGENT_GID:$AGENT_NID = 1:1 ] && exec sleep 600; true";
    auto request = client.bash(target::all().role("cpu"), half);
    auto command = request.submit();
    auto results = command.results(timeout(120s).or_cancelled(token));
    CHECK(results.next());
    auto rollout = request.rollout(acclient::rollout_plan::agents(2), 120s);
    auto job = rollout.next();
    CHECK(job);
    auto follow = job->follow(120s);
    const auto destroy = [&](const open_files &files, int first) {
        const std::function<void()> steps[] = {
            [&] { auto gone = std::move(results); }, [&] { auto gone = std::move(rollout); },
            [&] { auto gone = std::move(follow); },  [&] { auto gone = std::move(job); },
            [&] { auto gone = std::move(command); }, [&] { auto gone = std::move(request); },
            [&] { auto gone = std::move(token); },   [&] { auto gone = std::move(other); },
            [&] { auto gone = std::move(client); },
        };
        const int count = static_cast<int>(std::size(steps));
        for (int i = 0; i < count; i++) {
            steps[(first + i) % count]();
            CHECK(files.can_be_read());
        }
    };
    for (int first = 0; first < 9; first++) {
        CHECK(succeeds([&] { destroy(open_files(), first); }));
        CHECK(succeeds([&] {
            client.ping();
            destroy(open_files(), first);
        }));
        CHECK(succeeds([&] {
            client.ping();
            const open_files files;
            CHECK(succeeds([&] { destroy(files, first); }));
            CHECK(files.can_be_read());
            destroy(files, first);
        }));
    }
    client.ping();
    CHECK(token.cancel() == acclient::errc{});
    BAD(errc::cancelled, results.try_next());
}

// A Redis that closes the connection instead of confirming a command.
class vanishing_server {
  public:
    vanishing_server() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(bind(listener_, reinterpret_cast<sockaddr *>(&address), size) == 0);
        CHECK(listen(listener_, 1) == 0);
        CHECK(getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) == 0);
        url_ = "redis://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        thread_ = std::thread([this] { serve(); });
    }
    vanishing_server(const vanishing_server &) = delete;
    vanishing_server &operator=(const vanishing_server &) = delete;
    ~vanishing_server() {
        thread_.join();
    }
    const std::string &url() const {
        return url_;
    }

  private:
    void serve() const {
        const int peer = accept(listener_, nullptr, nullptr);
        CHECK(peer >= 0);
        std::string received;
        while (!contains(received, "\"cmd\":\"ping\"")) {
            char buffer[4096];
            const auto length = recv(peer, buffer, sizeof buffer, 0);
            CHECK(length > 0);
            const std::string_view request(buffer, static_cast<std::size_t>(length));
            received += request;
            const auto reply = contains(request, "HELLO")
                                   ? "%2\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n+standalone\r\n"
                                     "-NOPERM no INFO\r\n"sv
                                   : "+PONG\r\n"sv;
            if (!contains(received, "RPUSH")) {
                CHECK(send(peer, reply.data(), reply.size(), MSG_NOSIGNAL) > 0);
            }
        }
        CHECK(close(listener_) == 0);
        CHECK(close(peer) == 0);
    }

    int listener_;
    std::string url_;
    std::thread thread_;
};

void maybe_sent() {
    say("a server that closes the connection after receiving a command");
    const vanishing_server server;
    const auto client = acclient::client::connect(server.url());
    const auto command = client.cmd(target::agent({1, 1}), "ping").try_submit();
    BAD(errc::maybe_sent, command);
    CHECK(command.error().is_maybe_sent() && !command.error().is_retriable());
    CHECK(contains(command.error().command_handle().value(), "acclient:1:"));
    BAD(errc::connect, client.try_ping());
}

void invalid_text(const acclient::client &client) {
    say("invalid UTF-8, a lone surrogate and a NUL");
    auto broken = client.get_by_handle("acclient:1:broken:1:1");
    const auto job = broken.next_result(10s);
    CHECK(job);
    SAME(job->state(), "SUCCESS");
    SAME(job->out(), "caf\xef\xbf\xbd \0 \xef\xbf\xbd\n"sv);
    CHECK(contains(job->raw().value(), "caf\xe9 \\u0000 \\ud800"));
    CHECK((job->dropped_fields() == std::vector<std::string_view>{"critical", "tags"}));
    CHECK(!job->tags() && job->time() == 1s);
    CHECK(!client.bash(target::agent({1, 1}), "echo").run(10s).raw());
}

// Whether a function terminates a forked child by std::terminate().
template <typename Function> bool terminates(Function function) {
    return succeeds([&] {
        std::set_terminate([] { std::_Exit(EXIT_SUCCESS); });
        function();
        std::_Exit(EXIT_FAILURE);
    });
}

void preconditions() {
    say("violated preconditions terminate the program");
    const acclient::result<int> value = 1;
    const acclient::result<int> failed = acclient::error(errc::closed, "closed");
    const acclient::result<void> done;
    CHECK(terminates([&] { static_cast<void>(value.error()); }));
    CHECK(terminates([&] { static_cast<void>(*failed); }));
    CHECK(terminates([&] { static_cast<void>(done.error()); }));
    CHECK(!terminates([&] { static_cast<void>(*value); }));
}

} // namespace

int main() {
    preconditions();
    auto client = acclient::client::connect(grid_url());
    interrupted(client);
    forked(client);
    inherited();
    maybe_sent();
    invalid_text(client);
}
