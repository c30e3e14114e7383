/// client, statistics and process_query: part of acclient.hpp, which describes the
/// conventions.
#ifndef ACCLIENT_CLIENT_HPP
#define ACCLIENT_CLIENT_HPP

#include "doctor.hpp"
#include "options.hpp"
#include "request.hpp"
#include "tunnel.hpp"

namespace acclient {
inline namespace v0_1 {

/// Query for the jobs that an agent is running. Default: all of them.
struct process_query {
    /// Restricts the query to a domain; see run_args::domain().
    std::optional<std::string> domain = std::nullopt;
    /// Restricts the query to a name; see run_args::name().
    std::optional<std::string> name = std::nullopt;
};

/// Connections and counters of a client and everything made from it. A plain value.
struct statistics {
    /// Connections that are open or being opened.
    std::size_t open_connections = 0;
    /// Open connections that no call uses.
    std::size_t idle_connections = 0;
    /// Calls that are waiting for a connection; see options::max_connections().
    std::size_t waiting_calls = 0;
    /// Connections opened since the client was created.
    std::uint64_t connected = 0;
    /// Times that a call had to wait for a connection.
    std::uint64_t pool_waits = 0;
    /// Commands pushed and confirmed by Redis, including requests to agents and the controller.
    std::uint64_t pushed = 0;
    /// Waits for results by wait_method::blocking.
    std::uint64_t blocking_waits = 0;
    /// Waits for results by wait_method::tracking.
    std::uint64_t tracking_waits = 0;
    /// Waits for results by wait_method::broadcast.
    std::uint64_t broadcast_waits = 0;
    /// Waits for results by wait_method::polling.
    std::uint64_t polling_waits = 0;
};

namespace detail {

using c_process_query = handle<acclient_process_query, acclient_process_query_free>;

/// Creates the C handle of a query.
inline result<c_process_query> to_c(const process_query &query) {
    if (holds_nul({query.domain.value_or(""), query.name.value_or("")})) {
        return nul_error();
    }
    acclient_process_query *handle = nullptr;
    auto made = done(acclient_process_query_new, &handle);
    c_process_query owned(handle);
    if (made && query.domain) {
        made = done(acclient_process_query_set_domain, handle, query.domain->c_str());
    }
    if (made && query.name) {
        made = done(acclient_process_query_set_name, handle, query.name->c_str());
    }
    return made ? result<c_process_query>(std::move(owned)) : result<c_process_query>(made.error());
}

/// Reads the row of an answer.
inline statistics read_statistics(const answer_ref &answer) {
    const auto count = [row = answer[0]](std::string_view field) {
        return static_cast<std::uint64_t>(row.integer(field));
    };
    const auto size = [&](std::string_view field) {
        return static_cast<std::size_t>(count(field));
    };
    return {size("open_connections"), size("idle_connections"), size("waiting_calls"),
            count("connected"),       count("pool_waits"),      count("pushed"),
            count("blocking_waits"),  count("tracking_waits"),  count("broadcast_waits"),
            count("polling_waits")};
}

} // namespace detail

/// Client of one grid, with a connection pool. Threads may share it. Commands, jobs and requests
/// made with it stay usable after it is destroyed.
class client {
  public:
    using c_type = acclient_client;

    /// An empty client.
    client() noexcept = default;
    /// Takes ownership of a C handle.
    explicit client(acclient_client *handle) noexcept : handle_(handle) {
    }
    /// Whether there is a client.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }
    /// The C handle, borrowed.
    const acclient_client *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

    // Connecting.

#if ACCLIENT_EXCEPTIONS
    /// Connects to the Redis of a grid and logs in. Later calls have their own timeouts.
    ///
    /// The URL has one of these forms; reserved characters are written as %xx:
    ///
    /// - redis://[[user]:password@]host[:port][/db]
    /// - rediss://..., the same over TLS; a trailing #insecure disables certificate verification
    /// - redis+unix:///path[?db=N&user=U&pass=P]
    /// - redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db]: the master of
    ///   that name as reported by these Sentinels
    /// - rediss+sentinel://..., the same with TLS to Sentinels and master
    ///
    /// Throws errc::invalid_argument, errc::connect, errc::authentication, errc::timeout,
    /// errc::cancelled, errc::unsupported for a Redis Cluster, errc::server for a database that
    /// does not exist, errc::protocol for a server other than Redis, errc::forked_handle,
    /// errc::system.
    static client connect(std::string_view url, const timeout &timeout = {}) {
        return try_connect(url, timeout).value();
    }
    /// Connects with options and logs in. Throws as connect().
    static client open(const options &options, const timeout &timeout = {}) {
        return try_open(options, timeout).value();
    }
    /// Creates a client with options without connecting; calls connect as needed. Reads the TLS
    /// files but does not block otherwise. Throws errc::invalid_argument for a value out of range
    /// or an unusable TLS file, errc::system.
    static client build(const options &options) {
        return try_build(options).value();
    }
    /// Connects to a named instance: a table of the TOML file named by the environment variable
    /// ACCLIENT_CONFIG, or else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config.
    ///
    /// A table has url, or host and port, or unix_socket; optionally user, password, db, tls
    /// (true), tls_ca_file, tls_cert_file, tls_key_file, timeout (seconds), max_connections; and a
    /// table of groups for resolve(). An error in one table does not affect the others.
    ///
    /// Do not call it while another thread calls setenv(3). Throws errc::invalid_argument for an
    /// unknown name or an invalid file, errc::system for an unreadable file, and as connect().
    static client instance(std::string_view name, const timeout &timeout = {}) {
        return try_instance(name, timeout).value();
    }
    /// Creates a client that shares everything with this one and adds a token, which ends all its
    /// calls and the calls of objects made with it, in addition to the token of each call. Throws
    /// errc::invalid_argument.
    client with_cancel(const cancel_token &token) const {
        return try_with_cancel(token).value();
    }
    /// Diagnoses everything that a command depends on: whether Redis can be reached, accepts the
    /// login, and supports what the library uses; whether a controller drains the queue; which
    /// agents answer, and how far behind they are. Sends the commands "list_agents" and "ping". Use
    /// a client from build() if Redis may be unreachable. Throws errc::invalid_argument,
    /// errc::cancelled, errc::closed, errc::forked_handle; problems of the grid are in the
    /// diagnosis.
    diagnosis doctor(const timeout &timeout = {}) const {
        return try_doctor(timeout).value();
    }
    /// Sends PING to Redis and waits for the reply. Throws as connect(), errc::pool_exhausted,
    /// errc::closed.
    void ping(const timeout &timeout = {}) const {
        try_ping(timeout).value();
    }
    /// Returns connections and counters. Does not block. Throws errc::invalid_argument for an empty
    /// client.
    acclient::statistics statistics() const {
        return try_statistics().value();
    }
#endif
    /// As connect(), without exceptions.
    static result<client> try_connect(std::string_view url, const timeout &timeout = {}) {
        if (detail::holds_nul({url})) {
            return detail::nul_error();
        }
        return detail::made_within<client>(timeout, acclient_client_connect,
                                           std::string(url).c_str());
    }
    /// As open(), without exceptions.
    static result<client> try_open(const options &options, const timeout &timeout = {}) {
        if (const auto valid = options.validate(); !valid) {
            return valid.error();
        }
        return detail::made_within<client>(timeout, acclient_client_open, options.get());
    }
    /// As build(), without exceptions.
    static result<client> try_build(const options &options) {
        if (const auto valid = options.validate(); !valid) {
            return valid.error();
        }
        return detail::made<client>(acclient_client_build, options.get());
    }
    /// As instance(), without exceptions.
    static result<client> try_instance(std::string_view name, const timeout &timeout = {}) {
        if (detail::holds_nul({name})) {
            return detail::nul_error();
        }
        return detail::made_within<client>(timeout, acclient_client_instance,
                                           std::string(name).c_str());
    }
    /// As with_cancel(), without exceptions.
    result<client> try_with_cancel(const cancel_token &token) const {
        if (!token) {
            return detail::empty_error();
        }
        return detail::made<client>(acclient_client_with_cancel, get(), token.get());
    }
    /// As doctor(), without exceptions.
    result<diagnosis> try_doctor(const timeout &timeout = {}) const {
        const auto answer = ask(timeout, acclient_client_doctor);
        return answer ? result<diagnosis>(detail::read_diagnosis(*answer))
                      : result<diagnosis>(answer.error());
    }
    /// As ping(), without exceptions.
    result<void> try_ping(const timeout &timeout = {}) const {
        return detail::done_within(timeout, acclient_client_ping, get());
    }
    /// As statistics(), without exceptions.
    result<acclient::statistics> try_statistics() const {
        const auto answer = detail::made<acclient::answer>(acclient_client_statistics, get());
        return answer ? result<acclient::statistics>(detail::read_statistics(*answer))
                      : result<acclient::statistics>(answer.error());
    }
    /// Closes the client: calls in progress on any thread, and all later ones, fail with
    /// errc::closed. Submitted commands continue to run. Blocks for up to half a second to send
    /// pending TTL updates.
    void close() const noexcept {
        acclient_client_close(get());
    }

    // Requests, sent by their submit(), run(), run_all() or rollout().

    /// Creates a request for any command that agents know: "ping", "killall", "restart", ...
    ///
    /// "restart" has no result, since an original agent exits at once: submit it and do not wait.
    /// "killall" is itself a job, which ends as SUCCESS or KILLED. The data of "controller" with
    /// the name "scheduler_add", and of "jumpscript_content", is checked when the request is sent,
    /// as the controller decodes it: errc::invalid_argument if the controller would exit, at once
    /// or when the schedule fires.
    request cmd(const target &target, std::string_view cmd) const {
        return prepare(target, {cmd}, acclient_request_new, std::string(cmd).c_str());
    }
    /// Creates a request to run a program. Set its arguments with request::arg() and its standard
    /// input with request::data().
    request execute(const target &target, std::string_view program) const {
        return prepare(target, {program}, acclient_request_execute, std::string(program).c_str());
    }
    /// Creates a request to run a shell script, with an extension that most agents have.
    request bash(const target &target, std::string_view script) const {
        return prepare(target, {}, acclient_request_bash, script.data(), script.size());
    }
    /// Creates a request to run a jumpscript that is installed on the agents. The keyword arguments
    /// are a JSON object.
    request execute_jumpscript(const target &target, std::string_view domain, std::string_view name,
                               std::string_view kwargs = "{}") const {
        return prepare(target, {domain, name, kwargs}, acclient_request_execute_jumpscript,
                       std::string(domain).c_str(), std::string(name).c_str(),
                       std::string(kwargs).c_str());
    }
    /// Creates a request to run a jumpscript that is sent with the command: Python code that
    /// defines "action".
    request execute_jumpscript_content(const target &target, std::string_view content,
                                       std::string_view kwargs = "{}") const {
        return prepare(target, {kwargs}, acclient_request_execute_jumpscript_content,
                       content.data(), content.size(), std::string(kwargs).c_str());
    }

    // Commands.

#if ACCLIENT_EXCEPTIONS
    /// Returns the command with an id. Sends nothing. The first wait finds out the agents, which a
    /// handle string contains. Throws errc::invalid_argument.
    command get_by_id(std::string_view id) const {
        return try_get_by_id(id).value();
    }
    /// Returns the command with a handle string, as returned by command::handle() or
    /// error::command_handle() in any process and any language. Sends nothing. Redis keeps results
    /// for 24 hours. Throws errc::invalid_argument.
    command get_by_handle(std::string_view handle) const {
        return try_get_by_handle(handle).value();
    }
    /// Sends many commands in one pipeline and returns once Redis has all of them. Returns a
    /// command or an error for each request, in the order of the requests: a command that the
    /// library or Redis rejects does not affect the others. Throws errc::invalid_argument if the
    /// call itself is invalid.
    std::vector<result<command>> submit_many(const std::vector<request> &requests,
                                             const timeout &timeout = {}) const {
        return try_submit_many(requests, timeout).value();
    }
    /// Iterates over the results of several commands, each once; job::id() returns the command's
    /// id: `client.wait_any({one, two}, 10s)`, with refs() for a vector. Throws as
    /// command::results().
    results wait_any(const std::vector<command_ref> &commands, const timeout &timeout) const {
        return try_wait_any(commands, timeout).value();
    }
    /// Reads up to count commands of the history, 1 to 10000, after skipping the start most recent
    /// ones. Only controllers older than the original of 2016 keep a history. Throws
    /// errc::unsupported if there is no history, errc::protocol if no entry can be decoded, and as
    /// ping(). If only some can, the others are omitted and logged.
    command_list get_cmds(std::uint32_t start, std::uint32_t count,
                          const timeout &timeout = {}) const {
        return try_get_cmds(start, count, timeout).value();
    }
#endif
    /// As get_by_id(), without exceptions.
    result<command> try_get_by_id(std::string_view id) const {
        if (detail::holds_nul({id})) {
            return detail::nul_error();
        }
        return detail::made<command>(acclient_client_get_by_id, get(), std::string(id).c_str());
    }
    /// As get_by_handle(), without exceptions.
    result<command> try_get_by_handle(std::string_view handle) const {
        if (detail::holds_nul({handle})) {
            return detail::nul_error();
        }
        return detail::made<command>(acclient_client_get_by_handle, get(),
                                     std::string(handle).c_str());
    }
    /// As submit_many(), without exceptions.
    result<std::vector<result<command>>> try_submit_many(const std::vector<request> &requests,
                                                         const timeout &timeout = {}) const {
        if (const auto valid = detail::positive(timeout); !valid) {
            return valid.error();
        }
        // An invalid request is not sent; its error is added below.
        std::vector<const acclient_request *> sent;
        for (const request &request : requests) {
            if (request.get() != nullptr && request.validate()) {
                sent.push_back(request.get());
            }
        }
        std::vector<acclient_command *> commands(sent.size());
        std::vector<acclient_error *> errors(sent.size());
        const auto submitted = detail::done(acclient_client_submit_many, get(), sent.data(),
                                            sent.size(), timeout.c_milliseconds(),
                                            timeout.c_token(), commands.data(), errors.data());
        if (!submitted) {
            return submitted.error();
        }
        std::vector<result<command>> made;
        made.reserve(requests.size());
        std::size_t next = 0;
        for (const request &request : requests) {
            if (const auto valid = request.validate(); !valid) {
                made.emplace_back(valid.error());
            } else if (request.get() == nullptr) {
                made.emplace_back(detail::empty_error());
            } else {
                if (errors[next] != nullptr) {
                    made.emplace_back(acclient::error(errors[next]));
                } else {
                    made.emplace_back(command(commands[next]));
                }
                next++;
            }
        }
        return made;
    }
    /// As wait_any(), without exceptions.
    result<results> try_wait_any(const std::vector<command_ref> &commands,
                                 const timeout &timeout) const {
        std::vector<const acclient_command *> handles;
        handles.reserve(commands.size());
        for (const command_ref &command : commands) {
            if (!command) {
                return detail::empty_error();
            }
            handles.push_back(command.get());
        }
        const acclient_command *const *data = handles.data();
        auto made = detail::made_within<results>(timeout, acclient_client_wait_any, get(), data,
                                                 handles.size());
        if (made) {
            made->keep_alive(timeout.keep_alive());
        }
        return made;
    }
    /// As get_cmds(), without exceptions.
    result<command_list> try_get_cmds(std::uint32_t start, std::uint32_t count,
                                      const timeout &timeout = {}) const {
        return detail::made_within<command_list>(timeout, acclient_client_get_cmds, get(), start,
                                                 count);
    }

    // Requests to an agent or the controller that wait for the answer. They throw
    // errc::no_such_agent, errc::job_failed if the agent failed, errc::unknown_command, and as
    // request::run().

#if ACCLIENT_EXCEPTIONS
    /// Lists the agents that the controller knows: a row each, with the fields "gid", "nid" and
    /// "roles" ("roles.0" is the first role). A dead agent stays in the list for 30 to 45 s. An
    /// agent that runs 100 jobs leaves it after 30 s until some jobs end. Throws errc::timeout if
    /// no controller drains the queue.
    answer list_agents(const timeout &timeout = {}) const {
        return try_list_agents(timeout).value();
    }
    /// Sends a "ping" to an agent and waits for its answer.
    void ping_agent(const agent_id &agent, const timeout &timeout = {}) const {
        try_ping_agent(agent, timeout).value();
    }
    /// Resolves an expression over agents to a target.
    ///
    /// Explicit agents, and roles that are all required, become a target without a request. For any
    /// other expression the call asks the controller for its agents, as list_agents() does, and
    /// returns a target that lists agents. Explicit agents are included even if they are not
    /// registered; ranges, patterns and "not" select registered agents.
    ///
    /// - "1:1-20,25,2:*": agents by number, with ranges ("-") and patterns ("*", "?")
    /// - "all", "any", "role=cpu,storage@1": as in target::parse()
    /// - "@web": a group of the named instance that the client was created from, a string in its
    ///   table "groups"
    /// - combined by "or", "and", "not" (in increasing precedence) and parentheses; "any" cannot be
    ///   combined
    ///
    /// Throws errc::invalid_argument for a syntax error or an unknown or invalid group,
    /// errc::no_such_agent if no agent matches, and as list_agents().
    target resolve(std::string_view expression, const timeout &timeout = {}) const {
        return try_resolve(expression, timeout).value();
    }
    /// Lists the registered agents that a target selects: rows as in list_agents(). Listed agents
    /// that the controller does not know are omitted, so there may be no rows. For target::any(),
    /// these are all agents that the controller chooses from.
    answer matching_agents(const target &target, const timeout &timeout = {}) const {
        return try_matching_agents(target, timeout).value();
    }
    /// Counts the commands that the controller has routed to one agent or a list of agents and that
    /// the agents have not fetched: a row for each agent, with the fields "gid", "nid" and
    /// "waiting". Reads Redis only. Agents whose key "cmds:<gid>:<nid>" the Redis user may not read
    /// are omitted. Throws errc::invalid_argument for a target with roles, and as ping().
    answer waiting_commands(const target &target, const timeout &timeout = {}) const {
        return try_waiting_commands(target, timeout).value();
    }
    /// Reads the processors of an agent's machine: a row each, with the fields "cpu", "vendor_id",
    /// "family", "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz",
    /// "cache_size" (KiB) and "flags".
    answer get_cpu_info(const agent_id &agent, const timeout &timeout = {}) const {
        return try_get_cpu_info(agent, timeout).value();
    }
    /// Reads the mounted file systems of an agent's machine: a row each, with the fields "device",
    /// "mountpoint", "fstype" and "opts".
    answer get_disk_info(const agent_id &agent, const timeout &timeout = {}) const {
        return try_get_disk_info(agent, timeout).value();
    }
    /// Reads the memory of an agent's machine: one row, with the fields "total", "available",
    /// "used", "free", "active", "inactive", "buffers", "cached", "wired", "shared" (bytes) and
    /// "used_percent".
    answer get_mem_info(const agent_id &agent, const timeout &timeout = {}) const {
        return try_get_mem_info(agent, timeout).value();
    }
    /// Reads the network interfaces of an agent's machine: a row each, with the fields "mtu",
    /// "name", "hardwareaddr", "flags" and "addrs" ("addrs.0.addr" is the first address).
    answer get_nic_info(const agent_id &agent, const timeout &timeout = {}) const {
        return try_get_nic_info(agent, timeout).value();
    }
    /// Reads the operating system of an agent's machine: one row, with the fields "hostname",
    /// "uptime" (seconds), "boot_time" (seconds since 1970), "procs", "os", "platform",
    /// "platform_family", "platform_version", "virtualization_system" and "virtualization_role".
    answer get_os_info(const agent_id &agent, const timeout &timeout = {}) const {
        return try_get_os_info(agent, timeout).value();
    }
    /// Reads the total resource usage of an agent and its jobs: one row, with the fields "cpu"
    /// (percent), "rss", "vms" and "swap" (bytes).
    answer get_aggregated_stats(const agent_id &agent, const timeout &timeout = {}) const {
        return try_get_aggregated_stats(agent, timeout).value();
    }
    /// Reads the jobs that an agent is running, this request included: a row each, with the fields
    /// "cmd" ("cmd.id", "cmd.cmd", ...), "cpu" (percent), "rss", "vms", "swap" (bytes) and "debug".
    answer get_processes(const agent_id &agent, const process_query &query = {},
                         const timeout &timeout = {}) const {
        return try_get_processes(agent, query, timeout).value();
    }
    /// Reads the jobs that every agent of every grid is running: answers as those of
    /// get_processes(). Errors of single agents are in their outcomes.
    outcomes get_all_processes(const process_query &query = {}, const timeout &timeout = {}) const {
        return try_get_all_processes(query, timeout).value();
    }
    /// Reads the log of a job on an agent, by the id of its command: a row for each message, newest
    /// first, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". No rows
    /// for a job that the agent does not know. Agents write logs with a short delay.
    answer get_msgs(const agent_id &agent, std::string_view id, const msg_query &query = {},
                    const timeout &timeout = {}) const {
        return try_get_msgs(agent, id, query, timeout).value();
    }
#endif
    /// As list_agents(), without exceptions.
    result<answer> try_list_agents(const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_list_agents);
    }
    /// As ping_agent(), without exceptions.
    result<void> try_ping_agent(const agent_id &agent, const timeout &timeout = {}) const {
        return detail::done_within(timeout, acclient_client_ping_agent, get(), agent.gid,
                                   agent.nid);
    }
    /// As resolve(), without exceptions.
    result<target> try_resolve(std::string_view expression, const timeout &timeout = {}) const {
        if (detail::holds_nul({expression})) {
            return detail::nul_error();
        }
        return detail::made_within<target>(timeout, acclient_client_resolve, get(),
                                           std::string(expression).c_str());
    }
    /// As matching_agents(), without exceptions.
    result<answer> try_matching_agents(const target &target, const timeout &timeout = {}) const {
        if (const auto valid = target.validate(); !valid) {
            return valid.error();
        }
        return ask(timeout, acclient_client_matching_agents, target.get());
    }
    /// As waiting_commands(), without exceptions.
    result<answer> try_waiting_commands(const target &target, const timeout &timeout = {}) const {
        if (const auto valid = target.validate(); !valid) {
            return valid.error();
        }
        return ask(timeout, acclient_client_waiting_commands, target.get());
    }
    /// As get_cpu_info(), without exceptions.
    result<answer> try_get_cpu_info(const agent_id &agent, const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_get_cpu_info, agent.gid, agent.nid);
    }
    /// As get_disk_info(), without exceptions.
    result<answer> try_get_disk_info(const agent_id &agent, const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_get_disk_info, agent.gid, agent.nid);
    }
    /// As get_mem_info(), without exceptions.
    result<answer> try_get_mem_info(const agent_id &agent, const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_get_mem_info, agent.gid, agent.nid);
    }
    /// As get_nic_info(), without exceptions.
    result<answer> try_get_nic_info(const agent_id &agent, const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_get_nic_info, agent.gid, agent.nid);
    }
    /// As get_os_info(), without exceptions.
    result<answer> try_get_os_info(const agent_id &agent, const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_get_os_info, agent.gid, agent.nid);
    }
    /// As get_aggregated_stats(), without exceptions.
    result<answer> try_get_aggregated_stats(const agent_id &agent,
                                            const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_get_aggregated_stats, agent.gid, agent.nid);
    }
    /// As get_processes(), without exceptions.
    result<answer> try_get_processes(const agent_id &agent, const process_query &query = {},
                                     const timeout &timeout = {}) const {
        const auto c_query = detail::to_c(query);
        return c_query ? ask(timeout, acclient_client_get_processes, agent.gid, agent.nid,
                             c_query->get())
                       : c_query.error();
    }
    /// As get_all_processes(), without exceptions.
    result<outcomes> try_get_all_processes(const process_query &query = {},
                                           const timeout &timeout = {}) const {
        const auto c_query = detail::to_c(query);
        return c_query ? detail::made_within<outcomes>(timeout, acclient_client_get_all_processes,
                                                       get(), c_query->get())
                       : c_query.error();
    }
    /// As get_msgs(), without exceptions.
    result<answer> try_get_msgs(const agent_id &agent, std::string_view id,
                                const msg_query &query = {}, const timeout &timeout = {}) const {
        const target one(agent);
        if (const auto valid = one.validate(); !valid) {
            return valid.error();
        }
        if (detail::holds_nul({id})) {
            return detail::nul_error();
        }
        const auto c_query = detail::to_c(query);
        return c_query ? ask(timeout, acclient_client_get_msgs, one.get(), std::string(id).c_str(),
                             c_query->get())
                       : c_query.error();
    }

    // The schedule of the controller. They throw as request::run().

