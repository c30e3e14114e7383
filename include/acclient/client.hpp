/// client, tunnel, process_query: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_CLIENT_HPP
#define ACCLIENT_CLIENT_HPP

#include "doctor.hpp"
#include "options.hpp"
#include "request.hpp"

namespace acclient {

/// A tunnel: who connects to the port local() of an agent's machine talks to ip():remote() as the
/// gateway sees it. It stays open when the value is gone.
class tunnel : public detail::built {
  public:
    /// An empty one.
    tunnel() noexcept = default;
    /// Takes over a C handle.
    explicit tunnel(acclient_tunnel *handle) noexcept : handle_(handle) {
    }
    /// One to be opened or closed: the port that the agent listens on, or 0 to let it choose; where
    /// it comes out, an agent as "gid.nid" or "controller"; address (a number) and port from there.
    tunnel(std::uint16_t local, std::string_view gateway, std::string_view ip,
           std::uint16_t remote) {
        piece({gateway, ip}, [&](acclient_error **error) {
            acclient_tunnel *made = nullptr;
            const acclient_status status = acclient_tunnel_new(
                local, std::string(gateway).c_str(), std::string(ip).c_str(), remote, &made, error);
            handle_.reset(made);
            return status;
        });
    }

    /// The port that the agent listens on; the real one of what client::tunnel_open() gave.
    std::uint16_t local() const noexcept {
        return acclient_tunnel_local(get());
    }
    /// Where it comes out: "gid.nid" or "controller".
    std::string_view gateway() const noexcept {
        return detail::text(acclient_tunnel_gateway, get());
    }
    /// The address that it connects to.
    std::string_view ip() const noexcept {
        return detail::text(acclient_tunnel_ip, get());
    }
    /// The port that it connects to.
    std::uint16_t remote() const noexcept {
        return acclient_tunnel_remote(get());
    }
    /// The C handle, borrowed.
    const acclient_tunnel *get() const noexcept {
        return handle_.get();
    }

  private:
    detail::handle<acclient_tunnel, acclient_tunnel_free> handle_;
};

/// Which jobs of an agent are wanted: those that were started with these run arguments.
struct process_query {
    /// Domain; none for all.
    std::optional<std::string> domain = std::nullopt;
    /// Name; none for all.
    std::optional<std::string> name = std::nullopt;
};

/// A client of one grid. Any number of threads may call with it at a time. Made with it, commands,
/// jobs and requests stay usable when it is gone.
class client {
  public:
    /// An empty one.
    client() noexcept = default;
    /// Takes over a C handle.
    explicit client(acclient_client *handle) noexcept : handle_(handle) {
    }
    /// Whether there is one.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }
    /// The C handle, borrowed.
    const acclient_client *get() const noexcept {
        return handle_.get();
    }

