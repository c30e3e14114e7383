/// target, run_args and request: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_REQUEST_HPP
#define ACCLIENT_REQUEST_HPP

#include "command.hpp"
#include "rollout.hpp"

namespace acclient {
inline namespace v0_1 {
namespace detail {

/// Object that is built step by step and keeps its first error.
class built {
  public:
    /// Returns the first error of the steps so far, if any. Does not block.
    result<void> validate() const {
        return error_ ? result<void>(*error_) : result<void>();
    }

  protected:
    built() noexcept = default;
    explicit built(error error) : error_(error) {
    }

    /// Takes a step, unless an earlier one failed: function(args..., &error). The texts must not
    /// contain NULs.
    template <class... Params, class... Args>
    void step(std::initializer_list<std::string_view> texts, acclient_status (*function)(Params...),
              Args... args) {
        if (error_) {
            return;
        }
        if (holds_nul(texts)) {
            error_ = nul_error();
        } else if (const auto outcome = done(function, args...); !outcome) {
            error_ = outcome.error();
        }
    }
    /// Keeps an error unless there is an earlier one.
    void fail(const error &error) {
        if (!error_) {
            error_ = error;
        }
    }

  private:
    std::optional<error> error_;
};

/// Pointers to texts, for C.
inline std::vector<const char *> c_texts(const std::vector<std::string> &texts) {
    std::vector<const char *> pointers;
    pointers.reserve(texts.size());
    for (const std::string &text : texts) {
        pointers.push_back(text.c_str());
    }
    return pointers;
}

/// The first text that contains a NUL, or an empty one.
inline std::string_view first_with_nul(const std::vector<std::string> &texts) noexcept {
    for (const std::string &text : texts) {
        if (holds_nul({text})) {
            return text;
        }
    }
    return {};
}

} // namespace detail

/// Target of a command: one agent, a list of agents, any one agent with certain roles, or all
/// agents with them: `target::all().role("cpu").grid(1)`.
class ACCLIENT_OWNER target : public detail::built {
  public:
    using c_type = acclient_target;

    /// An empty target.
    target() noexcept = default;
    /// Takes ownership of a C handle, which role() and grid() do not change.
    explicit target(acclient_target *handle) noexcept : handle_(handle) {
    }
    /// As agent().
    target(const agent_id &agent) {
        make({}, acclient_target_agent, agent.gid, agent.nid);
    }

    /// One agent.
    static target agent(const agent_id &agent) {
        return {agent};
    }
    /// A list of agents, without duplicates. The command has one id and is pushed to all agents of
    /// the list or to none.
    static target agents(const std::vector<agent_id> &agents) {
        target made;
        made.make({}, acclient_target_agents);
        for (const agent_id &agent : agents) {
            made.step({}, acclient_target_add_agent, made.handle_.get(), agent.gid, agent.nid);
        }
        return made;
    }
    /// One agent that the controller chooses at random. role() and grid() restrict the choice.
    static target any() {
        target made;
        made.make({}, acclient_target_any);
        made.has_roles_ = true;
        return made;
    }
    /// All agents, a fan-out. role() and grid() restrict it.
    static target all() {
        target made;
        made.make({}, acclient_target_all);
        made.has_roles_ = true;
        return made;
    }
    /// Parses a target, which role() and grid() do not change: "1:2" for one agent, "1:2,2:1" for a
    /// list; "all" or "any"; "role=cpu,storage" for all agents with both roles, "any,role=cpu" for
    /// one; a trailing "@1" restricts it to grid 1. In a role, comma, "@", "%" and white space must
    /// be written as %xx; other characters may be.
    static target parse(std::string_view text) {
        target made;
        made.make({text}, acclient_target_parse, std::string(text).c_str());
        return made;
    }

    /// Requires a role of any() or all(), in addition to those required before. Every agent has the
    /// role "*".
    target &role(std::string_view role) & ACCLIENT_LIFETIMEBOUND {
        require_roles();
        step({role}, acclient_target_add_role, handle_.get(), std::string(role).c_str());
        return *this;
    }
    /// Restricts any() or all() to one grid.
    target &grid(std::int64_t gid) & ACCLIENT_LIFETIMEBOUND {
        require_roles();
        step({}, acclient_target_set_grid, handle_.get(), gid);
        return *this;
    }
    /// As above, for a temporary.
    target &&role(std::string_view name) && ACCLIENT_LIFETIMEBOUND {
        return std::move(role(name));
    }
    /// As above, for a temporary.
    target &&grid(std::int64_t gid) && ACCLIENT_LIFETIMEBOUND {
        return std::move(grid(gid));
    }

    /// Returns the target in the form of parse(), like "1:2" or "all,role=cpu@1", as it is at the
    /// first call: later changes of the target do not change the text.
    std::string_view text() const noexcept ACCLIENT_LIFETIMEBOUND {
        return detail::text(acclient_target_text, get());
    }
    /// The C handle, borrowed.
    const acclient_target *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    template <class... Params, class... Args>
    void make(std::initializer_list<std::string_view> texts, acclient_status (*function)(Params...),
              Args... args) {
        acclient_target *made = nullptr;
        step(texts, function, args..., &made);
        handle_.reset(made);
    }

    void require_roles() {
        if (handle_ && !has_roles_) {
            fail({errc::invalid_argument,
                  "invalid target: role() and grid() require any() or all()"});
        }
    }

    detail::handle<acclient_target, acclient_target_free> handle_;
    bool has_roles_ = false;
};

/// Run arguments: how an agent runs a job. All are optional. Each setter returns the same object:
/// `run_args args; args.max_time(30s).queue("backup");`
class ACCLIENT_OWNER run_args : public detail::built {
  public:
    /// Creates run arguments with nothing set.
    run_args() {
        acclient_run_args *made = nullptr;
        step({}, acclient_run_args_new, &made);
        handle_.reset(made);
    }

    /// Sets the domain: a label that groups jobs and jumpscripts.
    run_args &domain(std::string_view domain) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_domain, domain);
    }
    /// Sets the name: the program for "execute", the script for "jumpscript", a label for other
    /// commands.
    run_args &name(std::string_view name) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_name, name);
    }
    /// Sets the maximum run time in whole seconds, not negative, after which the agent kills the
    /// process that it started and reports TIMEOUT. Default: 0, no limit. The limit reaches as far
    /// as command::kill(): children of the process continue to run, a script of "bash" runs to its
    /// end, and TIMEOUT is reported when the last of them has closed the job's output.
    /// request::killable() makes the limit reach the script.
    run_args &max_time(std::chrono::seconds time) ACCLIENT_LIFETIMEBOUND {
        if (time.count() < 0) {
            fail({errc::invalid_argument, "invalid max_time: expected zero or more seconds"});
        }
        return set(acclient_run_args_set_max_time, std::int64_t{time.count()});
    }
    /// Removes the run time limit and requests that the job be run again when the agent restarts,
    /// which the original agents never do.
    run_args &survive_restart() ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_max_time, std::int64_t{-1});
    }
    /// Sets the maximum number of runs of a job that fails, including the first: 2 allows one
    /// retry, 1 none. Runs are 1 s apart; the result is that of the last. Default: 0, one run.
    run_args &max_restart(std::int64_t times) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_max_restart, times);
    }
    /// Sets the period with which the job runs until it is killed. It has no result until then.
    /// Default: 0, one run.
    run_args &recurring_period(std::chrono::seconds period) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_recurring_period, std::int64_t{period.count()});
    }
    /// Sets the interval at which the agent measures the job. Default: 0, the agent's interval.
    run_args &stats_interval(std::chrono::milliseconds interval) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_stats_interval, std::int64_t{interval.count()});
    }
    /// Sets the output levels that the agent logs: "*" (the default), or numbers and ranges like
    /// "1,2,6-9". "" leaves the choice to the agent.
    run_args &loglevels(std::string_view levels) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_loglevels, levels);
    }
    /// Sets the logged levels that the agent stores for message requests, in the form of
    /// loglevels().
    run_args &loglevels_db(std::string_view levels) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_loglevels_db, levels);
    }
    /// Sets the logged levels that the agent sends to the controller, in the form of loglevels().
    run_args &loglevels_ac(std::string_view levels) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_loglevels_ac, levels);
    }
    /// Sets the queue on the agent: jobs with the same queue name run one after another on an
    /// agent. Default: no queue; the job starts at once.
    ///
    /// Redis shows a job that waits in a queue as "RUNNING". The agent does not list it among its
    /// jobs, a kill does not reach it (errc::not_running), and it is lost if the agent dies.
    /// command::progress() reports stage::queued_on_agent. Jobs run in the order of submission only
    /// if the agent keeps up: commands that it has not fetched may overtake each other. A command
    /// that the agent refuses (UNKNOWN_CMD, DUPILICATE_ID) blocks its queue until the agent
    /// restarts.
    run_args &queue(std::string_view queue) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_queue, queue);
    }
    /// Sets the working directory. Default: the agent's.
    run_args &working_dir(std::string_view directory) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_working_dir, directory);
    }
    /// Adds a program argument to "execute". Scripts receive no arguments.
    run_args &arg(std::string_view arg) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_add_arg, arg);
    }
    /// Adds an environment variable to the job, whose environment is otherwise small: it has no
    /// PATH.
    run_args &env(std::string_view name, std::string_view value) ACCLIENT_LIFETIMEBOUND {
        step({name, value}, acclient_run_args_add_env, handle_.get(), std::string(name).c_str(),
             std::string(value).c_str());
        return *this;
    }
    /// Sets everything that other sets; lists are replaced as a whole.
    run_args &merge(const run_args &other) ACCLIENT_LIFETIMEBOUND {
        if (const auto valid = other.validate(); !valid) {
            fail(valid.error());
        }
        step({}, acclient_run_args_merge, handle_.get(), other.get());
        return *this;
    }

