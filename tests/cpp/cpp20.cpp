// Features of C++20: iterator and range concepts, std::stop_token, three-way comparison.
// Compiled with -std=c++20.
#include "check.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <stop_token>
#include <vector>

// Clang before 16 does not compile the views of libstdc++.
#if defined(__clang__) && __clang_major__ < 16
#define HAS_VIEWS 0
#else
#define HAS_VIEWS 1
#endif

namespace {

// Lists: random access to elements that are created on access.
template <class List> constexpr bool is_list() {
    using iterator = std::ranges::iterator_t<const List>;
    using traits = std::iterator_traits<iterator>;
    return std::random_access_iterator<iterator> && std::sentinel_for<iterator, iterator> &&
           std::ranges::random_access_range<const List> && std::ranges::sized_range<const List> &&
           std::ranges::common_range<const List> && std::default_initializable<iterator> &&
           std::is_same_v<typename traits::iterator_category, std::random_access_iterator_tag> &&
           std::is_same_v<typename traits::value_type, typename List::value_type> &&
           std::is_same_v<typename traits::difference_type, std::ptrdiff_t> &&
           std::is_same_v<typename traits::reference, typename List::value_type> &&
           std::is_class_v<typename traits::pointer>;
}
static_assert(is_list<acclient::outcomes>() && is_list<acclient::job_list>());
static_assert(is_list<acclient::answer>() && is_list<acclient::answer_ref>());
static_assert(is_list<acclient::command_list>());
static_assert(std::ranges::borrowed_range<acclient::answer_ref>);
static_assert(!std::ranges::borrowed_range<acclient::answer>);
static_assert(!std::ranges::borrowed_range<acclient::job_list>);

// Streams: input iterators over results that the stream keeps.
template <class Stream, class Value> constexpr bool is_stream() {
    using iterator = std::ranges::iterator_t<Stream>;
    using traits = std::iterator_traits<iterator>;
    using element = acclient::result<Value>;
    return std::input_iterator<iterator> && !std::forward_iterator<iterator> &&
           std::sentinel_for<iterator, iterator> && std::ranges::input_range<Stream> &&
           std::ranges::common_range<Stream> &&
           std::is_same_v<typename traits::iterator_category, std::input_iterator_tag> &&
           std::is_same_v<typename traits::value_type, element> &&
           std::is_same_v<typename traits::difference_type, std::ptrdiff_t> &&
           std::is_same_v<typename traits::reference, element &> &&
           std::is_same_v<typename traits::pointer, element *>;
}
static_assert(is_stream<acclient::results, acclient::job>());
static_assert(is_stream<acclient::rollout, acclient::job>());
static_assert(is_stream<acclient::follower, acclient::message>());

static_assert(std::three_way_comparable<agent_id, std::strong_ordering>);
static_assert((agent_id{1, 2} <=> agent_id{1, 3}) < 0 && agent_id{2, 1} > agent_id{1, 2});

void lists(const acclient::client &client) {
    say("lists as ranges");
    const auto agents = client.list_agents();
    const auto is_storage = [](const auto &row) { return row.text("roles.0") == "storage"; };
    CHECK(std::ranges::count_if(agents, is_storage) == 1);
    const auto found = std::ranges::find_if(agents, is_storage);
    CHECK(found != agents.end() && found->integer("nid") == 2 && found - agents.begin() == 1);
    auto it = agents.begin();
    CHECK(it[2].integer("gid") == 2 && (2 + it)->integer("gid") == 2 && it++ == agents.begin());
    CHECK(--it == agents.begin() && it + 3 == agents.end() && it < agents.end());
    CHECK(std::ranges::distance(agents) == 3);
#if HAS_VIEWS
    std::vector<std::int64_t> gids;
    for (const auto row : agents | std::views::reverse | std::views::take(2)) {
        gids.push_back(row.integer("gid"));
    }
    CHECK((gids == std::vector<std::int64_t>{2, 1}));
#endif
    // Iterators of a list stay valid when the list is moved.
    auto list = client.list_agents();
    const auto last = list.begin() + 2;
    const auto moved = std::move(list);
    CHECK(last->integer("gid") == 2 && moved.size() == 3);
}

void streams(const acclient::client &client) {
    say("streams as ranges");
    const auto command = client.bash(target::all(), "echo $AGENT_GID").submit();
#if HAS_VIEWS
    auto results = command.results(120s);
    std::set<agent_id> agents;
    for (const auto &agent : results | std::views::transform([](const auto &result) {
                                 return result.value().agent();
                             })) {
        agents.insert(agent);
    }
    CHECK((agents == std::set<agent_id>{{1, 1}, {1, 2}, {2, 1}}));
#endif
    auto again = command.results(120s);
    CHECK(std::ranges::all_of(again, [](const auto &result) { return result.has_value(); }));
    // *it++ moves the element out.
    auto kept = command.results(120s);
    std::vector<acclient::job> jobs;
    for (auto it = kept.begin(); it != kept.end();) {
        jobs.push_back((*it++).value());
    }
    CHECK(jobs.size() == 3 && jobs[2].is_success());
}

void stop_tokens(const acclient::client &client) {
    say("a stop token ends a call");
    auto command = client.execute(target::agent({1, 1}), "sleep").arg("600").submit();
    std::stop_source source;
    std::jthread stopping([&] {
        std::this_thread::sleep_for(50ms);
        source.request_stop();
    });
    BAD(errc::cancelled, command.try_next_result(timeout::none().or_cancelled(source.get_token())));
    BAD(errc::cancelled, client.try_ping(timeout(5s).or_cancelled(source.get_token())));

    say("a stop token ends the results created with it");
    std::stop_source other;
    auto results = command.results(timeout::none().or_cancelled(other.get_token()));
    std::jthread later([&] {
        std::this_thread::sleep_for(50ms);
        other.request_stop();
    });
    auto moved = std::move(results);
    BAD(errc::cancelled, moved.try_next());
    // A timeout with the token of a jthread, and one with a token that has no source.
    std::jthread([&](std::stop_token token) {
        client.ping(timeout(5s).or_cancelled(std::move(token)));
    }).join();
    client.ping(timeout(5s).or_cancelled(std::stop_token()));

    say("a timeout carries one token");
    const auto token = acclient::cancel_token::make();
    const std::stop_source unused;
    const auto both = timeout(5s).or_cancelled(token).or_cancelled(unused.get_token());
    BAD(errc::invalid_argument, client.try_ping(both));
    BAD(errc::invalid_argument, both.validate());
    const auto reversed = timeout(5s).or_cancelled(unused.get_token()).or_cancelled(token);
    BAD(errc::invalid_argument, client.try_ping(reversed));
    CHECK(!command.kill().failure());
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    lists(client);
    streams(client);
    stop_tokens(client);
}