#if ACCLIENT_EXCEPTIONS
    /// Adds a command to the controller's schedule, replacing an entry with the same id. The
    /// controller sends the command with a new id each time. cron: five or six fields, starting
    /// with seconds, like "0 30 3 * * *", or "@every 1h". Throws errc::invalid_argument also for
    /// values that the controller cannot decode (nothing was sent), errc::job_failed if the
    /// controller refuses.
    void schedule_add(std::string_view id, std::string_view cron, const request &request,
                      const timeout &timeout = {}) const {
        try_schedule_add(id, cron, request, timeout).value();
    }
    /// Lists the schedule, ordered by id: a row each, with the fields "id", "cron" and "cmd"
    /// ("cmd.cmd", "cmd.gid", ...).
    answer schedule_list(const timeout &timeout = {}) const {
        return try_schedule_list(timeout).value();
    }
    /// Removes an entry from the schedule. Returns whether an entry had this id.
    bool schedule_remove(std::string_view id, const timeout &timeout = {}) const {
        return try_schedule_remove(id, timeout).value();
    }
    /// Removes all entries whose id starts with a prefix from the schedule; "" removes all entries.
    void schedule_remove_prefix(std::string_view prefix, const timeout &timeout = {}) const {
        try_schedule_remove_prefix(prefix, timeout).value();
    }