#if ACCLIENT_EXCEPTIONS
    /// Returns the run arguments as they are sent, in one row. Throws the error of validate().
    answer to_json() const {
        return try_to_json().value();
    }
#endif
    /// As to_json(), without exceptions.
    result<answer> try_to_json() const {
        if (const auto valid = validate(); !valid) {
            return valid.error();
        }
        return detail::made<answer>(acclient_run_args_to_json, get());
    }
    /// The C handle, borrowed.
    const acclient_run_args *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    run_args &set(decltype(acclient_run_args_set_name) *function, std::string_view text) {
        step({text}, function, handle_.get(), std::string(text).c_str());
        return *this;
    }
    run_args &set(decltype(acclient_run_args_set_max_time) *function, std::int64_t number) {
        step({}, function, handle_.get(), number);
        return *this;
    }

    detail::handle<acclient_run_args, acclient_run_args_free> handle_;
};

/// A command to be sent, created by a client. It can be sent many times, each time as a new
/// command. Each setter returns the same object: `client.execute(target, "ls").arg("-l").run(10s)`
class ACCLIENT_OWNER [[nodiscard]] request : public detail::built {
  public:
    using c_type = acclient_request;

    /// An empty request.
    request() noexcept = default;
    /// Takes ownership of a C handle.
    explicit request(acclient_request *handle) noexcept : handle_(handle) {
    }
    /// A request that cannot be sent, with the reason.
    explicit request(error reason) : built(reason) {
    }