    // Connecting.

#if ACCLIENT_EXCEPTIONS
    /// Connects to the Redis of a grid and logs in. Blocks. Throws errc::invalid_argument,
    /// errc::unsupported for a Redis Cluster, errc::connect, errc::authentication,
    /// errc::server for a database that does not exist, errc::timeout, errc::cancelled,
    /// errc::protocol for a server that is no Redis, errc::forked_handle, errc::system.
    ///
    /// The URL has one of these forms, with %xx for what a URL cannot hold:
    ///
    /// - redis://[[user]:password@]host[:port][/db]
    /// - rediss://..., the same under TLS; #insecure at the end believes any certificate
    /// - redis+unix:///path[?db=N&user=U&pass=P]
    /// - redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db]: the master of
    ///   that name, wherever these Sentinels say that it is; rediss+sentinel://..., all of it under
    ///   TLS
    static client connect(std::string_view url, const time_limit &limit = {}) {
        return try_connect(url, limit).value();
    }
    /// Connects by settings. Blocks. Throws as connect().
    static client open(const options &options, const time_limit &limit = {}) {
        return try_open(options, limit).value();
    }
    /// Makes a client by settings, without a connection: each call makes what it needs. Does not
    /// block, but reads the files of TLS. Throws errc::invalid_argument for a value out of range
    /// and for files that cannot be used, errc::system.
    static client build(const options &options) {
        return try_build(options).value();
    }
    /// Connects to a named instance: a table of the TOML file that the variable ACCLIENT_CONFIG
    /// names, else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config. It has either url,
    /// or host and port, or unix_socket; and user, password, db, tls (true), tls_ca_file,
    /// tls_cert_file, tls_key_file, timeout (seconds), max_connections. Blocks; reads the
    /// environment. Throws errc::invalid_argument for an unknown name or a wrong file, errc::system
    /// for one that cannot be read, and as connect().
    static client instance(std::string_view name, const time_limit &limit = {}) {
        return try_instance(name, limit).value();
    }
    /// Looks at everything that a command needs on its way, and says what is wrong: whether Redis
    /// can be reached, takes the login, and what it can do; whether a controller drains the queue;
    /// which agents answer, and how far behind they are. It sends the commands "list_agents" and
    /// "ping". Blocks. Throws errc::invalid_argument, errc::cancelled, errc::closed,
    /// errc::forked_handle; what is wrong with the grid is in what it returns. A client of build()
    /// looks at a Redis that cannot be reached.
    diagnosis doctor(const time_limit &limit = {}) const {
        return try_doctor(limit).value();
    }
    /// Asks Redis for a sign of life. Blocks. Throws as connect(), errc::pool_exhausted,
    /// errc::closed.
    void ping(const time_limit &limit = {}) const {
        try_ping(limit).value();
    }
#endif
    /// As connect(), without exceptions.
    static result<client> try_connect(std::string_view url, const time_limit &limit = {}) {
        if (detail::holds_nul({url})) {
            return detail::nul_error();
        }
        return detail::made<client, acclient_client>([&](auto **made, auto **error) {
            return acclient_client_connect(std::string(url).c_str(), limit.c_milliseconds(),
                                           limit.c_token(), made, error);
        });
    }
    /// As open(), without exceptions.
    static result<client> try_open(const options &options, const time_limit &limit = {}) {
        if (const auto checked = options.check(); !checked) {
            return checked.error();
        }
        return detail::made<client, acclient_client>([&](auto **made, auto **error) {
            return acclient_client_open(options.get(), limit.c_milliseconds(), limit.c_token(),
                                        made, error);
        });
    }
    /// As build(), without exceptions.
    static result<client> try_build(const options &options) {
        if (const auto checked = options.check(); !checked) {
            return checked.error();
        }
        return detail::made<client, acclient_client>([&](auto **made, auto **error) {
            return acclient_client_build(options.get(), made, error);
        });
    }
    /// As instance(), without exceptions.
    static result<client> try_instance(std::string_view name, const time_limit &limit = {}) {
        if (detail::holds_nul({name})) {
            return detail::nul_error();
        }
        return detail::made<client, acclient_client>([&](auto **made, auto **error) {
            return acclient_client_instance(std::string(name).c_str(), limit.c_milliseconds(),
                                            limit.c_token(), made, error);
        });
    }
    /// As doctor(), without exceptions.
    result<diagnosis> try_doctor(const time_limit &limit = {}) const;
    /// As ping(), without exceptions.
    result<void> try_ping(const time_limit &limit = {}) const {
        return detail::done([&](auto **error) {
            return acclient_client_ping(get(), limit.c_milliseconds(), limit.c_token(), error);
        });
    }
    /// Closes it: calls under way, in whatever thread, end with errc::closed, and so does every
    /// later one. Commands that were sent go on. Blocks for half a second at most.
    void close() const noexcept {
        acclient_client_close(get());
    }

    // Commands: requests, which are sent by their submit(), run() or run_all().

