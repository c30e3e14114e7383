/// target, run_args, request: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_REQUEST_HPP
#define ACCLIENT_REQUEST_HPP

#include "command.hpp"
#include "rollout.hpp"

namespace acclient {

namespace detail {

/// Something that is built piece by piece, and keeps the first thing that is wrong.
class built {
  public:
    built() noexcept = default;

    /// The first thing that is wrong, if any. Does not block.
    result<void> check() const {
        return problem_ ? result<void>(*problem_) : result<void>();
    }

  protected:
    explicit built(error problem) : problem_(std::move(problem)) {
    }

    /// A piece, unless something is wrong already. The texts are those that must not hold NULs.
    template <class Call> void piece(std::initializer_list<std::string_view> texts, Call call) {
        if (problem_) {
            return;
        }
        if (holds_nul(texts)) {
            problem_ = nul_error();
        } else if (auto outcome = done(call); !outcome) {
            problem_ = outcome.error();
        }
    }

  private:
    std::optional<error> problem_;
};

/// Texts as C takes them.
inline std::vector<const char *> c_texts(const std::vector<std::string> &texts) {
    std::vector<const char *> pointers;
    for (const std::string &text : texts) {
        pointers.push_back(text.c_str());
    }
    return pointers;
}

/// The first text that cannot be passed to C; an empty one where all can.
inline std::string_view first_with_nul(const std::vector<std::string> &texts) noexcept {
    for (const std::string &text : texts) {
        if (holds_nul({text})) {
            return text;
        }
    }
    return {};
}

/// Whether one of the texts cannot be passed to C.
inline bool one_holds_nul(const std::vector<std::string> &texts) noexcept {
    return !first_with_nul(texts).empty();
}

} // namespace detail

/// Whom a command is for: one agent, any one agent with some roles, or all agents with them.
class target : public detail::built {
  public:
    /// An empty one.
    target() noexcept = default;

    /// One agent.
    static target agent(const agent_id &agent) {
        target made;
        made.make({}, [&](acclient_target **handle, acclient_error **error) {
            return acclient_target_agent(agent.gid, agent.nid, handle, error);
        });
        return made;
    }
    /// The agent nid of the grid gid.
    static target agent(std::int64_t gid, std::int64_t nid) {
        return agent(agent_id{gid, nid});
    }
    /// One agent, chosen by the controller at random, among those that have all of some roles; any
    /// agent without roles. Of one grid, or of all with 0.
    static target any(const std::vector<std::string> &roles = {}, std::int64_t gid = 0) {
        return with_roles(acclient_target_any, roles, gid);
    }
    /// Every agent that has all of some roles: a fan-out. Of one grid, or of all with 0.
    static target all(const std::vector<std::string> &roles = {}, std::int64_t gid = 0) {
        return with_roles(acclient_target_all, roles, gid);
    }

    /// As it stands in the printed form of a command, like "1:2" or "all,role=cpu".
    std::string_view printed() const noexcept {
        return detail::text(acclient_target_printed, get());
    }
    /// The C handle, borrowed.
    const acclient_target *get() const noexcept {
        return handle_.get();
    }

  private:
    template <class Call> void make(std::initializer_list<std::string_view> texts, Call call) {
        piece(texts, [&](acclient_error **error) {
            acclient_target *made = nullptr;
            const acclient_status status = call(&made, error);
            handle_.reset(made);
            return status;
        });
    }
    static target with_roles(decltype(acclient_target_any) *function,
                             const std::vector<std::string> &roles, std::int64_t gid) {
        target made;
        // One text with a NUL stands for all.
        const std::string_view nul = detail::one_holds_nul(roles) ? std::string_view("\0", 1) : "";
        made.make({nul}, [&](acclient_target **handle, acclient_error **error) {
            return function(detail::c_texts(roles).data(), roles.size(), gid, handle, error);
        });
        return made;
    }