#endif
    /// As schedule_add(), without exceptions.
    result<void> try_schedule_add(std::string_view id, std::string_view cron,
                                  const request &request, const timeout &timeout = {}) const {
        if (const auto valid = request.validate(); !valid) {
            return valid.error();
        }
        if (detail::holds_nul({id, cron})) {
            return detail::nul_error();
        }
        return detail::done_within(timeout, acclient_client_schedule_add, get(),
                                   std::string(id).c_str(), std::string(cron).c_str(),
                                   request.get());
    }
    /// As schedule_list(), without exceptions.
    result<answer> try_schedule_list(const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_schedule_list);
    }
    /// As schedule_remove(), without exceptions.
    result<bool> try_schedule_remove(std::string_view id, const timeout &timeout = {}) const {
        if (detail::holds_nul({id})) {
            return detail::nul_error();
        }
        bool removed = false;
        const auto done = detail::done_within(timeout, acclient_client_schedule_remove, get(),
                                              std::string(id).c_str(), &removed);
        return done ? result<bool>(removed) : result<bool>(done.error());
    }
    /// As schedule_remove_prefix(), without exceptions.
    result<void> try_schedule_remove_prefix(std::string_view prefix,
                                            const timeout &timeout = {}) const {
        if (detail::holds_nul({prefix})) {
            return detail::nul_error();
        }
        return detail::done_within(timeout, acclient_client_schedule_remove_prefix, get(),
                                   std::string(prefix).c_str());
    }

    // Tunnels. They throw as request::run().