    /// Adds a program argument to "execute". Scripts receive no arguments.
    request &arg(std::string_view arg) & ACCLIENT_LIFETIMEBOUND {
        return set(acclient_request_add_arg, arg);
    }
    /// Adds program arguments to "execute".
    request &args(const std::vector<std::string> &args) & ACCLIENT_LIFETIMEBOUND {
        for (const std::string &text : args) {
            arg(text);
        }
        return *this;
    }
    /// Merges run arguments into those set before.
    request &run_args(const acclient::run_args &args) & ACCLIENT_LIFETIMEBOUND {
        if (const auto valid = args.validate(); !valid) {
            fail(valid.error());
        }
        step({}, acclient_request_set_run_args, handle_.get(), args.get());
        return *this;
    }
    /// Sets the data: the standard input of a program, the script of "bash", or JSON for a built-in
    /// command. UTF-8, which may contain NULs.
    ///
    /// An agent writes the whole standard input before it reads any output. A program that writes
    /// while it reads, like cat, therefore hangs once input and output both exceed the pipe buffer
    /// (64 KiB on Linux). Let it write to a file.
    request &data(std::string_view data) & ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_request_set_data, handle_.get(), data.data(), data.size());
        return *this;
    }
    /// Sets the id. Default: a new UUID each time the request is sent.
    ///
    /// While a job with the same id is running, its agent refuses a second one, and the result of
    /// the first counts for both. Once it has ended, the id can run again: waits by the new command
    /// return the new result, and a handle by id alone returns the newest result in Redis.
    request &id(std::string_view id) & ACCLIENT_LIFETIMEBOUND {
        return set(acclient_request_set_id, id);
    }
    /// Sets the tags: text that is returned with the result.
    request &tags(std::string_view tags) & ACCLIENT_LIFETIMEBOUND {
        return set(acclient_request_set_tags, tags);
    }

    /// Lets a kill and the maximum run time reach the script of a "bash" command. Default: they do
    /// not.
    ///
    /// An agent kills only the process that it started. For "bash" this is a shell whose child runs
    /// the script, so by default the script runs to its end before KILLED or TIMEOUT is reported.
    /// With this option the agent also kills the shell that runs the script: the line `echo
    /// 101::$$; ` is put in front of the script, by which it announces its process to the agent.
    ///
    /// Commands started by the script are still not killed, and the result waits for those that
    /// hold the output. Run a long last command with "exec", or announce the process of a command
    /// in the same way: `command & echo 101::$!; wait`. The statistics of the job include announced
    /// processes.
    ///
    /// Sending fails with errc::invalid_argument for any command but "bash", and for a script that
    /// starts with "#!".
    request &killable() & ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_request_set_killable, handle_.get());
        return *this;
    }

    // As above, for a temporary: `auto request = client.bash(target, script).tags("x");`

    request &&killable() && ACCLIENT_LIFETIMEBOUND {
        return std::move(killable());
    }
    request &&arg(std::string_view text) && ACCLIENT_LIFETIMEBOUND {
        return std::move(arg(text));
    }
    request &&args(const std::vector<std::string> &texts) && ACCLIENT_LIFETIMEBOUND {
        return std::move(args(texts));
    }
    request &&run_args(const acclient::run_args &args) && ACCLIENT_LIFETIMEBOUND {
        return std::move(run_args(args));
    }
    request &&data(std::string_view text) && ACCLIENT_LIFETIMEBOUND {
        return std::move(data(text));
    }
    request &&id(std::string_view text) && ACCLIENT_LIFETIMEBOUND {
        return std::move(id(text));
    }
    request &&tags(std::string_view text) && ACCLIENT_LIFETIMEBOUND {
        return std::move(tags(text));
    }