    /// A command that agents know: "ping", "killall", "restart", ...
    request cmd(const target &target, std::string_view cmd) const {
        return prepare(target, {cmd}, [&](auto **made, auto **error) {
            return acclient_request_new(get(), target.get(), std::string(cmd).c_str(), made, error);
        });
    }
    /// A program for a target to run, with request::arg() and request::data().
    request execute(const target &target, std::string_view program) const {
        return prepare(target, {program}, [&](auto **made, auto **error) {
            return acclient_request_execute(get(), target.get(), std::string(program).c_str(), made,
                                            error);
        });
    }
    /// A shell script for a target to run, an extension that agents usually have.
    request bash(const target &target, std::string_view script) const {
        return prepare(target, {}, [&](auto **made, auto **error) {
            return acclient_request_bash(get(), target.get(), script.data(), script.size(), made,
                                         error);
        });
    }
    /// A jumpscript that the agents have; its keyword arguments are a JSON object.
    request jumpscript(const target &target, std::string_view domain, std::string_view name,
                       std::string_view kwargs = "{}") const {
        return prepare(target, {domain, name, kwargs}, [&](auto **made, auto **error) {
            return acclient_request_jumpscript(get(), target.get(), std::string(domain).c_str(),
                                               std::string(name).c_str(),
                                               std::string(kwargs).c_str(), made, error);
        });
    }
    /// A jumpscript that is sent along: Python that defines "action".
    request jumpscript_content(const target &target, std::string_view content,
                               std::string_view kwargs = "{}") const {
        return prepare(target, {kwargs}, [&](auto **made, auto **error) {
            return acclient_request_jumpscript_content(get(), target.get(), content.data(),
                                                       content.size(), std::string(kwargs).c_str(),
                                                       made, error);
        });
    }

#if ACCLIENT_EXCEPTIONS
    /// Sends a program for one agent to run, in one call: execute() and submit(). The data is its
    /// standard input. Blocks. Throws as request::submit().
    acclient::command start(const agent_id &agent, std::string_view program,
                            const std::vector<std::string> &args = {}, std::string_view data = {},
                            const time_limit &limit = {}) const {
        return try_start(agent, program, args, data, limit).value();
    }
    /// A command that was sent before, by its id alone. Whom it was for is found out when it is
    /// waited for. Does not block. Throws errc::invalid_argument.
    acclient::command command(std::string_view id) const {
        return try_command(id).value();
    }
    /// A command by its printed form: what command::printed() and error::command() give, in this
    /// process or another, in whatever language. Does not block. Throws errc::invalid_argument.
    acclient::command command_from(std::string_view printed) const {
        return try_command_from(printed).value();
    }
    /// Sends many commands in one pipeline, and returns once Redis has them all. One that is
    /// refused holds up no other: each has its command or its error, in the same order. Blocks.
    /// Throws errc::invalid_argument about the call as a whole; all else is in what it returns.
    std::vector<result<acclient::command>> submit_many(const std::vector<request> &requests,
                                                       const time_limit &limit = {}) const {
        return try_submit_many(requests, limit).value();
    }
    /// The results of several commands, in order of completion, each once; job::id() tells the
    /// command: `client.wait_any({one, two}, 10s)`, and refs() for a vector. Does not block:
    /// waiting is for the results. Throws as command::results().
    results wait_any(const std::vector<command_ref> &commands, const time_limit &limit) const {
        return try_wait_any(commands, limit).value();
    }
    /// Commands of the past: count of them (1 to 10000), after start that are more recent still.
    /// Only controllers older than the original of 2016 keep a history. Blocks. Throws
    /// errc::unsupported where there is none, errc::protocol for an entry that cannot be read, and
    /// as ping().
    command_list get_cmds(std::uint32_t start, std::uint32_t count,
                          const time_limit &limit = {}) const {
        return try_get_cmds(start, count, limit).value();
    }
#endif
    /// As start(), without exceptions.
    result<acclient::command> try_start(const agent_id &agent, std::string_view program,
                                        const std::vector<std::string> &args = {},
                                        std::string_view data = {},
                                        const time_limit &limit = {}) const;
    /// As command(), without exceptions.
    result<acclient::command> try_command(std::string_view id) const;
    /// As command_from(), without exceptions.
    result<acclient::command> try_command_from(std::string_view printed) const;
    /// As submit_many(), without exceptions.
    result<std::vector<result<acclient::command>>>
    try_submit_many(const std::vector<request> &requests, const time_limit &limit = {}) const;
    /// As wait_any(), without exceptions.
    result<results> try_wait_any(const std::vector<command_ref> &commands,
                                 const time_limit &limit) const;
    /// As get_cmds(), without exceptions.
    result<command_list> try_get_cmds(std::uint32_t start, std::uint32_t count,
                                      const time_limit &limit = {}) const;