    detail::handle<acclient_target, acclient_target_free> handle_;
};

/// How an agent runs a job. Everything is optional, and each function returns the same object:
/// `run_args args; args.max_time(30s).queue("backup");`
class run_args : public detail::built {
  public:
    /// Nothing set.
    run_args() {
        piece({}, [&](acclient_error **error) {
            acclient_run_args *made = nullptr;
            const acclient_status status = acclient_run_args_new(&made, error);
            handle_.reset(made);
            return status;
        });
    }

    /// Domain, a label by which processes and scripts are grouped.
    run_args &domain(std::string_view domain) {
        return set(acclient_run_args_set_domain, domain);
    }
    /// Name: the program for "execute", the script for "jumpscript", a label elsewhere.
    run_args &name(std::string_view name) {
        return set(acclient_run_args_set_name, name);
    }
    /// How long the job may run before the agent kills it and reports TIMEOUT: whole seconds, 0
    /// (the default) for no limit; below 0 is wrong.
    run_args &max_time(std::chrono::seconds time) {
        return set(acclient_run_args_set_max_time, not_negative(time.count()));
    }
    /// No limit to its time, and run again when the agent restarts.
    run_args &survive_restart() {
        return set(acclient_run_args_set_max_time, -1);
    }
    /// How many times the agent starts the job again when it fails. Default 0.
    run_args &max_restart(std::int64_t times) {
        return set(acclient_run_args_set_max_restart, times);
    }
    /// Runs the job again with this period until it is killed; it has no result until then. Default
    /// 0: runs once.
    run_args &recurring_period(std::chrono::seconds period) {
        return set(acclient_run_args_set_recurring_period, period.count());
    }
    /// How often the agent measures the job. Default 0: the agent's own.
    run_args &stats_interval(std::chrono::milliseconds interval) {
        return set(acclient_run_args_set_stats_interval, interval.count());
    }
    /// Which levels of output the agent logs: "*" (the default), or numbers and ranges like
    /// "1,2,6-9". "" leaves the choice to the agent.
    run_args &loglevels(std::string_view levels) {
        return set(acclient_run_args_set_loglevels, levels);
    }
    /// Which of them it keeps where messages are asked for. Form as loglevels().
    run_args &loglevels_db(std::string_view levels) {
        return set(acclient_run_args_set_loglevels_db, levels);
    }
    /// Which of them it sends to the controller. Form as loglevels().
    run_args &loglevels_ac(std::string_view levels) {
        return set(acclient_run_args_set_loglevels_ac, levels);
    }
    /// Jobs of one queue name run one after another on an agent. Default: no queue.
    run_args &queue(std::string_view queue) {
        return set(acclient_run_args_set_queue, queue);
    }
    /// The directory to run in. Default: the agent's own.
    run_args &working_dir(std::string_view directory) {
        return set(acclient_run_args_set_working_dir, directory);
    }
    /// Adds an argument of the program.
    run_args &arg(std::string_view arg) {
        return set(acclient_run_args_add_arg, arg);
    }
    /// Adds a variable to the environment of the job, which holds little else: no PATH.
    run_args &env(std::string_view name, std::string_view value) {
        piece({name, value}, [&](acclient_error **error) {
            return acclient_run_args_add_env(handle_.get(), std::string(name).c_str(),
                                             std::string(value).c_str(), error);
        });
        return *this;
    }
    /// Takes over all that other sets. Lists are replaced as a whole.
    run_args &merge(const run_args &other) {
        piece({}, [&](acclient_error **error) {
            return acclient_run_args_merge(handle_.get(), other.get(), error);
        });
        return *this;
    }

#if ACCLIENT_EXCEPTIONS
    /// The arguments as they go over the wire: one row. Throws what is wrong with them.
    answer to_json() const {
        return try_to_json().value();
    }
#endif
    /// As to_json(), without exceptions.
    result<answer> try_to_json() const {
        if (const auto checked = check(); !checked) {
            return checked.error();
        }
        return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
            return acclient_run_args_to_json(handle_.get(), made, error);
        });
    }
    /// The C handle, borrowed.
    const acclient_run_args *get() const noexcept {
        return handle_.get();
    }

  private:
    run_args &set(decltype(acclient_run_args_set_name) *function, std::string_view text) {
        piece({text}, [&](acclient_error **error) {
            return function(handle_.get(), std::string(text).c_str(), error);
        });
        return *this;
    }
    run_args &set(decltype(acclient_run_args_set_max_time) *function, std::int64_t number) {
        piece({}, [&](acclient_error **error) { return function(handle_.get(), number, error); });
        return *this;
    }
    /// -1 means something else than a time; a smaller number is refused.
    static std::int64_t not_negative(std::int64_t number) noexcept {
        return number < 0 ? INT64_MIN : number;
    }

    detail::handle<acclient_run_args, acclient_run_args_free> handle_;
};