#if ACCLIENT_EXCEPTIONS
    /// Sends the command and returns once Redis has it. At most once: it is never sent again.
    /// Throws errc::invalid_argument (nothing was sent), errc::server (Redis rejected the command),
    /// errc::maybe_sent (the command may or may not run; look it up by error::command_handle()),
    /// and as client::ping().
    command submit(const timeout &timeout = {}) const {
        return try_submit(timeout).value();
    }
    /// Sends the command idempotently and returns once Redis has it: repeating the call with the
    /// same id does not run the command twice. Until the deadline it reconnects and retries where
    /// that is safe.
    ///
    /// Set an id() that later attempts can repeat. Within 24 hours a second call with that id, in
    /// any process, finds the command submitted and succeeds without sending anything. This uses
    /// the key cmd.<id>.submitted, which submit() does not set.
    ///
    /// The id identifies one target, command, run arguments, data and tags; a call with any other
    /// fails with errc::id_in_use. A command that matched no agent (errc::no_such_agent) has not
    /// run: calling again sends it under the same id and removes the old answer. A list of agents
    /// is sent again only if none of them was known. A concurrent wait returns the old answer or
    /// the new result; for a target with roles it may continue to its deadline.
    ///
    /// The guarantee requires that Redis keeps its data. With a maxmemory-policy other than
    /// noeviction, a command whose key was evicted is sent twice.
    ///
    /// Throws errc::maybe_sent if no reply arrived in time after the command was sent, or Redis was
    /// replaced between two attempts; calling again with the same id does not run the command
    /// twice. After any other error the command was not sent, unless error::is_maybe_sent():
    /// errc::id_in_use; errc::timeout, with the cause in its message; and as submit().
    command submit_once(const timeout &timeout = {}) const {
        return try_submit_once(timeout).value();
    }
    /// Sends the command and waits for its result. For a target of one agent, this takes one round
    /// trip to Redis. Not for a fan-out. A failed job is a result, not an error. Throws as submit()
    /// and command::next_result().
    job run(const timeout &timeout) const {
        return try_run(timeout).value();
    }
    /// Sends the command and waits for the results of all its agents. A failed job is a result, not
    /// an error; an agent without a result by the deadline is an error beside the results. With
    /// stop_at_failure it returns at the first agent that fails; the other jobs are not killed.
    /// Throws as submit().
    collected run_all(const timeout &timeout, bool stop_at_failure = false) const {
        return try_run_all(timeout, stop_at_failure).value();
    }
    /// Starts a rollout of the command to all agents of its target: the next batch is sent once all
    /// agents of the last have answered, and none after too many failures. Each agent gets a
    /// separate command, whose id job::id() returns. A target with roles is resolved to the agents
    /// that have them now. No command is sent before the first result is waited for.
    ///
    /// Not for target::any(), nor with an id(). Blocks, for the client's default timeout at most,
    /// until the controller has listed its agents. Throws errc::invalid_argument, also for a
    /// recurring command without a timeout, errc::no_such_agent if no agent matches,
    /// errc::unknown_command if the controller does not list its agents, errc::timeout if no
    /// controller answers, and as submit().
    acclient::rollout rollout(const rollout_plan &plan, const timeout &timeout) const {
        return try_rollout(plan, timeout).value();
    }