    // Questions to agents and to the controller. All block, and throw errc::no_such_agent,
    // errc::job_failed where the agent could not tell, errc::unknown_command, and what
    // request::run() throws.

#if ACCLIENT_EXCEPTIONS
    /// The agents that the controller knows at this moment: a row each, with the fields "gid",
    /// "nid" and "roles" ("roles.0" is the first). A dead one stays in the list for up to 30 s.
    /// Throws errc::timeout where no controller drains the queue.
    answer list_agents(const time_limit &limit = {}) const {
        return try_list_agents(limit).value();
    }
    /// Asks an agent for a sign of life.
    void ping_agent(const agent_id &agent, const time_limit &limit = {}) const {
        try_ping_agent(agent, limit).value();
    }
    /// The processors of its machine: a row each, with the fields "cpu", "vendor_id", "family",
    /// "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz", "cache_size"
    /// (KiB) and "flags".
    answer get_cpu_info(const agent_id &agent, const time_limit &limit = {}) const {
        return try_get_cpu_info(agent, limit).value();
    }
    /// The mounted file systems of its machine: a row each, with the fields "device", "mountpoint",
    /// "fstype" and "opts".
    answer get_disk_info(const agent_id &agent, const time_limit &limit = {}) const {
        return try_get_disk_info(agent, limit).value();
    }
    /// The memory of its machine: one row, with the fields "total", "available", "used", "free",
    /// "active", "inactive", "buffers", "cached", "wired", "shared" (bytes) and "used_percent".
    answer get_mem_info(const agent_id &agent, const time_limit &limit = {}) const {
        return try_get_mem_info(agent, limit).value();
    }
    /// The network interfaces of its machine: a row each, with the fields "mtu", "name",
    /// "hardwareaddr", "flags" and "addrs" ("addrs.0.addr" is the first address).
    answer get_nic_info(const agent_id &agent, const time_limit &limit = {}) const {
        return try_get_nic_info(agent, limit).value();
    }
    /// The operating system of its machine: one row, with the fields "hostname", "uptime"
    /// (seconds), "boot_time" (seconds since 1970), "procs", "os", "platform", "platform_family",
    /// "platform_version", "virtualization_system" and "virtualization_role".
    answer get_os_info(const agent_id &agent, const time_limit &limit = {}) const {
        return try_get_os_info(agent, limit).value();
    }
    /// What the agent and all its jobs use together: one row, with the fields "cpu" (per cent),
    /// "rss", "vms" and "swap" (bytes).
    answer get_aggregated_stats(const agent_id &agent, const time_limit &limit = {}) const {
        return try_get_aggregated_stats(agent, limit).value();
    }
    /// The jobs that it runs at this moment, this question included: a row each, with the fields
    /// "cmd" ("cmd.id", "cmd.cmd", ...), "cpu" (per cent), "rss", "vms", "swap" (bytes) and
    /// "debug".
    answer get_processes(const agent_id &agent, const process_query &query = {},
                         const time_limit &limit = {}) const {
        return try_get_processes(agent, query, limit).value();
    }
    /// The same of every agent of every grid. What is about one agent is in its outcome.
    outcomes get_all_processes(const process_query &query = {},
                               const time_limit &limit = {}) const {
        return try_get_all_processes(query, limit).value();
    }
    /// What a job has logged, by its id: a row for each message, newest first, with the fields
    /// "data", "level", "epoch" (milliseconds since 1970) and "id". A job that the agent does not
    /// know has none. The agent logs a little behind.
    answer get_msgs(const agent_id &agent, std::string_view id, const msg_query &query = {},
                    const time_limit &limit = {}) const {
        return try_get_msgs(agent, id, query, limit).value();
    }
#endif
    /// As list_agents(), without exceptions.
    result<answer> try_list_agents(const time_limit &limit = {}) const;
    /// As ping_agent(), without exceptions.
    result<void> try_ping_agent(const agent_id &agent, const time_limit &limit = {}) const;
    /// As get_cpu_info(), without exceptions.
    result<answer> try_get_cpu_info(const agent_id &agent, const time_limit &limit = {}) const;
    /// As get_disk_info(), without exceptions.
    result<answer> try_get_disk_info(const agent_id &agent, const time_limit &limit = {}) const;
    /// As get_mem_info(), without exceptions.
    result<answer> try_get_mem_info(const agent_id &agent, const time_limit &limit = {}) const;
    /// As get_nic_info(), without exceptions.
    result<answer> try_get_nic_info(const agent_id &agent, const time_limit &limit = {}) const;
    /// As get_os_info(), without exceptions.
    result<answer> try_get_os_info(const agent_id &agent, const time_limit &limit = {}) const;
    /// As get_aggregated_stats(), without exceptions.
    result<answer> try_get_aggregated_stats(const agent_id &agent,
                                            const time_limit &limit = {}) const;
    /// As get_processes(), without exceptions.
    result<answer> try_get_processes(const agent_id &agent, const process_query &query = {},
                                     const time_limit &limit = {}) const;
    /// As get_all_processes(), without exceptions.
    result<outcomes> try_get_all_processes(const process_query &query = {},
                                           const time_limit &limit = {}) const;
    /// As get_msgs(), without exceptions.
    result<answer> try_get_msgs(const agent_id &agent, std::string_view id,
                                const msg_query &query = {}, const time_limit &limit = {}) const;