#if ACCLIENT_EXCEPTIONS
    /// Opens a tunnel from a port of an agent's machine and returns it with its actual port. On
    /// success the agent listens on the port; an agent that has just started may first have to
    /// connect to the controller. For port 0, up to eight random ports from 49152 to 65535 are
    /// tried.
    ///
    /// Throws errc::invalid_argument also for a remote port of 0, an ip that is neither an IP
    /// address nor a host name, a gateway that is neither an agent nor the controller, and a tunnel
    /// from an agent to itself; errc::tunnel_exists if the agent lists the tunnel, open or not, in
    /// which case nothing changed; errc::job_failed, with the reason, if the agent cannot listen,
    /// in which case it does not list the tunnel. After a timeout the agent may open the tunnel
    /// later.
    tunnel tunnel_open(const agent_id &agent, const tunnel &wanted,
                       const timeout &timeout = {}) const {
        return try_tunnel_open(agent, wanted, timeout).value();
    }
    /// Closes a tunnel that tunnel_open() returned or that was made from a row of tunnel_list().
    /// Afterwards the agent does not listen for it, and connections through it have ended. Closing
    /// a listed tunnel that is already closed succeeds, since the agent does not tell the
    /// difference.
    ///
    /// Throws errc::no_such_tunnel if the agent does not list the tunnel. Port 0 matches only a
    /// tunnel listed with port 0; a tunnel opened by this library is listed with its actual port.
    closed_tunnel tunnel_close(const agent_id &agent, const tunnel &opened,
                               const timeout &timeout = {}) const {
        return try_tunnel_close(agent, opened, timeout).value();
    }
    /// Lists the tunnels of an agent, open or not, in no particular order: a row each, with the
    /// fields "local", "gateway", "ip" and "remote", from which a tunnel to be closed can be made.
    answer tunnel_list(const agent_id &agent, const timeout &timeout = {}) const {
        return try_tunnel_list(agent, timeout).value();
    }
    /// Opens a tunnel from a port of the controller's machine. Throws as tunnel_open(), and
    /// errc::unsupported if the controller does not support it; the original one does not.
    tunnel reverse_tunnel_open(const tunnel &wanted, const timeout &timeout = {}) const {
        return try_reverse_tunnel_open(wanted, timeout).value();
    }
    /// Closes a tunnel from a port of the controller's machine. Throws as tunnel_close(), and
    /// errc::unsupported.
    closed_tunnel reverse_tunnel_close(const tunnel &opened, const timeout &timeout = {}) const {
        return try_reverse_tunnel_close(opened, timeout).value();
    }
    /// Lists the tunnels from the controller's machine. Throws as tunnel_list(), and
    /// errc::unsupported.
    answer reverse_tunnel_list(const timeout &timeout = {}) const {
        return try_reverse_tunnel_list(timeout).value();
    }