/// A command before it is sent; a client makes it. It can be sent again and again, each time as a
/// command of its own. Each function that adds to it returns the same object:
/// `client.execute(target, "ls").arg("-l").run(10s)`
class request : public detail::built {
  public:
    /// An empty one.
    request() noexcept = default;
    /// Takes over a C handle.
    explicit request(acclient_request *handle) noexcept : handle_(handle) {
    }
    /// One that cannot be sent, and says why.
    explicit request(error problem) : built(std::move(problem)) {
    }

    /// Adds an argument of the program.
    request &arg(std::string_view arg) & {
        return set(acclient_request_add_arg, arg);
    }
    /// Adds arguments of the program.
    request &args(const std::vector<std::string> &args) & {
        for (const std::string &text : args) {
            arg(text);
        }
        return *this;
    }
    /// Merges run arguments into those set so far.
    request &run_args(const acclient::run_args &args) & {
        if (const auto checked = args.check(); !checked && check()) {
            *this = request(checked.error());
        }
        piece({}, [&](acclient_error **error) {
            return acclient_request_set_run_args(handle_.get(), args.get(), error);
        });
        return *this;
    }
    /// The data: the standard input of a program, JSON for the agents' own commands. UTF-8, which
    /// may hold NULs.
    request &data(std::string_view data) & {
        piece({}, [&](acclient_error **error) {
            return acclient_request_set_data(handle_.get(), data.data(), data.size(), error);
        });
        return *this;
    }
    /// An id of your own, instead of a new UUID for each time that it is sent. While a job of the
    /// same id runs, its agent refuses a second one, and the answer of the first counts for both.
    request &id(std::string_view id) & {
        return set(acclient_request_set_id, id);
    }
    /// Tags: a text that comes back with the result.
    request &tags(std::string_view tags) & {
        return set(acclient_request_set_tags, tags);
    }