    // The schedule of the controller. All block, and throw what request::run() throws.

#if ACCLIENT_EXCEPTIONS
    /// Has the controller send a command at certain times, each time with a new id. One of the same
    /// id is replaced. cron: five or six fields beginning with seconds, like "0 30 3 * * *", or
    /// "@every 1h". Throws errc::invalid_argument for what the controller would not understand
    /// (nothing was sent), errc::job_failed where it refuses.
    void schedule_add(std::string_view id, std::string_view cron, const request &request,
                      const time_limit &limit = {}) const {
        try_schedule_add(id, cron, request, limit).value();
    }
    /// What is scheduled, in the order of ids: a row each, with the fields "id", "cron" and "cmd"
    /// ("cmd.cmd", "cmd.gid", ...).
    answer schedule_list(const time_limit &limit = {}) const {
        return try_schedule_list(limit).value();
    }
    /// Takes a command off the schedule. Whether there was one of that id.
    bool schedule_remove(std::string_view id, const time_limit &limit = {}) const {
        return try_schedule_remove(id, limit).value();
    }
    /// Takes all commands whose ids begin with a prefix off the schedule; an empty one is all.
    void schedule_remove_prefix(std::string_view prefix, const time_limit &limit = {}) const {
        try_schedule_remove_prefix(prefix, limit).value();
    }
#endif
    /// As schedule_add(), without exceptions.
    result<void> try_schedule_add(std::string_view id, std::string_view cron,
                                  const request &request, const time_limit &limit = {}) const;
    /// As schedule_list(), without exceptions.
    result<answer> try_schedule_list(const time_limit &limit = {}) const;
    /// As schedule_remove(), without exceptions.
    result<bool> try_schedule_remove(std::string_view id, const time_limit &limit = {}) const;
    /// As schedule_remove_prefix(), without exceptions.
    result<void> try_schedule_remove_prefix(std::string_view prefix,
                                            const time_limit &limit = {}) const;