#endif
    /// As tunnel_open(), without exceptions.
    result<tunnel> try_tunnel_open(const agent_id &agent, const tunnel &wanted,
                                   const timeout &timeout = {}) const {
        if (const auto valid = wanted.validate(); !valid) {
            return valid.error();
        }
        return detail::made_within<tunnel>(timeout, acclient_client_tunnel_open, get(), agent.gid,
                                           agent.nid, wanted.get());
    }
    /// As tunnel_close(), without exceptions.
    result<closed_tunnel> try_tunnel_close(const agent_id &agent, const tunnel &opened,
                                           const timeout &timeout = {}) const {
        if (const auto valid = opened.validate(); !valid) {
            return valid.error();
        }
        closed_tunnel closed;
        const auto done =
            detail::done_within(timeout, acclient_client_tunnel_close, get(), agent.gid, agent.nid,
                                opened.get(), &closed.still_listed);
        return done ? result<closed_tunnel>(closed) : result<closed_tunnel>(done.error());
    }
    /// As tunnel_list(), without exceptions.
    result<answer> try_tunnel_list(const agent_id &agent, const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_tunnel_list, agent.gid, agent.nid);
    }
    /// As reverse_tunnel_open(), without exceptions.
    result<tunnel> try_reverse_tunnel_open(const tunnel &wanted,
                                           const timeout &timeout = {}) const {
        if (const auto valid = wanted.validate(); !valid) {
            return valid.error();
        }
        return detail::made_within<tunnel>(timeout, acclient_client_reverse_tunnel_open, get(),
                                           wanted.get());
    }
    /// As reverse_tunnel_close(), without exceptions.
    result<closed_tunnel> try_reverse_tunnel_close(const tunnel &opened,
                                                   const timeout &timeout = {}) const {
        if (const auto valid = opened.validate(); !valid) {
            return valid.error();
        }
        closed_tunnel closed;
        const auto done = detail::done_within(timeout, acclient_client_reverse_tunnel_close, get(),
                                              opened.get(), &closed.still_listed);
        return done ? result<closed_tunnel>(closed) : result<closed_tunnel>(done.error());
    }
    /// As reverse_tunnel_list(), without exceptions.
    result<answer> try_reverse_tunnel_list(const timeout &timeout = {}) const {
        return ask(timeout, acclient_client_reverse_tunnel_list);
    }

  private:
    /// A request, or one that holds the reason why it cannot be sent.
    template <class... Params, class... Args>
    request prepare(const target &target, std::initializer_list<std::string_view> texts,
                    acclient_status (*function)(Params...), Args... args) const {
        if (const auto valid = target.validate(); !valid) {
            return request(valid.error());
        }
        if (detail::holds_nul(texts)) {
            return request(detail::nul_error());
        }
        auto made = detail::made<request>(function, get(), target.get(), args...);
        return made ? std::move(*made) : request(made.error());
    }
    /// Calls a C function that returns an answer.
    template <class... Params, class... Args>
    result<answer> ask(const timeout &timeout, acclient_status (*function)(Params...),
                       Args... args) const {
        return detail::made_within<answer>(timeout, function, get(), args...);
    }

    detail::handle<acclient_client, acclient_client_free> handle_;
};

} // namespace v0_1
} // namespace acclient

#endif
