/// target, run_args and request: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_REQUEST_HPP
#define ACCLIENT_REQUEST_HPP

#include "command.hpp"
#include "rollout.hpp"

namespace acclient {
inline namespace v0_1 {
namespace detail {

/// Object that is built step by step, and keeps the first error.
class built {
  public:
    /// The first error of the steps so far, if any. Does not block.
    result<void> validate() const {
        return error_ ? result<void>(*error_) : result<void>();
    }

  protected:
    built() noexcept = default;
    explicit built(error error) : error_(error) {
    }

    /// Takes a step, unless an earlier one failed: function(args..., &error). The texts are those
    /// that must not contain NULs.
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
    /// Keeps an error, unless there was one before.
    void fail(const error &error) {
        if (!error_) {
            error_ = error;
        }
    }

  private:
    std::optional<error> error_;
};

/// Texts as C takes them.
inline std::vector<const char *> c_texts(const std::vector<std::string> &texts) {
    std::vector<const char *> pointers;
    pointers.reserve(texts.size());
    for (const std::string &text : texts) {
        pointers.push_back(text.c_str());
    }
    return pointers;
}

/// The first text that contains a NUL; an empty one where none does.
inline std::string_view first_with_nul(const std::vector<std::string> &texts) noexcept {
    for (const std::string &text : texts) {
        if (holds_nul({text})) {
            return text;
        }
    }
    return {};
}

} // namespace detail

/// Target of a command: one agent, a list of agents, any one agent with some roles, or all agents
/// with them: `target::all().role("cpu").grid(1)`.
class ACCLIENT_OWNER target : public detail::built {
  public:
    using c_type = acclient_target;

    /// Is empty.
    target() noexcept = default;
    /// Takes over a C handle, to which role() and grid() add nothing.
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
    /// A list of agents, each once. The command has one id, and is pushed for every agent of the
    /// list or for none.
    static target agents(const std::vector<agent_id> &agents) {
        target made;
        made.make({}, acclient_target_agents);
        for (const agent_id &agent : agents) {
            made.step({}, acclient_target_add_agent, made.handle_.get(), agent.gid, agent.nid);
        }
        return made;
    }
    /// One agent, chosen by the controller at random: of all agents, unless role() and grid() say
    /// which.
    static target any() {
        target made;
        made.make({}, acclient_target_any);
        made.has_roles_ = true;
        return made;
    }
    /// Every agent, a fan-out: of all agents, unless role() and grid() say which.
    static target all() {
        target made;
        made.make({}, acclient_target_all);
        made.has_roles_ = true;
        return made;
    }
    /// Parses a target, to which role() and grid() add nothing: "1:2" for one agent, "1:2,2:1" for
    /// a list; "all" or "any"; "role=cpu,storage" for all agents with both roles, "any,role=cpu"
    /// for one; "@1" at the end for the agents of grid 1 only. In a role, characters may be written
    /// as %xx; a comma, "@", "%" and white space have to be.
    static target parse(std::string_view text) {
        target made;
        made.make({text}, acclient_target_parse, std::string(text).c_str());
        return made;
    }

    /// Requires a role of the agents of any() or all(), beside those required before. The role "*"
    /// is that of every agent.
    target &role(std::string_view role) & ACCLIENT_LIFETIMEBOUND {
        require_roles();
        step({role}, acclient_target_add_role, handle_.get(), std::string(role).c_str());
        return *this;
    }
    /// Requires the agents of any() or all() to be of one grid.
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

    /// The target in the form that parse() reads, like "1:2" or "all,role=cpu@1", as it is at the
    /// first call; later changes of the target do not change the text.
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
    /// Nothing set.
    run_args() {
        acclient_run_args *made = nullptr;
        step({}, acclient_run_args_new, &made);
        handle_.reset(made);
    }

    /// Sets the domain, a label by which processes and scripts are grouped.
    run_args &domain(std::string_view domain) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_domain, domain);
    }
    /// Sets the name: the program for "execute", the script for "jumpscript", a label elsewhere.
    run_args &name(std::string_view name) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_name, name);
    }
    /// Sets how long the job may run before the agent kills the process that it started and reports
    /// TIMEOUT: whole seconds, not negative; 0 (the default): no limit. It reaches no further than
    /// command::kill(): children of the process go on, a script of "bash" runs to its end, and
    /// TIMEOUT is reported when the last of them has closed the job's output. request::killable()
    /// makes it reach the script.
    run_args &max_time(std::chrono::seconds time) ACCLIENT_LIFETIMEBOUND {
        if (time.count() < 0) {
            fail({errc::invalid_argument, "invalid max_time: expected zero or more seconds"});
        }
        return set(acclient_run_args_set_max_time, std::int64_t{time.count()});
    }
    /// No limit of the run time, and asks for the job to be run again when the agent restarts,
    /// which the original agents never do.
    run_args &survive_restart() ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_max_time, std::int64_t{-1});
    }
    /// Sets how many times the agent runs the job at most while it fails, the first run included: 2
    /// is one more try, and 1 is none. The runs are 1 s apart, and the result is that of the last.
    /// Default 0: one run.
    run_args &max_restart(std::int64_t times) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_max_restart, times);
    }
    /// Runs the job again with this period until it is killed; it has no result until then. Default
    /// 0: runs once.
    run_args &recurring_period(std::chrono::seconds period) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_recurring_period, std::int64_t{period.count()});
    }
    /// Sets the interval at which the agent measures the job. Default 0: that of the agent.
    run_args &stats_interval(std::chrono::milliseconds interval) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_stats_interval, std::int64_t{interval.count()});
    }
    /// Sets the levels of output that the agent logs: "*" (the default), or numbers and ranges like
    /// "1,2,6-9". "" leaves the choice to the agent.
    run_args &loglevels(std::string_view levels) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_loglevels, levels);
    }
    /// Sets which of them it stores for requests of messages, in the form of loglevels().
    run_args &loglevels_db(std::string_view levels) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_loglevels_db, levels);
    }
    /// Sets which of them it sends to the controller, in the form of loglevels().
    run_args &loglevels_ac(std::string_view levels) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_loglevels_ac, levels);
    }
    /// Sets the queue of the agent in which the job waits for its turn: jobs of one queue name run
    /// one after another on an agent. Default: no queue, the job starts at once.
    ///
    /// A job that waits there is "RUNNING" as far as Redis can tell. The agent does not show it
    /// among its processes, no kill reaches it (errc::not_running), and it is lost if the agent
    /// dies. command::progress() reports stage::queued_on_agent. The order is that of submission
    /// only while the agent keeps up: of commands that wait for the agent to fetch them, later ones
    /// may overtake. A command that the agent refuses (UNKNOWN_CMD, DUPILICATE_ID) stops its queue
    /// until the agent restarts.
    run_args &queue(std::string_view queue) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_queue, queue);
    }
    /// Sets the working directory. Default: that of the agent.
    run_args &working_dir(std::string_view directory) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_set_working_dir, directory);
    }
    /// Adds an argument of the program of "execute"; scripts get none.
    run_args &arg(std::string_view arg) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_run_args_add_arg, arg);
    }
    /// Adds a variable to the environment of the job, which has few others: no PATH.
    run_args &env(std::string_view name, std::string_view value) ACCLIENT_LIFETIMEBOUND {
        step({name, value}, acclient_run_args_add_env, handle_.get(), std::string(name).c_str(),
             std::string(value).c_str());
        return *this;
    }
    /// Takes over everything that other sets; lists are replaced as a whole.
    run_args &merge(const run_args &other) ACCLIENT_LIFETIMEBOUND {
        if (const auto valid = other.validate(); !valid) {
            fail(valid.error());
        }
        step({}, acclient_run_args_merge, handle_.get(), other.get());
        return *this;
    }