#endif
    /// As submit(), without exceptions.
    result<command> try_submit(const timeout &timeout = {}) const {
        return send<command>(timeout, acclient_request_submit);
    }
    /// As submit_once(), without exceptions.
    result<command> try_submit_once(const timeout &timeout = {}) const {
        return send<command>(timeout, acclient_request_submit_once);
    }
    /// As run(), without exceptions.
    result<job> try_run(const timeout &timeout) const {
        return send<job>(timeout, acclient_request_run);
    }
    /// As run_all(), without exceptions.
    result<collected> try_run_all(const timeout &timeout, bool stop_at_failure = false) const {
        return send<collected>(timeout, acclient_request_run_all, stop_at_failure);
    }
    /// As rollout(), without exceptions.
    result<acclient::rollout> try_rollout(const rollout_plan &plan, const timeout &timeout) const {
        const auto c_plan = plan.to_c();
        if (!c_plan) {
            return c_plan.error();
        }
        const acclient_rollout_plan *handle = c_plan->get();
        auto made = send<acclient::rollout>(timeout, acclient_request_rollout, handle);
        if (made) {
            made->keep_alive(timeout.keep_alive());
        }
        return made;
    }
    /// The C handle, borrowed.
    const acclient_request *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    template <class T, class... Params, class... Args>
    result<T> send(const timeout &timeout, acclient_status (*function)(Params...),
                   Args... args) const {
        if (const auto valid = validate(); !valid) {
            return valid.error();
        }
        return detail::made_within<T>(timeout, function, get(), args...);
    }
    request &set(decltype(acclient_request_set_id) *function, std::string_view text) {
        step({text}, function, handle_.get(), std::string(text).c_str());
        return *this;
    }

    detail::handle<acclient_request, acclient_request_free> handle_;
};

} // namespace v0_1
} // namespace acclient

#endif