    // Tunnels. All block, and throw what request::run() throws.

#if ACCLIENT_EXCEPTIONS
    /// Opens a tunnel from a port of an agent's machine, and returns it with its real port. Throws
    /// errc::invalid_argument, also for a remote port of 0 and a tunnel of an agent to itself, and
    /// errc::job_failed where the agent cannot open it, which does not say why.
    tunnel tunnel_open(const agent_id &agent, const tunnel &wanted,
                       const time_limit &limit = {}) const {
        return try_tunnel_open(agent, wanted, limit).value();
    }
    /// Closes a tunnel: the one that tunnel_open() gave, or one made from a row of tunnel_list().
    /// One that is not open is no error. An agent goes on listing a tunnel whose port it chose.
    void tunnel_close(const agent_id &agent, const tunnel &opened,
                      const time_limit &limit = {}) const {
        try_tunnel_close(agent, opened, limit).value();
    }
    /// The tunnels from an agent's machine: a row each, with the fields "local", "gateway", "ip"
    /// and "remote".
    answer tunnel_list(const agent_id &agent, const time_limit &limit = {}) const {
        return try_tunnel_list(agent, limit).value();
    }
    /// As tunnel_open(), from a port of the controller's machine. Throws errc::unsupported too,
    /// from a controller that does not offer it, like the original one.
    tunnel reverse_tunnel_open(const tunnel &wanted, const time_limit &limit = {}) const {
        return try_reverse_tunnel_open(wanted, limit).value();
    }
    /// As tunnel_close(), on the controller's machine. Throws errc::unsupported too.
    void reverse_tunnel_close(const tunnel &opened, const time_limit &limit = {}) const {
        try_reverse_tunnel_close(opened, limit).value();
    }
    /// As tunnel_list(), on the controller's machine. Throws errc::unsupported too.
    answer reverse_tunnel_list(const time_limit &limit = {}) const {
        return try_reverse_tunnel_list(limit).value();
    }
#endif
    /// As tunnel_open(), without exceptions.
    result<tunnel> try_tunnel_open(const agent_id &agent, const tunnel &wanted,
                                   const time_limit &limit = {}) const;
    /// As tunnel_close(), without exceptions.
    result<void> try_tunnel_close(const agent_id &agent, const tunnel &opened,
                                  const time_limit &limit = {}) const;
    /// As tunnel_list(), without exceptions.
    result<answer> try_tunnel_list(const agent_id &agent, const time_limit &limit = {}) const;
    /// As reverse_tunnel_open(), without exceptions.
    result<tunnel> try_reverse_tunnel_open(const tunnel &wanted,
                                           const time_limit &limit = {}) const;
    /// As reverse_tunnel_close(), without exceptions.
    result<void> try_reverse_tunnel_close(const tunnel &opened, const time_limit &limit = {}) const;
    /// As reverse_tunnel_list(), without exceptions.
    result<answer> try_reverse_tunnel_list(const time_limit &limit = {}) const;

  private:
    /// A request, or one that says what is wrong with it.
    template <class Call>
    static request prepare(const target &target, std::initializer_list<std::string_view> texts,
                           Call call) {
        if (const auto checked = target.check(); !checked) {
            return request(checked.error());
        }
        if (detail::holds_nul(texts)) {
            return request(detail::nul_error());
        }
        auto made = detail::made<request, acclient_request>(call);
        return made ? std::move(*made) : request(made.error());
    }
    /// A question to one agent that has nothing else to it.
    result<answer> ask(decltype(acclient_client_get_cpu_info) *question, const agent_id &agent,
                       const time_limit &limit) const {
        return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
            return question(get(), agent.gid, agent.nid, limit.c_milliseconds(), limit.c_token(),
                            made, error);
        });
    }
    /// A question to the controller that has nothing else to it.
    result<answer> ask(decltype(acclient_client_list_agents) *question,
                       const time_limit &limit) const {
        return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
            return question(get(), limit.c_milliseconds(), limit.c_token(), made, error);
        });
    }

    detail::handle<acclient_client, acclient_client_free> handle_;
};

} // namespace acclient

#include "client_calls.hpp"

#endif