#if ACCLIENT_EXCEPTIONS
    /// The arguments as they are sent: one row. Throws the error of validate().
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

/// Command before it is sent, made by a client. It can be sent many times, each time as a new
/// command. Each setter returns the same object: `client.execute(target, "ls").arg("-l").run(10s)`
class ACCLIENT_OWNER [[nodiscard]] request : public detail::built {
  public:
    using c_type = acclient_request;

    /// Is empty.
    request() noexcept = default;
    /// Takes over a C handle.
    explicit request(acclient_request *handle) noexcept : handle_(handle) {
    }
    /// A request that cannot be sent, for this reason.
    explicit request(error reason) : built(reason) {
    }

    /// Adds an argument of the program of "execute"; scripts get none.
    request &arg(std::string_view arg) & ACCLIENT_LIFETIMEBOUND {
        return set(acclient_request_add_arg, arg);
    }
    /// Adds arguments of the program.
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
    /// Sets the data: the standard input of a program, the script of "bash", JSON for built-in
    /// commands of the agents. UTF-8, which may contain NULs.
    ///
    /// The agent writes all of the standard input before it reads any output. So a program that
    /// answers while it reads, like cat, hangs without end once both exceed what a pipe holds, 64
    /// KiB on Linux: let it write to a file.
    request &data(std::string_view data) & ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_request_set_data, handle_.get(), data.data(), data.size());
        return *this;
    }
    /// Sets the id, instead of a new UUID for each time that the request is sent. While a job with
    /// the same id is running, its agent refuses a second one, and the result of the first counts
    /// for both. After it has ended the same id runs again, and waits by this command return the
    /// new result; a handle by the id alone returns what is newest in Redis.
    request &id(std::string_view id) & ACCLIENT_LIFETIMEBOUND {
        return set(acclient_request_set_id, id);
    }
    /// Sets the tags: a text that is returned with the result.
    request &tags(std::string_view tags) & ACCLIENT_LIFETIMEBOUND {
        return set(acclient_request_set_tags, tags);
    }

    /// Makes a kill and the maximum run time reach the script of "bash". Default: they do not.
    ///
    /// An agent kills the process that it started. For "bash" that is a shell which runs the script
    /// as a child, so without this option the script runs to its end, and only then KILLED or
    /// TIMEOUT is reported. With it the agent kills the shell that runs the script as well. This
    /// puts `echo 101::$$; ` in front of the script, by which the script announces its process to
    /// the agent.
    ///
    /// Commands that the script has started are still not killed, and the result waits for them as
    /// long as they hold the output. Let the script "exec" a long last command, or announce the
    /// process of a command in the same way: `command & echo 101::$!; wait`. The statistics of the
    /// job count announced processes too. Sending fails with errc::invalid_argument for any command
    /// but "bash", and for a script that starts with "#!".
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
    /// Throws errc::invalid_argument (nothing was sent), errc::server (it was rejected),
    /// errc::maybe_sent (it may run or not; error::command_handle() gives the handle string by
    /// which to find out), and as client::ping().
    command submit(const timeout &timeout = {}) const {
        return try_submit(timeout).value();
    }
    /// Sends the command so that retrying with the same id does not run it twice, and returns once
    /// Redis has it. Until the deadline it reconnects and sends the command again where that is
    /// safe.
    ///
    /// Set an id that can be set again. Within 24 hours a second call with that id, in this process
    /// or another, finds that the command was submitted, and succeeds without sending anything.
    /// This takes a key cmd.<id>.submitted, which submit() does not leave.
    ///
    /// The id stands for one target, command, run arguments, data and tags; any other is
    /// errc::id_in_use. A command that matched no agent (errc::no_such_agent) has not run: the same
    /// command is sent again under its id, and its old answer is removed. A list of agents is sent
    /// again only if none of them was known. A wait that is under way meanwhile returns the old
    /// answer or the new result; one for a target with roles may go on to its deadline.
    ///
    /// It holds as long as Redis keeps its data, and not where Redis may evict keys: with a
    /// maxmemory-policy other than noeviction a command whose key was evicted is sent twice.
    ///
    /// Throws errc::maybe_sent where no reply came in time after the command was sent, or Redis was
    /// replaced between two attempts: a second call with the same id does not run it twice. After
    /// any other error the command was not sent, unless error::is_maybe_sent(): errc::id_in_use,
    /// errc::timeout with what prevented it, and as submit().
    command submit_once(const timeout &timeout = {}) const {
        return try_submit_once(timeout).value();
    }
    /// Sends the command and waits for its result, in one round trip to Redis where the target is
    /// one agent. Not for a fan-out. A job that failed is a result like any other. Throws as
    /// submit() and command::next_result().
    job run(const timeout &timeout) const {
        return try_run(timeout).value();
    }
    /// Sends the command and waits for the results of all its agents. A job that failed is a result
    /// like any other; agents without a result by the deadline are reported as errors beside the
    /// results. With stop_at_failure it returns at the first agent that fails; the jobs of the
    /// others are not killed. Throws as submit().
    collected run_all(const timeout &timeout, bool stop_at_failure = false) const {
        return try_run_all(timeout, stop_at_failure).value();
    }
    /// Sends the command to all agents of its target in batches: the next batch is sent when all
    /// agents of the last have answered, and none after too many failures. Each agent gets a
    /// command of its own, whose id job::id() gives. A target with roles is resolved to the agents
    /// that have them now. No command is sent before the first result is waited for.
    ///
    /// Not for target::any(), nor with an id(). Waits for the controller to list its agents, at
    /// most for the default timeout of the client. Throws errc::invalid_argument, also for a wait
    /// without a timeout for a recurring command, errc::no_such_agent where no agent matches,
    /// errc::unknown_command where the controller does not list its agents, errc::timeout where no
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