    /// The same for one that is being made: `auto request = client.bash(target, script).tags("x");`
    request &&arg(std::string_view text) && {
        return std::move(arg(text));
    }
    /// See above.
    request &&args(const std::vector<std::string> &texts) && {
        return std::move(args(texts));
    }
    /// See above.
    request &&run_args(const acclient::run_args &args) && {
        return std::move(run_args(args));
    }
    /// See above.
    request &&data(std::string_view text) && {
        return std::move(data(text));
    }
    /// See above.
    request &&id(std::string_view text) && {
        return std::move(id(text));
    }
    /// See above.
    request &&tags(std::string_view text) && {
        return std::move(tags(text));
    }

#if ACCLIENT_EXCEPTIONS
    /// Sends the command and returns once Redis has it. It is never sent twice. Blocks. Throws
    /// errc::invalid_argument (nothing was sent), errc::server (it was not taken), errc::maybe_sent
    /// (error::command() tells how to look), errc::timeout, errc::cancelled, and what
    /// client::ping() throws.
    command submit(const time_limit &limit = {}) const {
        return try_submit(limit).value();
    }
    /// Sends the command so that trying again, with the same id, does not run it twice, and returns
    /// once Redis has it; a lost connection is replaced, and the command sent again where that is
    /// safe. Within 24 hours a second call with that id(), in this process or another, finds that
    /// it was submitted, and succeeds without sending anything; that holds as long as Redis keeps
    /// its data. It costs a key cmd.<id>.submitted, and what submit() sent leaves none. Blocks.
    /// Throws as submit(): where error::is_maybe_sent(), it may be made again with the same id;
    /// after any other error it was not sent.
    command submit_once(const time_limit &limit = {}) const {
        return try_submit_once(limit).value();
    }
    /// Sends the command and waits for its result, in one round trip to Redis where the target is
    /// one agent by its numbers. Not for a fan-out. A job that failed is a result like any other.
    /// Blocks. Throws what submit() and command::next_result() throw.
    job run(const time_limit &limit) const {
        return try_run(limit).value();
    }
    /// Sends the command and waits for the results of all agents that it went to. What did not
    /// arrive is told agent by agent, beside what did. With stop_at_failure it returns at the first
    /// agent that fails; the others are not killed. Blocks. Throws what submit() throws.
    collected run_all(const time_limit &limit, bool stop_at_failure = false) const {
        return try_run_all(limit, stop_at_failure).value();
    }
    /// Sends the command to all agents of its target, some at a time, each as a command of its own
    /// that job::id() tells; a target with roles means the agents that have them now. Nothing is
    /// sent before the first result is asked for. Not for target::any(), nor with an id(). Blocks
    /// until the controller has said which agents there are. Throws errc::invalid_argument (also
    /// for a wait for ever on a recurring command), errc::no_such_agent where no agent matches,
    /// errc::unknown_command from a controller that does not tell its agents, and what submit()
    /// throws.
    acclient::rollout rollout(const rollout_plan &plan, const time_limit &limit) const {
        return try_rollout(plan, limit).value();
    }
#endif
    /// As submit(), without exceptions.
    result<command> try_submit(const time_limit &limit = {}) const {
        return send(acclient_request_submit, limit);
    }
    /// As submit_once(), without exceptions.
    result<command> try_submit_once(const time_limit &limit = {}) const {
        return send(acclient_request_submit_once, limit);
    }
    /// As run(), without exceptions.
    result<job> try_run(const time_limit &limit) const {
        if (const auto checked = check(); !checked) {
            return checked.error();
        }
        return detail::made<job, acclient_job>([&](auto **made, auto **error) {
            return acclient_request_run(get(), limit.c_milliseconds(), limit.c_token(), made,
                                        error);
        });
    }
    /// As run_all(), without exceptions.
    result<collected> try_run_all(const time_limit &limit, bool stop_at_failure = false) const {
        if (const auto checked = check(); !checked) {
            return checked.error();
        }
        return detail::made<collected, acclient_collected>([&](auto **made, auto **error) {
            return acclient_request_run_all(get(), stop_at_failure, limit.c_milliseconds(),
                                            limit.c_token(), made, error);
        });
    }
    /// As rollout(), without exceptions.
    result<acclient::rollout> try_rollout(const rollout_plan &plan, const time_limit &limit) const {
        if (const auto checked = check(); !checked) {
            return checked.error();
        }
        return detail::made<acclient::rollout, acclient_rollout>([&](auto **made, auto **error) {
            return acclient_request_rollout(get(), plan.c_batch(), plan.c_percent(),
                                            plan.c_stop_after(), plan.c_sample(),
                                            limit.c_milliseconds(), limit.c_token(), made, error);
        });
    }
    /// The C handle, borrowed.
    const acclient_request *get() const noexcept {
        return handle_.get();
    }

  private:
    result<command> send(decltype(acclient_request_submit) *function,
                         const time_limit &limit) const {
        if (const auto checked = check(); !checked) {
            return checked.error();
        }
        return detail::made<command, acclient_command>([&](auto **made, auto **error) {
            return function(get(), limit.c_milliseconds(), limit.c_token(), made, error);
        });
    }
    request &set(decltype(acclient_request_set_id) *function, std::string_view text) {
        piece({text}, [&](acclient_error **error) {
            return function(get(), std::string(text).c_str(), error);
        });
        return *this;
    }

    detail::handle<acclient_request, acclient_request_free> handle_;
};

} // namespace acclient

#endif
