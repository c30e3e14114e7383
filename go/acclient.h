/* acclient: blocking client library for AgentController8.
 *
 * Generated from the Rust sources by cbindgen (`make header`); do not edit.
 *
 * These rules hold for every function. A description only says what is particular to it.
 *
 * Errors
 *   A function that can fail returns an acclient_status: ACCLIENT_OK (0) or the kind of failure. Its
 *   last parameter, error, receives the error, to be freed with acclient_error_free(), or NULL. It
 *   may be NULL if the status is enough.
 *   Any of these functions can return ACCLIENT_INVALID_ARGUMENT, before anything is changed or sent.
 *   With a timeout_ms or a handle that was given one, it can also return ACCLIENT_CONNECT,
 *   ACCLIENT_AUTHENTICATION, ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_SERVER,
 *   ACCLIENT_PROTOCOL, ACCLIENT_POOL_EXHAUSTED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE and
 *   ACCLIENT_SYSTEM. "Errors" in a description names further ones, and the special meaning of these;
 *   "as f()" includes those of f().
 *   A panic inside the library is ACCLIENT_PANIC: the handles of that call refuse further use, and
 *   the process goes on.
 *
 * Ownership
 *   Handles are opaque. A parameter marked [out] is set to NULL, 0 or false on entry, in every path.
 *   The handle it receives belongs to the caller, who frees it with the ..._free() function of its
 *   type. Freeing a handle invalidates everything that was borrowed from it.
 *   What accessors return is borrowed from the handle they read.
 *   Everything passed in is copied: nothing of it has to outlive the call.
 *
 * NULL
 *   Pointers must not be NULL unless a description says that they may be; otherwise the call fails
 *   with ACCLIENT_INVALID_ARGUMENT. error and cancel may always be NULL, and an array or a payload
 *   may be if its length is 0; items of an array must not be NULL. Accessors return NULL, 0 or false
 *   for NULL. ..._free(NULL) is a no-op.
 *
 * Text
 *   Names are passed as NUL-terminated UTF-8, payloads as pointer and length.
 *   Functions with a length parameter return text: UTF-8 (any bytes for acclient_job_raw()), followed
 *   by a NUL, borrowed. *length receives its length, since text may contain NULs; length may be NULL.
 *   Where there is no text they return NULL, and the length is 0.
 *
 * Lists
 *   An index runs from 0 to below the number that the matching count function returns. Beyond that,
 *   accessors return NULL or 0. Handles at an index are borrowed from the list.
 *
 * Agents
 *   gid is the number of a grid, nid that of a node in it; both are above 0.
 *
 * Time and cancellation
 *   timeout_ms is the deadline of the whole call, in milliseconds from now; a negative number means
 *   no timeout. 0 is ACCLIENT_INVALID_ARGUMENT, unless a description says that it polls once.
 *   cancel is a token that ends the call early, with ACCLIENT_CANCELLED.
 *
 * Blocking
 *   Functions with a timeout_ms block, at most until the deadline. No other function does, unless its
 *   description says so; with one exception: freeing the last handle that keeps the connections of
 *   a freed client alive takes as long as acclient_client_free().
 *
 * Threads
 *   Functions may be called from any thread, and any number of threads may use a handle at a time,
 *   unless its type is described as being for one thread at a time. Such a handle may move between
 *   threads; while one uses it, calls of another fail with ACCLIENT_INVALID_ARGUMENT, and accessors
 *   that say so return 0. A handle must not be in use when it is freed.
 *
 * Process
 *   Signals do not disturb calls, no call raises SIGPIPE, and no call uses the stdio, the locale or,
 *   except for acclient_client_instance(), the environment of the program. After a fork, clients and
 *   commands work in the child too, on connections of their own; cancel tokens of the parent do not.
 *   Any handle can be freed there, and no descriptor of the child is closed by it. A child of vfork(),
 *   _Fork() or a bare clone() may only exec or exit.
 *
 * Other languages
 *   Between BEGIN and END are only constants and declarations, with types of stdbool.h, stddef.h and
 *   stdint.h: the input for a generator of bindings without a preprocessor, such as cffi.
 */

#ifndef ACCLIENT_H
#define ACCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* BEGIN */

/**
 * Reserved: calls return their failures as errors.
 */
#define ACCLIENT_LOG_ERROR 1

/**
 * Something that may need attention, like the first failure after which a call retries.
 */
#define ACCLIENT_LOG_WARN 2

/**
 * Something unusual that needs no attention.
 */
#define ACCLIENT_LOG_INFO 3

/**
 * Normal work: connections, submitted commands, how results are waited for.
 */
#define ACCLIENT_LOG_DEBUG 4

/**
 * Normal work in detail.
 */
#define ACCLIENT_LOG_TRACE 5

/**
 * The call succeeded.
 */
#define ACCLIENT_OK 0

/**
 * An argument is invalid: NULL where it is not allowed, a number out of range, text that is not
 * UTF-8 or contains a NUL. Nothing was sent.
 */
#define ACCLIENT_INVALID_ARGUMENT 1

/**
 * Redis could not be reached, or the connection was lost.
 */
#define ACCLIENT_CONNECT 2

/**
 * Redis rejected the user or the password, or requires one. Retrying will not help.
 */
#define ACCLIENT_AUTHENTICATION 3

/**
 * The deadline of the call was exceeded.
 */
#define ACCLIENT_TIMEOUT 4

/**
 * A cancel token ended the call.
 */
#define ACCLIENT_CANCELLED 5

/**
 * Redis replied with an error.
 */
#define ACCLIENT_SERVER 6

/**
 * A reply, or a document in Redis, cannot be decoded.
 */
#define ACCLIENT_PROTOCOL 7

/**
 * The controller knows no agent for the target at this moment. Agents register up to 4 seconds after their
 * controller has started. Not retriable, since it may be a wrong number.
 */
#define ACCLIENT_NO_SUCH_AGENT 8

/**
 * A job ended in a state other than SUCCESS.
 */
#define ACCLIENT_JOB_FAILED 9

/**
 * The agent or the controller does not know the command.
 */
#define ACCLIENT_UNKNOWN_COMMAND 10

/**
 * Unsupported by the server, the controller or this version of the library.
 */
#define ACCLIENT_UNSUPPORTED 11

/**
 * The whole command was sent, but Redis did not confirm it: it may run or not.
 */
#define ACCLIENT_MAYBE_SENT 12

/**
 * All connections of the client stayed in use until the deadline.
 */
#define ACCLIENT_POOL_EXHAUSTED 13

/**
 * The client was closed.
 */
#define ACCLIENT_CLOSED 14

/**
 * The handle was made in another process, before a fork, and works only there.
 */
#define ACCLIENT_FORKED_HANDLE 15

/**
 * A panic was caught inside the library; the handles of that call refuse further use.
 */
#define ACCLIENT_PANIC 16

/**
 * The operating system refused a descriptor, a thread or a file.
 */
#define ACCLIENT_SYSTEM 17

/**
 * The agent, or the controller, lists no such tunnel: it was never opened, it was closed, or the agent
 * has restarted.
 */
#define ACCLIENT_NO_SUCH_TUNNEL 18

/**
 * The agent, or the controller, lists the tunnel already, open or not, and opened nothing.
 */
#define ACCLIENT_TUNNEL_EXISTS 19

/**
 * The agent is not running the job, so a kill cannot reach it: the job waits in a queue of the agent, was not
 * started yet, or is lost; acclient_command_progress() tells which.
 */
#define ACCLIENT_NOT_RUNNING 20

/**
 * The job is lost: it was submitted, no agent has it, and its result cannot come any more. It may have run.
 */
#define ACCLIENT_LOST 21

/**
 * Messages may be missing from a log that is followed; acclient_error_gap() says where. The log goes on.
 */
#define ACCLIENT_GAP 22

/**
 * Another command was submitted under the id by acclient_request_submit_once(): another target, command, run
 * arguments, data or tags. Nothing was sent.
 */
#define ACCLIENT_ID_IN_USE 23

/**
 * Major version of this header.
 */
#define ACCLIENT_VERSION_MAJOR 0

/**
 * Minor version of this header.
 */
#define ACCLIENT_VERSION_MINOR 1

/**
 * Patch version of this header.
 */
#define ACCLIENT_VERSION_PATCH 0

/**
 * In the queue: no controller has taken it. acclient_command_retract() takes it back.
 */
#define ACCLIENT_STAGE_IN_QUEUE 1

/**
 * Routed to the agent, which has not fetched it: the agent is down, stopped or full (100 jobs).
 */
#define ACCLIENT_STAGE_ROUTED 2

/**
 * Running on the agent, waiting for its next run, or ending after a kill.
 */
#define ACCLIENT_STAGE_RUNNING 3

/**
 * There is a result.
 */
#define ACCLIENT_STAGE_DONE 4

/**
 * It was submitted and its result cannot come any more: a controller took it and ended before it was
 * routed, the job ended while the controller was down, or the agent was restarted meanwhile.
 */
#define ACCLIENT_STAGE_LOST 5

/**
 * Nothing is known of it, not even whether it was ever submitted. Or no controller answers that may have taken
 * it from the queue. Or the agent has fetched it and does not answer: it is down, stopped or full (100 jobs), or
 * Redis refuses writes. Or the agent does not run it, and the handle does not tell whether it waits in a queue of
 * the agent: a handle by id alone does not.
 */
#define ACCLIENT_STAGE_UNKNOWN 6

/**
 * Fetched by the agent, where it waits behind another job of the same queue; see
 * acclient_run_args_set_queue(). No kill reaches it there, and it is lost if the agent dies. Comes between
 * ACCLIENT_STAGE_ROUTED and ACCLIENT_STAGE_RUNNING.
 */
#define ACCLIENT_STAGE_QUEUED_ON_AGENT 7

/**
 * A blocking command on the one list that is left.
 */
#define ACCLIENT_WAIT_BLOCKING 1

/**
 * Push notifications for the lists that were read (client-side tracking).
 */
#define ACCLIENT_WAIT_TRACKING 2

/**
 * Push notifications for all lists of the command (client-side tracking in broadcast mode).
 */
#define ACCLIENT_WAIT_BROADCAST 3

/**
 * Polling all lists, with an interval of 40 ms.
 */
#define ACCLIENT_WAIT_POLLING 4

/**
 * The agent has answered.
 */
#define ACCLIENT_OUTCOME_DONE 1

/**
 * The job was over already; the agent was not asked.
 */
#define ACCLIENT_OUTCOME_OVER 2

/**
 * The agent gave no answer in time, or refused.
 */
#define ACCLIENT_OUTCOME_FAILED 3

/**
 * Of an accepted kill: the job has ended, and its result is there. Its state is "KILLED", or another one
 * where the job ended by itself before the kill reached it.
 */
#define ACCLIENT_KILL_ENDED 1

/**
 * Of an accepted kill: the agent has killed the process, now or by an earlier kill, but the job goes on:
 * something that the process started still holds its output. The result follows when that ends.
 */
#define ACCLIENT_KILL_ORDERED 2

/**
 * Answer of an agent or the controller: rows with fields, and the JSON they were decoded from. An
 * answer that is one object has one row, null has none.
 *
 * The field of a row is a name. Dots separate nested fields, as in "cmd.id"; list items are
 * numbers, as in "addrs.0.addr"; "" is the whole row. A field has whatever type the agent gave it; a number
 * beyond a double, and what nests deeper than 32 levels, is its JSON as a string.
 */
typedef struct acclient_answer acclient_answer;

/**
 * Cancel token: ends calls early, from any thread or from a signal handler. It may be passed to
 * many calls at a time. Once cancelled it stays cancelled.
 */
typedef struct acclient_cancel_token acclient_cancel_token;

/**
 * Client of one grid, with a pool of connections.
 */
typedef struct acclient_client acclient_client;

/**
 * Results and errors of a command, as collected by acclient_request_run_all().
 */
typedef struct acclient_collected acclient_collected;

/**
 * A command that was sent, or found again: gives access to its results. For one thread at a time,
 * except for calls that say otherwise.
 */
typedef struct acclient_command acclient_command;

/**
 * Commands of the history, most recent first. Each is for one thread at a time.
 */
typedef struct acclient_commands acclient_commands;

/**
 * Why a call failed.
 */
typedef struct acclient_error acclient_error;

/**
 * Messages of a job as it logs them, each once. For one thread at a time.
 */
typedef struct acclient_follow acclient_follow;

/**
 * Result of a command on one agent.
 */
typedef struct acclient_job acclient_job;

/**
 * Jobs of a command, in the order of agents.
 */
typedef struct acclient_jobs acclient_jobs;

/**
 * Query of messages that jobs have logged. A setter that fails changes nothing.
 */
typedef struct acclient_msg_query acclient_msg_query;

/**
 * Options for a new client. A value out of range, or a file that cannot be used, is reported when
 * the client is made.
 */
typedef struct acclient_options acclient_options;

/**
 * Outcome of a kill, stats or messages request on each agent of a command, in the order of agents.
 */
typedef struct acclient_outcomes acclient_outcomes;

/**
 * Query of the jobs that an agent is running. A setter that fails changes nothing.
 */
typedef struct acclient_process_query acclient_process_query;

/**
 * How far a command got, as a whole and on each agent, in the order of agents.
 */
typedef struct acclient_progress acclient_progress;

/**
 * A command before it is sent: making or changing one sends nothing. It can be sent many times, each
 * time as a new command.
 */
typedef struct acclient_request acclient_request;

/**
 * Results of one or more commands, in order of completion, with one deadline. Holds a connection of
 * the client until it is done or freed. For one thread at a time.
 */
typedef struct acclient_results acclient_results;

/**
 * A command sent to many agents in batches, and the results in order of completion, with one deadline.
 * Holds a connection of the client while a batch is in progress. For one thread at a time.
 */
typedef struct acclient_rollout acclient_rollout;

/**
 * How a command is sent to many agents in batches. A setter that fails changes nothing.
 */
typedef struct acclient_rollout_plan acclient_rollout_plan;

/**
 * Run arguments: how an agent runs a job. All are optional. A setter that fails changes nothing.
 */
typedef struct acclient_run_args acclient_run_args;

/**
 * Target of a command: one agent, a list of agents, any one agent with some roles, or all agents with
 * them. A setter that fails changes nothing.
 */
typedef struct acclient_target acclient_target;

/**
 * Tunnel: a connection to the port "local" of an agent's machine is forwarded to ip:remote as seen
 * from the gateway. These four values are its name: as acclient_client_tunnel_open() returns it and
 * acclient_client_tunnel_list() lists it, acclient_client_tunnel_close() closes it.
 *
 * An agent does not say which of the tunnels that it lists are open, and lists some that are not: one
 * that another program failed to open, one whose port the agent chose for another program after it was
 * closed, and all of them while the agent has no connection to the controller. A restart of the
 * controller ends the connections through all tunnels. About four seconds later, when an agent's
 * connection to the controller is re-established, the agent listens again for every tunnel that it
 * lists, closed or not. A tunnel that is opened between the two may accept connections and drop them:
 * close it and open it again. Tunnels do not survive a restart of their agent. Where two programs open
 * or close the same tunnel at the same time, each may report what the other did.
 */
typedef struct acclient_tunnel acclient_tunnel;

/**
 * Result of a call: ACCLIENT_OK, or the kind of failure. The numbers never change their meaning;
 * later versions may add some, so treat an unknown one as a failure.
 */
typedef int32_t acclient_status;

/**
 * Function that receives log messages, on the thread whose call logs. It may call functions of the
 * library, which then log nothing. It must return normally: no longjmp(3), no C++ exception.
 *
 * level: one of ACCLIENT_LOG_...
 * target: what the message is about: "acclient::connection", "acclient::command", "acclient::wait" or
 *   "acclient::retry"; later versions may add some.
 * message: one line of text without a password, and without the data of a command.
 * user_data: as passed to acclient_set_log_hook().
 */
typedef void (*acclient_log_hook)(int32_t level,
                                  const char *target,
                                  const char *message,
                                  void *user_data);

/**
 * The kind of failure; ACCLIENT_OK for NULL.
 */
acclient_status acclient_error_status(const acclient_error *error);

/**
 * Message for a person: what was asked of which server or agent, how long the call waited, how far
 * it got. It contains no password.
 */
const char *acclient_error_message(const acclient_error *error,
                                   size_t *length);

/**
 * Handle string of the command that the error is about, for acclient_client_get_by_handle(). NULL
 * where there is none.
 */
const char *acclient_error_command_handle(const acclient_error *error,
                                          size_t *length);

/**
 * Error code of Redis, like "NOPERM" or "OOM". NULL where the error is not a reply of Redis.
 */
const char *acclient_error_server_code(const acclient_error *error,
                                       size_t *length);

/**
 * Whether retrying the same call later is safe and may succeed: nothing has to be changed, and no
 * command runs twice. Never for a wrong password.
 */
bool acclient_error_is_retriable(const acclient_error *error);

/**
 * Whether the deadline of the call was exceeded.
 */
bool acclient_error_is_timeout(const acclient_error *error);

/**
 * Whether the call or the iterator that returned it is over. False for an item of
 * acclient_results_next(), acclient_rollout_next() or acclient_follow_next() that is about one agent,
 * one command or a gap in a log: more may follow.
 */
bool acclient_error_is_final(const acclient_error *error);

/**
 * Whether a whole command was sent and not confirmed: for ACCLIENT_MAYBE_SENT, and for some calls
 * that were cancelled or closed meanwhile.
 */
bool acclient_error_is_maybe_sent(const acclient_error *error);

/**
 * Whether the error is about one agent of several.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_error_agent(const acclient_error *error,
                          int64_t *gid,
                          int64_t *nid);

/**
 * Whether the error is a gap in a log that is followed (ACCLIENT_GAP): messages with ids between the two may
 * be missing.
 *
 * after: [out] receives the id up to which every message was returned or is part of an earlier gap; 0
 *   where the gap begins with the log, and where there is none. May be NULL.
 * before: [out] receives the id from which on messages are returned again, or 0; may be NULL.
 */
bool acclient_error_gap(const acclient_error *error,
                        int64_t *after,
                        int64_t *before);

/**
 * What the failed job reported, with its state, data and streams; borrowed. NULL where the error is
 * not about a job. An error keeps no connection: calls that ask for more about its job, like
 * acclient_job_refresh(), return ACCLIENT_INVALID_ARGUMENT.
 */
const acclient_job *acclient_error_job(const acclient_error *error);

/**
 * Frees an error.
 */
void acclient_error_free(acclient_error *error);

/**
 * Sets the function that receives what the library logs, for the whole process. To be called before
 * other threads use the library: a call that is in progress on another thread may still use the hook
 * that was set before.
 *
 * hook: NULL logs nothing more, which is the default.
 * user_data: passed to the hook as it is; may be NULL.
 * level: the least important level that is logged, one of ACCLIENT_LOG_... Normal work logs only
 *   ACCLIENT_LOG_DEBUG and ACCLIENT_LOG_TRACE.
 * Errors: ACCLIENT_UNSUPPORTED in a Rust program that has installed a logger of its own.
 */
acclient_status acclient_set_log_hook(acclient_log_hook hook,
                                      void *user_data,
                                      int32_t level,
                                      acclient_error **error);

/**
 * Name of a status, like "ACCLIENT_TIMEOUT"; "unknown status" for any other number. Never NULL,
 * never freed.
 */
const char *acclient_status_name(acclient_status status);

/**
 * Version of the library that is loaded, like "0.1.0". Never NULL, never freed.
 */
const char *acclient_version(void);

/**
 * Checks that the library that is loaded is compatible with the header that a program was compiled
 * with: call it as
 * acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH).
 *
 * Returns ACCLIENT_OK, or ACCLIENT_UNSUPPORTED if the library is older than the header, or of another
 * major version, or, before 1.0, of another minor one. The SONAME follows the same rule.
 */
acclient_status acclient_check_version(uint32_t major,
                                       uint32_t minor,
                                       uint32_t patch);

/**
 * Makes a cancel token.
 *
 * token: [out] receives the token; free with acclient_cancel_token_free().
 * Errors: ACCLIENT_SYSTEM without two free descriptors.
 */
acclient_status acclient_cancel_token_new(acclient_cancel_token **token,
                                          acclient_error **error);

/**
 * Ends the calls that have this token, at once; later ones end before they start.
 *
 * Async-signal-safe: one atomic exchange, getpid(), fstat() and write(), no lock, no allocation, errno
 * kept.
 * Errors: ACCLIENT_FORKED_HANDLE, with nothing done, in a process other than the one that made the
 * token.
 */
acclient_status acclient_cancel_token_cancel(const acclient_cancel_token *token);

/**
 * Whether the token was cancelled. Async-signal-safe.
 */
bool acclient_cancel_token_is_cancelled(const acclient_cancel_token *token);

/**
 * Frees a token; calls that have it must have returned.
 */
void acclient_cancel_token_free(acclient_cancel_token *token);

/**
 * Connects to the Redis of a grid and logs in.
 *
 * url: one of these forms, with %xx for characters that a URL cannot hold:
 *   redis://[[user]:password@]host[:port][/db];
 *   rediss://..., the same over TLS; #insecure at the end disables certificate verification;
 *   redis+unix:///path[?db=N&user=U&pass=P];
 *   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], the master with that
 *   name as reported by these Sentinels; rediss+sentinel://..., the same, all of it over TLS.
 * timeout_ms: also the timeout of steps that a later call without a timeout cannot do without: the list of
 *   agents for a rollout, and the agents' answers for acclient_command_progress().
 * client: [out] receives the new client; free with acclient_client_free().
 * Errors: ACCLIENT_UNSUPPORTED for a Redis Cluster, ACCLIENT_SERVER for a database that does not
 * exist, ACCLIENT_PROTOCOL for a server that is not Redis.
 */
acclient_status acclient_client_connect(const char *url,
                                        int64_t timeout_ms,
                                        const acclient_cancel_token *cancel,
                                        acclient_client **client,
                                        acclient_error **error);

/**
 * Sends a PING to Redis.
 */
acclient_status acclient_client_ping(const acclient_client *client,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_error **error);

/**
 * Makes a client that shares everything with another one, but for a cancel token that ends each of its
 * calls, and each call of what is made with it, beside the token of the call.
 *
 * cancel: may not be NULL; may be freed after this call.
 * made: [out] receives the new client; free with acclient_client_free().
 */
acclient_status acclient_client_with_cancel(const acclient_client *client,
                                            const acclient_cancel_token *cancel,
                                            acclient_client **made,
                                            acclient_error **error);

/**
 * Finds a command by its handle string, as returned by acclient_command_handle() and
 * acclient_error_command_handle() in this process or another, in any language. Sends nothing; Redis
 * keeps results for 24 hours.
 *
 * handle: like "acclient:1:<id>:<target>".
 * command: [out] receives the command; free with acclient_command_free().
 */
acclient_status acclient_client_get_by_handle(const acclient_client *client,
                                              const char *handle,
                                              acclient_command **command,
                                              acclient_error **error);

/**
 * Finds a command by its id alone. Its agents are found out by the first wait; a handle string names
 * them already. Sends nothing.
 *
 * id: not empty.
 * command: [out] receives the command; free with acclient_command_free().
 */
acclient_status acclient_client_get_by_id(const acclient_client *client,
                                          const char *id,
                                          acclient_command **command,
                                          acclient_error **error);

/**
 * Connects to a named instance: a table of the TOML file named by the environment variable
 * ACCLIENT_CONFIG, or else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config. The table
 * has either url, or host and port, or unix_socket; and user, password, db, tls (true), tls_ca_file,
 * tls_cert_file, tls_key_file, timeout (seconds), max_connections; and a table of groups: see
 * acclient_client_resolve(). A fault in one table does not affect the others.
 *
 * Reads the environment: do not call it while another thread calls setenv(3).
 *
 * client: [out] receives the new client; free with acclient_client_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for an unknown name or an invalid file, ACCLIENT_SYSTEM for an
 * unreadable one, and as acclient_client_connect().
 */
acclient_status acclient_client_instance(const char *name,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_client **client,
                                         acclient_error **error);

/**
 * Sends many commands in one pipeline, and returns once Redis has them all. A command that the
 * library or Redis rejects does not affect the others.
 *
 * requests, count: the commands.
 * commands: [out] array of count; receives the commands, NULL where one failed; free each with
 *   acclient_command_free(). May be NULL if count is 0.
 * errors: [out] array of count; receives why a command failed, or NULL; free each with
 *   acclient_error_free(). ACCLIENT_MAYBE_SENT where the connection broke before Redis confirmed the
 *   command. May be NULL.
 * Errors: ACCLIENT_INVALID_ARGUMENT. Everything else is reported in errors.
 */
acclient_status acclient_client_submit_many(const acclient_client *client,
                                            const acclient_request *const *requests,
                                            size_t count,
                                            int64_t timeout_ms,
                                            const acclient_cancel_token *cancel,
                                            acclient_command **commands,
                                            acclient_error **errors,
                                            acclient_error **error);

/**
 * Returns connections and counts of the client and of everything made from it. Does not block.
 *
 * statistics: [out] receives one row with the fields "open_connections", "idle_connections",
 *   "waiting_calls" (for a connection); and since the client was made: "connected", "pool_waits" (for a
 *   connection), "pushed" (commands, with those that ask agents and the controller), "blocking_waits", "tracking_waits", "broadcast_waits" and
 *   "polling_waits" (for results, by ACCLIENT_WAIT_...); free with acclient_answer_free().
 */
acclient_status acclient_client_statistics(const acclient_client *client,
                                           acclient_answer **statistics,
                                           acclient_error **error);

/**
 * Closes the client: calls in progress, in any thread, end with ACCLIENT_CLOSED, and so does every
 * later one. Commands that were sent go on. The handle stays valid until it is freed.
 *
 * Blocks for up to half a second, to set pending TTLs. NULL is a no-op.
 */
void acclient_client_close(const acclient_client *client);

/**
 * Frees the client; calls with it must have returned (acclient_client_close() ends them). Handles
 * made with it stay usable: they keep its connections alive until the last of them is freed.
 *
 * Blocks for up to half a second, to set pending TTLs.
 */
void acclient_client_free(acclient_client *client);

/**
 * Makes options for a Redis at 127.0.0.1:6379 without a password.
 *
 * options: [out] receives the options; free with acclient_options_free().
 */
acclient_status acclient_options_new(acclient_options **options,
                                     acclient_error **error);

/**
 * Sets address, user, password and database by a URL, as acclient_client_connect() takes it.
 */
acclient_status acclient_options_set_url(acclient_options *options,
                                         const char *url,
                                         acclient_error **error);

/**
 * Sets the host: a name or an IP address.
 */
acclient_status acclient_options_set_host(acclient_options *options,
                                          const char *host,
                                          acclient_error **error);

/**
 * Sets the path of a Unix socket, which replaces host and port.
 */
acclient_status acclient_options_set_unix_socket(acclient_options *options,
                                                 const char *unix_socket,
                                                 acclient_error **error);

/**
 * Connects to the master with a name, as reported by these Sentinels, instead of host and port. They
 * are asked in their order, for each new connection. A Sentinel that requires a password gets that
 * of the master.
 *
 * name: not empty.
 * sentinels, count: "host", "host:port" or "[address]:port" each; the default port is 26379. With a
 *   count of 0 acclient_client_open() fails.
 */
acclient_status acclient_options_set_sentinels(acclient_options *options,
                                               const char *name,
                                               const char *const *sentinels,
                                               size_t count,
                                               acclient_error **error);

/**
 * Enables TLS 1.2 and 1.3, as rediss:// does. The certificate of the server has to match the host,
 * and its authority has to be trusted by this machine. Default: no TLS. A Unix socket has none.
 */
acclient_status acclient_options_set_tls(acclient_options *options,
                                         acclient_error **error);

/**
 * Enables TLS, and trusts the authorities in this PEM file instead of those of the machine.
 */
acclient_status acclient_options_set_tls_ca_file(acclient_options *options,
                                                 const char *path,
                                                 acclient_error **error);

/**
 * Enables TLS with a client certificate.
 *
 * certificates: PEM file of the certificate chain.
 * key: PEM file of its private key.
 */
acclient_status acclient_options_set_tls_client_cert(acclient_options *options,
                                                     const char *certificates,
                                                     const char *key,
                                                     acclient_error **error);

/**
 * Enables TLS and disables certificate verification: anybody on the network path can read and change
 * everything. For trials only.
 */
acclient_status acclient_options_set_tls_insecure(acclient_options *options,
                                                  acclient_error **error);

/**
 * Sets the user name, for servers with ACLs. Default: the default user of the server.
 */
acclient_status acclient_options_set_user(acclient_options *options,
                                          const char *user,
                                          acclient_error **error);

/**
 * Sets the password. Default: none. It appears in no error.
 */
acclient_status acclient_options_set_password(acclient_options *options,
                                              const char *password,
                                              acclient_error **error);

/**
 * Sets the port. Default 6379.
 */
acclient_status acclient_options_set_port(acclient_options *options,
                                          uint16_t port,
                                          acclient_error **error);

/**
 * Sets the number of the database. Default 0.
 */
acclient_status acclient_options_set_db(acclient_options *options,
                                        uint32_t db,
                                        acclient_error **error);

/**
 * Sets the maximum number of connections: each wait for results uses one, and further waits are held
 * up, in order, until their deadline. 1 to 10000, default 64.
 *
 * Waits hold up no other call: an eighth more connections, at least one, is for calls that only talk to
 * Redis, and as many for questions to agents and the controller.
 */
acclient_status acclient_options_set_max_connections(acclient_options *options,
                                                     size_t max_connections,
                                                     acclient_error **error);

/**
 * Sets the size, in bytes, of the largest reply that the client accepts. Default 64 MiB.
 */
acclient_status acclient_options_set_max_reply(acclient_options *options,
                                               size_t max_reply,
                                               acclient_error **error);

/**
 * Connects with these options, which are copied, and logs in. Parameters and errors as
 * acclient_client_connect().
 */
acclient_status acclient_client_open(const acclient_options *options,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_client **client,
                                     acclient_error **error);

/**
 * Makes a client with these options, which are copied, without connecting: each call connects as
 * needed. Reads the TLS files, and does not block otherwise.
 *
 * client: [out] receives the new client; free with acclient_client_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a value out of range, and for a TLS file that cannot be read
 * or used; ACCLIENT_SYSTEM.
 */
acclient_status acclient_client_build(const acclient_options *options,
                                      acclient_client **client,
                                      acclient_error **error);

/**
 * Frees the options; clients made with them are unaffected.
 */
void acclient_options_free(acclient_options *options);

/**
 * Makes a request for any command that agents know: "ping", "killall", "restart", ...
 *
 * "restart" has no result: an original agent exits at once, so submit it and do not wait. "killall" kills all
 * jobs as acclient_command_kill() does, and is a job itself: it ends as SUCCESS or KILLED. It also kills the
 * daemon for jumpscripts of an original agent: later jumpscripts fail until the agent restarts.
 * When it is sent, the data of "controller" with the name "scheduler_add", and that of "jumpscript_content",
 * are checked as the controller decodes them: ACCLIENT_INVALID_ARGUMENT where it would exit, at once or when
 * the schedule fires. The message names the field, like cmd.args.args[0].
 *
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_new(const acclient_client *client,
                                     const acclient_target *target,
                                     const char *cmd,
                                     acclient_request **request,
                                     acclient_error **error);

/**
 * Makes a request for a program to run. acclient_request_add_arg() adds its arguments,
 * acclient_request_set_data() sets its standard input.
 *
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_execute(const acclient_client *client,
                                         const acclient_target *target,
                                         const char *program,
                                         acclient_request **request,
                                         acclient_error **error);

/**
 * Makes a request for a shell script to run, an extension that agents usually have.
 *
 * script, script_length: UTF-8.
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_bash(const acclient_client *client,
                                      const acclient_target *target,
                                      const char *script,
                                      size_t script_length,
                                      acclient_request **request,
                                      acclient_error **error);

/**
 * Makes a request for a jumpscript that the agents have.
 *
 * kwargs: keyword arguments, a JSON object; may be NULL for none.
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_execute_jumpscript(const acclient_client *client,
                                                    const acclient_target *target,
                                                    const char *domain,
                                                    const char *name,
                                                    const char *kwargs,
                                                    acclient_request **request,
                                                    acclient_error **error);

/**
 * Makes a request for a jumpscript that is sent along: Python code that defines "action".
 *
 * content, content_length: the script, UTF-8.
 * kwargs: keyword arguments, a JSON object; may be NULL for none.
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_execute_jumpscript_content(const acclient_client *client,
                                                            const acclient_target *target,
                                                            const char *content,
                                                            size_t content_length,
                                                            const char *kwargs,
                                                            acclient_request **request,
                                                            acclient_error **error);

/**
 * Adds an argument of the program of "execute"; scripts get none.
 */
acclient_status acclient_request_add_arg(acclient_request *request,
                                         const char *arg,
                                         acclient_error **error);

/**
 * Merges run arguments into those set before.
 */
acclient_status acclient_request_set_run_args(acclient_request *request,
                                              const acclient_run_args *args,
                                              acclient_error **error);

/**
 * Sets the data: the standard input of a program, the script of "bash", JSON for built-in commands
 * of the agents.
 *
 * The agent writes all of the standard input before it reads any output. So a program that answers while it
 * reads, like cat, hangs without end once both exceed what a pipe holds, 64 KiB on Linux: let it write to a
 * file.
 *
 * data, data_length: UTF-8, which may contain NULs.
 */
acclient_status acclient_request_set_data(acclient_request *request,
                                          const char *data,
                                          size_t data_length,
                                          acclient_error **error);

/**
 * Sets the id, instead of a new UUID for each time that the request is sent.
 *
 * While a job with the same id is running, its agent refuses a second one, and the result of the
 * first counts for both. After it has ended the same id runs again, and waits by this command return the new
 * result; a handle by the id alone returns what is newest in Redis.
 *
 * id: not empty.
 */
acclient_status acclient_request_set_id(acclient_request *request,
                                        const char *id,
                                        acclient_error **error);

/**
 * Sets the tags: a text that is returned with the result.
 */
acclient_status acclient_request_set_tags(acclient_request *request,
                                          const char *tags,
                                          acclient_error **error);

/**
 * Makes a kill and the maximum run time reach the script of "bash". Default: they do not.
 *
 * An agent kills the process that it started. For "bash" that is a shell which runs the script as a child, so
 * without this option the script runs to its end, and only then KILLED or TIMEOUT is reported. With it the
 * agent kills the shell that runs the script as well. This puts the line "echo 101::$$; " in front of the
 * script, by which the script announces its process to the agent.
 *
 * Commands that the script has started are still not killed, and the result waits for them as long as they
 * hold the output. Let the script "exec" a long last command, or announce the process of a command in the
 * same way: "command & echo 101::$!; wait". The statistics of the job count announced processes too.
 *
 * Errors: none of its own. Sending fails with ACCLIENT_INVALID_ARGUMENT for any command but "bash", and for a
 * script that starts with "#!".
 */
acclient_status acclient_request_set_killable(acclient_request *request,
                                              acclient_error **error);

/**
 * Sends the command and returns once Redis has it. At most once: it is never sent again.
 *
 * timeout_ms: for Redis to accept the command.
 * command: [out] receives the command; free with acclient_command_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_SERVER (it was rejected),
 * ACCLIENT_MAYBE_SENT (it may run or not; acclient_error_command_handle() gives the handle string by which
 * to find out).
 */
acclient_status acclient_request_submit(const acclient_request *request,
                                        int64_t timeout_ms,
                                        const acclient_cancel_token *cancel,
                                        acclient_command **command,
                                        acclient_error **error);

/**
 * Sends the command so that retrying with the same id does not run it twice, and returns once Redis
 * has it. Until the deadline it reconnects and sends the command again where that is safe.
 *
 * Set an id that you can set again: acclient_request_set_id(). Within 24 hours a second call with that
 * id, in this process or another, finds that the command was submitted, and succeeds without sending
 * anything. This takes a key cmd.<id>.submitted, which acclient_request_submit() does not leave.
 *
 * The id stands for one target, command, run arguments, data and tags; any other is
 * ACCLIENT_ID_IN_USE. A command that matched no agent (ACCLIENT_NO_SUCH_AGENT) has not run: the same
 * command is sent again under its id, and its old answer is removed. A list of agents is sent again only
 * if none of them was known. A wait that is under way meanwhile returns the old answer or the new result;
 * one for a target with roles may go on to its deadline.
 *
 * It holds as long as Redis keeps its data, and not where Redis may evict keys: with a maxmemory-policy
 * other than noeviction a command whose key was evicted is sent twice.
 *
 * timeout_ms: for Redis to accept the command.
 * command: [out] receives the command; free with acclient_command_free().
 * Errors: ACCLIENT_MAYBE_SENT where no reply came in time after it was sent, or Redis was replaced
 * between two attempts: a second call with the same id does not run it twice. After any other error the
 * command was not sent, unless acclient_error_is_maybe_sent(): ACCLIENT_ID_IN_USE; ACCLIENT_TIMEOUT with
 * what prevented it; as acclient_request_submit().
 */
acclient_status acclient_request_submit_once(const acclient_request *request,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_command **command,
                                             acclient_error **error);

/**
 * Sends the command and waits for its result, in one round trip to Redis where the target is one agent
 * by its numbers. Not for a fan-out. A job that failed is a result like any other.
 *
 * job: [out] receives the job; free with acclient_job_free().
 * Errors: as acclient_request_submit() and acclient_command_next_result().
 */
acclient_status acclient_request_run(const acclient_request *request,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_job **job,
                                     acclient_error **error);

/**
 * Frees the request; commands that it sent go on.
 */
void acclient_request_free(acclient_request *request);

/**
 * Makes run arguments with nothing set.
 *
 * args: [out] receives the run arguments; free with acclient_run_args_free().
 */
acclient_status acclient_run_args_new(acclient_run_args **args,
                                      acclient_error **error);

/**
 * Sets the domain, a label by which processes and scripts are grouped.
 */
acclient_status acclient_run_args_set_domain(acclient_run_args *args,
                                             const char *domain,
                                             acclient_error **error);

/**
 * Sets the name: the program for "execute", the script for "jumpscript", a label elsewhere.
 */
acclient_status acclient_run_args_set_name(acclient_run_args *args,
                                           const char *name,
                                           acclient_error **error);

/**
 * Sets the levels of output that the agent logs: "*" (the default), or numbers and ranges like
 * "1,2,6-9". "" leaves the choice to the agent.
 */
acclient_status acclient_run_args_set_loglevels(acclient_run_args *args,
                                                const char *loglevels,
                                                acclient_error **error);

/**
 * Sets which of them it stores for requests of messages, in the form of
 * acclient_run_args_set_loglevels().
 */
acclient_status acclient_run_args_set_loglevels_db(acclient_run_args *args,
                                                   const char *loglevels_db,
                                                   acclient_error **error);

/**
 * Sets which of them it sends to the controller, in the form of acclient_run_args_set_loglevels().
 */
acclient_status acclient_run_args_set_loglevels_ac(acclient_run_args *args,
                                                   const char *loglevels_ac,
                                                   acclient_error **error);

/**
 * Sets the queue of the agent in which the job waits for its turn: jobs of one queue name run one after
 * another on an agent. Default: no queue, the job starts at once.
 *
 * A job that waits there is "RUNNING" as far as Redis can tell. The agent does not show it among its processes,
 * no kill reaches it (ACCLIENT_NOT_RUNNING), and it is lost if the agent dies. acclient_command_progress()
 * reports ACCLIENT_STAGE_QUEUED_ON_AGENT.
 *
 * The order is that of submission only while the agent keeps up: of commands that wait for the agent to fetch
 * them, later ones may overtake. A command that the agent refuses (UNKNOWN_CMD, DUPILICATE_ID) stops its queue
 * until the agent restarts.
 */
acclient_status acclient_run_args_set_queue(acclient_run_args *args,
                                            const char *queue,
                                            acclient_error **error);

/**
 * Sets the working directory. Default: that of the agent.
 */
acclient_status acclient_run_args_set_working_dir(acclient_run_args *args,
                                                  const char *working_dir,
                                                  acclient_error **error);

/**
 * Sets how long the job may run, in seconds, before the agent kills the process that it started and reports
 * TIMEOUT. 0 (the default): no limit.
 *
 * The limit reaches no further than acclient_command_kill(): children of the process go on, a script of
 * "bash" runs to its end, and TIMEOUT is reported when the last of them has closed the job's output.
 * acclient_request_set_killable() makes it reach the script.
 *
 * -1: no limit. It asks for the job to be run again when the agent restarts, which the original agents never
 * do.
 *
 * seconds: -1 to 2147483647; for a command that is scheduled, to 999999.
 */
acclient_status acclient_run_args_set_max_time(acclient_run_args *args,
                                               int64_t seconds,
                                               acclient_error **error);

/**
 * Sets how many times the agent runs the job at most while it fails, the first run included: 2 is one more
 * try, and 1 is none. The runs are 1 s apart, and the result is that of the last. Default 0: one run.
 */
acclient_status acclient_run_args_set_max_restart(acclient_run_args *args,
                                                  int64_t times,
                                                  acclient_error **error);

/**
 * Runs the job again with this period, in seconds, until it is killed; it has no result until then.
 * Default 0: runs once.
 */
acclient_status acclient_run_args_set_recurring_period(acclient_run_args *args,
                                                       int64_t seconds,
                                                       acclient_error **error);

/**
 * Sets the interval, in milliseconds, at which the agent measures the job. Default 0: that of the
 * agent.
 */
acclient_status acclient_run_args_set_stats_interval(acclient_run_args *args,
                                                     int64_t milliseconds,
                                                     acclient_error **error);

/**
 * Adds an argument of the program of "execute"; scripts get none.
 */
acclient_status acclient_run_args_add_arg(acclient_run_args *args,
                                          const char *arg,
                                          acclient_error **error);

/**
 * Adds a variable to the environment of the job, which has few others: no PATH.
 *
 * name: not empty.
 */
acclient_status acclient_run_args_add_env(acclient_run_args *args,
                                          const char *name,
                                          const char *value,
                                          acclient_error **error);

/**
 * Takes over everything that other sets; lists are replaced as a whole. args and other may be the
 * same.
 */
acclient_status acclient_run_args_merge(acclient_run_args *args,
                                        const acclient_run_args *other,
                                        acclient_error **error);

/**
 * Returns the arguments as they are sent.
 *
 * json: [out] receives an answer of one row; free with acclient_answer_free().
 */
acclient_status acclient_run_args_to_json(const acclient_run_args *args,
                                          acclient_answer **json,
                                          acclient_error **error);

/**
 * Frees run arguments; requests made with them are unaffected.
 */
void acclient_run_args_free(acclient_run_args *args);

/**
 * Makes a target of one agent: the node nid of the grid gid.
 *
 * gid, nid: 1 to 2147483647.
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_agent(int64_t gid,
                                      int64_t nid,
                                      acclient_target **target,
                                      acclient_error **error);

/**
 * Makes a target of a list of agents, which is empty until acclient_target_add_agent() adds some. The
 * command has one id, and is pushed for every agent of the list or for none.
 *
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_agents(acclient_target **target,
                                       acclient_error **error);

/**
 * Makes a target of one agent, chosen by the controller at random: of all agents, unless
 * acclient_target_add_role() and acclient_target_set_grid() say which.
 *
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_any(acclient_target **target,
                                    acclient_error **error);

/**
 * Makes a target of every agent, a fan-out: of all agents, unless acclient_target_add_role() and
 * acclient_target_set_grid() say which.
 *
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_all(acclient_target **target,
                                    acclient_error **error);

/**
 * Parses a target.
 *
 * text: "1:2" for one agent, "1:2,2:1" for a list; "all" or "any"; "role=cpu,storage" for all agents
 *   with both roles, "any,role=cpu" for one; "@1" at the end for the agents of grid 1 only. In a role,
 *   characters may be written as %xx; a comma, "@", "%" and white space have to be.
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_parse(const char *text,
                                      acclient_target **target,
                                      acclient_error **error);

/**
 * Adds an agent to a list of agents. One that is there already is not added again.
 */
acclient_status acclient_target_add_agent(acclient_target *target,
                                          int64_t gid,
                                          int64_t nid,
                                          acclient_error **error);

/**
 * Requires a role of the agents, beside those required before. The role "*" is that of every agent.
 *
 * target: made by acclient_target_any() or acclient_target_all().
 * role: not empty.
 */
acclient_status acclient_target_add_role(acclient_target *target,
                                         const char *role,
                                         acclient_error **error);

/**
 * Requires the agents to be of one grid.
 *
 * gid: 1 to 2147483647.
 * target: made by acclient_target_any() or acclient_target_all().
 */
acclient_status acclient_target_set_grid(acclient_target *target,
                                         int64_t gid,
                                         acclient_error **error);

/**
 * The target in the form that acclient_target_parse() reads, like "1:2" or "all,role=cpu@1", as it is at
 * the first call; later changes of the target do not change the text.
 */
const char *acclient_target_text(const acclient_target *target,
                                 size_t *length);

/**
 * Frees the target; requests made with it are unaffected.
 */
void acclient_target_free(acclient_target *target);

/**
 * Sends a command and waits for the results of all its agents. A job that failed is a result like
 * any other; agents without a result by the deadline are reported as errors.
 *
 * stop_at_failure: return at the first agent that fails: its job ends in a state other than SUCCESS,
 *   or it gives an error. The results of the others are kept; their jobs are not killed.
 * collected: [out] receives the results; free with acclient_collected_free().
 * Errors: as acclient_request_submit(). Once the command is sent the call returns ACCLIENT_OK, and
 * failures are in acclient_collected_error(); one that ends the wait for all agents is the last
 * there, without an agent.
 */
acclient_status acclient_request_run_all(const acclient_request *request,
                                         bool stop_at_failure,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_collected **collected,
                                         acclient_error **error);

/**
 * The command, for waiting for the missing results: it does not return the collected ones again.
 * Borrowed.
 */
const acclient_command *acclient_collected_command(const acclient_collected *collected);

/**
 * Number of jobs.
 */
size_t acclient_collected_job_count(const acclient_collected *collected);

/**
 * The job at an index, in order of completion; borrowed.
 */
const acclient_job *acclient_collected_job(const acclient_collected *collected,
                                           size_t index);

/**
 * Number of errors.
 */
size_t acclient_collected_error_count(const acclient_collected *collected);

/**
 * The error at an index; borrowed.
 */
const acclient_error *acclient_collected_error(const acclient_collected *collected,
                                               size_t index);

/**
 * Whether the call stopped at a failure, or was ended by an error, before the deadline and before all
 * agents had answered.
 */
bool acclient_collected_is_stopped(const acclient_collected *collected);

/**
 * Frees the results; the jobs go on.
 */
void acclient_collected_free(acclient_collected *collected);

/**
 * The id of the command.
 */
const char *acclient_command_id(const acclient_command *command,
                                size_t *length);

/**
 * The handle string, "acclient:1:<id>:<target>", followed by ":queue=<name>" for a command with a queue, by
 * which acclient_client_get_by_handle() finds the command again, in this process or another.
 */
const char *acclient_command_handle(const acclient_command *command,
                                    size_t *length);

/**
 * The target, like "1:2", "all,role=cpu" or "unknown".
 */
const char *acclient_command_target(const acclient_command *command,
                                    size_t *length);

/**
 * The name of the command: "execute", "ping", ...; NULL where this program did not send it.
 */
const char *acclient_command_cmd(const acclient_command *command,
                                 size_t *length);

/**
 * The run arguments that were sent, as JSON; NULL where this program did not send it.
 */
const char *acclient_command_args(const acclient_command *command,
                                  size_t *length);

/**
 * The data that was sent; NULL where this program did not send it. It may contain NULs.
 */
const char *acclient_command_data(const acclient_command *command,
                                  size_t *length);

/**
 * The tags that were sent; NULL without tags, and where this program did not send it.
 */
const char *acclient_command_tags(const acclient_command *command,
                                  size_t *length);

/**
 * The JSON that was pushed to the queue; for a command of a history, the JSON found there. NULL
 * where this program neither sent it nor found it in a history.
 */
const char *acclient_command_dump(const acclient_command *command,
                                  size_t *length);

/**
 * Waits for the next result: one that this handle has not returned yet. Reconnects and retries when
 * the connection is lost. A job that failed is a result like any other.
 *
 * timeout_ms: 0 polls once.
 * job: [out] receives the job, or NULL with ACCLIENT_OK when every result has been returned; free
 *   with acclient_job_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT where the controller knew no agent for the target,
 * ACCLIENT_PROTOCOL for a result that cannot be decoded, ACCLIENT_INVALID_ARGUMENT also for a wait
 * without a timeout for a recurring command.
 */
acclient_status acclient_command_next_result(const acclient_command *command,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_job **job,
                                             acclient_error **error);

/**
 * Frees the command; its jobs go on.
 */
void acclient_command_free(acclient_command *command);

/**
 * Name of a stage, like "in queue"; "unknown stage" for any other number. Never NULL, never freed.
 */
const char *acclient_stage_name(int32_t stage);

/**
 * Finds out how far a command got on each agent: reads what Redis has, searches the queue, and asks
 * the agents that have fetched it whether they run it. A job that its agent does not run may wait in a queue
 * of the agent, where nobody sees it: if the command has a queue, this sends a "ping" through the same queue
 * where the agent shows no job of it. Agents of a list that the controller does not know are left out. May
 * be called while another thread waits with the command.
 *
 * timeout_ms: agents that do not answer by the deadline are ACCLIENT_STAGE_UNKNOWN; without a timeout
 *   agents have the default timeout of the client.
 * progress: [out] receives the progress; free with acclient_progress_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT where the controller knew no agent for the target; ACCLIENT_PROTOCOL for a
 * result that cannot be decoded.
 */
acclient_status acclient_command_progress(const acclient_command *command,
                                          int64_t timeout_ms,
                                          const acclient_cancel_token *cancel,
                                          acclient_progress **progress,
                                          acclient_error **error);

/**
 * Takes a command back if no controller has taken it yet: then it never ran and never will. Removes
 * exactly what was pushed; for a command that this program did not send, searches the queue for its
 * id. May be called while another thread waits with the command.
 *
 * retracted: [out] receives whether the command was still in the queue; false: it may run or have
 *   run. May be NULL.
 * Errors: ACCLIENT_MAYBE_SENT where the connection broke meanwhile, so that the command may have been
 * taken back or not.
 */
acclient_status acclient_command_retract(const acclient_command *command,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         bool *retracted,
                                         acclient_error **error);

/**
 * How far the command got as a whole: one of ACCLIENT_STAGE_...; later versions may add some. While no
 * agent is known it is in the queue, lost or unknown; then the stage of the agent that is least far. Where a
 * controller ended, or is slow, before it had routed the command to all agents with its roles, lost or
 * unknown of the rest counts too.
 */
int32_t acclient_progress_stage(const acclient_progress *progress);

/**
 * Number of agents that the command went to, as far as is known.
 */
size_t acclient_progress_count(const acclient_progress *progress);

/**
 * Reads the agent at an index, and returns whether there is one.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_progress_agent(const acclient_progress *progress,
                             size_t index,
                             int64_t *gid,
                             int64_t *nid);

/**
 * How far the command got on the agent at an index: one of ACCLIENT_STAGE_...
 */
int32_t acclient_progress_stage_at(const acclient_progress *progress,
                                   size_t index);

/**
 * Whether Redis has lost its data since it confirmed the command. The command may still run: agents that the target
 * names are asked, any other stage is ACCLIENT_STAGE_UNKNOWN. Always false if the user may not run INFO server, for
 * a command that was found by its id or handle string, and for NULL.
 */
bool acclient_progress_redis_lost_data(const acclient_progress *progress);

/**
 * Frees the progress.
 */
void acclient_progress_free(acclient_progress *progress);

/**
 * Iterates over the results of a command that its handle has not returned yet; results returned here
 * do not count there. Sends nothing and does not block.
 *
 * timeout_ms: from now, for all results.
 * cancel: also ends all later waits for a result. May be freed after this call.
 * results: [out] receives the results; free with acclient_results_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT also for a wait without a timeout for a recurring command.
 */
acclient_status acclient_command_results(const acclient_command *command,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_results **results,
                                         acclient_error **error);

/**
 * Iterates over the results of several commands, each once; acclient_job_id() gives the command. Other
 * parameters and errors as acclient_command_results().
 *
 * commands, commands_count: the commands.
 */
acclient_status acclient_client_wait_any(const acclient_client *client,
                                         const acclient_command *const *commands,
                                         size_t commands_count,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_results **results,
                                         acclient_error **error);

/**
 * Waits for the next result, at most until the deadline. A job that failed is a result like any other.
 *
 * An error for which acclient_error_is_final() is true ends the results. Any other is about one agent,
 * which acclient_error_agent() names, or about one command, and further results may follow:
 * ACCLIENT_TIMEOUT, after the deadline, once for each agent that did not answer and for each command
 * that no controller has routed; ACCLIENT_PROTOCOL where a result cannot be decoded;
 * ACCLIENT_NO_SUCH_AGENT where the controller knew no agent for the target.
 *
 * job: [out] receives the job, or NULL with ACCLIENT_OK when there is none left; free with
 *   acclient_job_free().
 */
acclient_status acclient_results_next(acclient_results *results,
                                      acclient_job **job,
                                      acclient_error **error);

/**
 * Returns the next result if there is one now, for a program with an event loop of its own. Errors as
 * acclient_results_next(). Blocks for a round trip to Redis, and to connect, up to one second each.
 *
 * job: [out] receives the job, or NULL with ACCLIENT_OK when there is none now, or none left; free with
 *   acclient_job_free().
 * pending: [out] receives whether there may be further results: call it again when
 *   acclient_results_poll_fd() is readable, and after acclient_results_poll_ms() at the latest. May be
 *   NULL.
 */
acclient_status acclient_results_poll_next(acclient_results *results,
                                           acclient_job **job,
                                           bool *pending,
                                           acclient_error **error);

/**
 * Descriptor that becomes readable when there may be a result; to be polled for reading only. It may be
 * another one after each call of acclient_results_poll_next(). -1 without a connection, and while
 * another thread waits.
 */
int32_t acclient_results_poll_fd(const acclient_results *results);

/**
 * How long, in milliseconds, to wait for acclient_results_poll_fd() before acclient_results_poll_next()
 * is called all the same: to poll or to reconnect, and at the deadline. 0 for NULL, when all results
 * have been returned, and while another thread waits.
 */
int64_t acclient_results_poll_ms(const acclient_results *results);

/**
 * Number of agents that have not answered, as far as the agents of the commands are known. 0 also
 * while another thread waits.
 */
size_t acclient_results_remaining(const acclient_results *results);

/**
 * How the results are waited for: one of ACCLIENT_WAIT_... 0 before the first wait, after the last
 * result, and while another thread waits.
 */
int32_t acclient_results_method(const acclient_results *results);

/**
 * Frees the results and their connection; the jobs go on.
 */
void acclient_results_free(acclient_results *results);

/**
 * Makes a plan whose batches have a fixed number of agents.
 *
 * agents: number of agents in a batch, above 0.
 * plan: [out] receives the plan; free with acclient_rollout_plan_free().
 */
acclient_status acclient_rollout_plan_agents(int64_t agents,
                                             acclient_rollout_plan **plan,
                                             acclient_error **error);

/**
 * Makes a plan of batches of a percentage of the agents, at least one agent.
 *
 * percent: 1 to 100.
 * plan: [out] receives the plan; free with acclient_rollout_plan_free().
 */
acclient_status acclient_rollout_plan_percent(int64_t percent,
                                              acclient_rollout_plan **plan,
                                              acclient_error **error);

/**
 * Sends the command to the next agent as soon as one has answered, so that as many agents as a batch has
 * are at work all the time: a sliding window. A slow agent takes one place of it and does not hold up
 * the others. Default: the next batch is sent when all agents of the last have answered.
 */
acclient_status acclient_rollout_plan_set_sliding(acclient_rollout_plan *plan,
                                                  acclient_error **error);

/**
 * Sends no further command after this many failures: jobs that end in a state other than SUCCESS, and
 * errors of acclient_rollout_next(). Default: never stops.
 *
 * failures: above 0.
 */
acclient_status acclient_rollout_plan_set_stop_after(acclient_rollout_plan *plan,
                                                     int64_t failures,
                                                     acclient_error **error);

/**
 * Sends the command only to some of the agents, chosen at random. Default: to all of them, in the order
 * of their numbers.
 *
 * agents: above 0.
 */
acclient_status acclient_rollout_plan_set_sample(acclient_rollout_plan *plan,
                                                 int64_t agents,
                                                 acclient_error **error);

/**
 * Frees the plan; rollouts made with it are unaffected.
 */
void acclient_rollout_plan_free(acclient_rollout_plan *plan);

/**
 * Sends a command to all agents of its target in batches: the next batch is sent when all agents of the
 * last have answered, and none after too many failures; acclient_rollout_plan_set_sliding() makes the
 * batch a sliding window. Each agent gets a command of its own, whose id acclient_job_id() gives. A
 * target with roles is resolved to the agents that have them now. No command is sent before the first
 * acclient_rollout_next().
 *
 * request: for one agent or for all that match, without an id set.
 * timeout_ms: from now, for the whole rollout. This call waits for the controller to list its agents,
 *   at most for the default timeout of the client; for one agent it does not block.
 * cancel: ends this call, and all later ones for the rollout. May be freed after this call.
 * rollout: [out] receives the rollout; free with acclient_rollout_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT also for a wait without a timeout for a recurring command,
 * ACCLIENT_NO_SUCH_AGENT where no agent matches, ACCLIENT_UNKNOWN_COMMAND where the controller does not
 * list its agents, ACCLIENT_TIMEOUT where no controller answers; as acclient_request_submit().
 */
acclient_status acclient_request_rollout(const acclient_request *request,
                                         const acclient_rollout_plan *plan,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_rollout **rollout,
                                         acclient_error **error);

/**
 * Waits for the next result, at most until the deadline, and sends the next batch where all agents of
 * the last have answered, or the next commands of a sliding window. A job that failed is a result like
 * any other. Reconnects and retries while Redis is unreachable.
 *
 * An error for which acclient_error_is_final() is false is about one agent, and the rollout goes on, as
 * with acclient_results_next(). It also goes on after a command that Redis did not confirm, which may
 * run or not (acclient_error_is_maybe_sent()), but sends no further batch. Any other error is the
 * last: the remaining agents got nothing. Each error counts as a failure.
 *
 * job: [out] receives the job, or NULL with ACCLIENT_OK when there is none left, or the rollout is
 *   stopped: see acclient_rollout_is_stopped(); free with acclient_job_free().
 */
acclient_status acclient_rollout_next(acclient_rollout *rollout,
                                      acclient_job **job,
                                      acclient_error **error);

/**
 * Number of agents of the rollout, whether they have got their command yet or not. From any thread.
 */
size_t acclient_rollout_agent_count(const acclient_rollout *rollout);

/**
 * Reads the agent at an index, of those of the rollout, and returns whether there is one. From any
 * thread.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_rollout_agent(const acclient_rollout *rollout,
                            size_t index,
                            int64_t *gid,
                            int64_t *nid);

/**
 * Number of agents in a batch, or in the sliding window; the last batch may have fewer. From any
 * thread.
 */
size_t acclient_rollout_batch_size(const acclient_rollout *rollout);

/**
 * Number of agents to which nothing was sent yet; nothing will be unless another result is waited for.
 * 0 also while another thread waits.
 */
size_t acclient_rollout_not_started_count(const acclient_rollout *rollout);

/**
 * Reads the agent at an index, of those to which nothing was sent yet, and returns whether there is one.
 * False also while another thread waits.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_rollout_not_started(const acclient_rollout *rollout,
                                  size_t index,
                                  int64_t *gid,
                                  int64_t *nid);

/**
 * Number of commands that were sent and whose result was not returned yet. 0 before the first
 * acclient_rollout_next(), once all have answered, and while another thread waits.
 *
 * These commands stay available however the rollout has ended, so that they can be killed or found
 * again: an agent that did not answer by the deadline may still run its job, and so may one whose
 * command Redis did not confirm (acclient_error_is_maybe_sent()). A command that was certainly not sent
 * is not among them, nor one whose result cannot be decoded.
 */
size_t acclient_rollout_in_flight_count(const acclient_rollout *rollout);

/**
 * The command at an index, of those that acclient_rollout_in_flight_count() counts, in the order of
 * their agents: for acclient_command_kill(), acclient_command_retract(), or to find it again by its
 * handle string. acclient_command_target() gives the agent.
 *
 * index: below acclient_rollout_in_flight_count(). Waiting for another result may change which command
 *   is at which index.
 * command: [out] receives the command; free with acclient_command_free(). It outlives the rollout, whose
 *   deadline and token do not apply to it. For one that Redis did not confirm, acclient_command_cmd()
 *   and the other accessors of what was sent return NULL.
 * Errors: ACCLIENT_INVALID_ARGUMENT also for an index beyond the last, and while another thread waits.
 */
acclient_status acclient_rollout_in_flight(const acclient_rollout *rollout,
                                           size_t index,
                                           acclient_command **command,
                                           acclient_error **error);

/**
 * Number of failures so far, among the results and errors that were returned. 0 also while another
 * thread waits.
 */
size_t acclient_rollout_failures(const acclient_rollout *rollout);

/**
 * Whether no further batch is sent though there are agents left: after too many failures, after the
 * deadline, or because the rollout was ended. False also while another thread waits.
 */
bool acclient_rollout_is_stopped(const acclient_rollout *rollout);

/**
 * Frees the rollout and its connection; jobs in progress go on, and no further batch is sent.
 */
void acclient_rollout_free(acclient_rollout *rollout);

/**
 * The id of the command.
 */
const char *acclient_job_id(const acclient_job *job,
                            size_t *length);

/**
 * The state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another word that the agent
 * wrote.
 */
const char *acclient_job_state(const acclient_job *job,
                               size_t *length);

/**
 * The name of the command. Empty before the job has ended.
 */
const char *acclient_job_cmd(const acclient_job *job,
                             size_t *length);

/**
 * The run arguments as the agent decoded them, as JSON; "null" before the job has ended.
 */
const char *acclient_job_args(const acclient_job *job,
                              size_t *length);

/**
 * The result data: the last message of level 20 to 23 or 30 that the job printed, or why a program could
 * not be started (the exit status of a program is not reported), or the answer of
 * an agent's built-in command. Often empty. It may contain NULs.
 */
const char *acclient_job_data(const acclient_job *job,
                              size_t *length);

/**
 * Standard output: the last 1000 lines without a level of their own, blank lines left out. It may
 * contain NULs.
 */
const char *acclient_job_stdout(const acclient_job *job,
                                size_t *length);

/**
 * Standard error, in the same form as acclient_job_stdout().
 */
const char *acclient_job_stderr(const acclient_job *job,
                                size_t *length);

/**
 * The last message of level 9; NULL where there was none.
 */
const char *acclient_job_critical(const acclient_job *job,
                                  size_t *length);

/**
 * The tags that the command was sent with; NULL where there are none.
 */
const char *acclient_job_tags(const acclient_job *job,
                              size_t *length);

/**
 * The whole document as JSON, with fields that this version does not know, and those that it could not read
 * as they stand in the document. Without fields that nest deeper than 32 levels.
 */
const char *acclient_job_dump(const acclient_job *job,
                              size_t *length);

/**
 * The document byte for byte, where the other functions say something else than it does: for numbers in
 * another form than digits, fields of the wrong type, two fields of one name or a name in another case, and
 * for what is not text (bytes that are not UTF-8, half of a surrogate pair), in whose place all other texts
 * of the job have U+FFFD. NULL for all other documents; for those see acclient_job_dump().
 */
const char *acclient_job_raw(const acclient_job *job,
                             size_t *length);

/**
 * Number of fields of the document that could not be read, or only in part: of the wrong type, out of range,
 * or nested deeper than 32 levels. Such a field counts as absent; acclient_job_raw() has the document with it.
 * The original agents send no such field.
 *
 * Only a state is required. Whole numbers may be written in any form (1795521098681.0, 1e3, "12"); a fraction is
 * cut off. Data that is not a string is read as its JSON text. Of two fields of one name the last that can be
 * read counts, and names may be in another case.
 */
size_t acclient_job_dropped_fields_count(const acclient_job *job);

/**
 * The name of the dropped field at an index; NULL where there is none.
 */
const char *acclient_job_dropped_fields_at(const acclient_job *job,
                                           size_t index,
                                           size_t *length);

/**
 * Reads the agent, and returns whether it is one: false where the controller itself answered, as 0:0,
 * or as <gid>:0 for a target of one grid.
 *
 * gid, nid: [out] receive the numbers; may be NULL.
 */
bool acclient_job_agent(const acclient_job *job,
                        int64_t *gid,
                        int64_t *nid);

/**
 * Whether the job ended in the state SUCCESS.
 */
bool acclient_job_is_success(const acclient_job *job);

/**
 * Level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
 */
int64_t acclient_job_level(const acclient_job *job);

/**
 * Start time in milliseconds since 1970, by the clock of the agent; 0 where the job did not start.
 */
int64_t acclient_job_starttime_ms(const acclient_job *job);

/**
 * Run time in milliseconds.
 */
int64_t acclient_job_time_ms(const acclient_job *job);

/**
 * Reads the current state of the job into a new handle: handles that others read do not change.
 *
 * refreshed: [out] receives the job; free with acclient_job_free().
 * Errors: ACCLIENT_PROTOCOL where it cannot be decoded or is gone.
 */
acclient_status acclient_job_refresh(const acclient_job *job,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_job **refreshed,
                                     acclient_error **error);

/**
 * Waits until the job is over, and reads its result into a new handle. Returns at once where the job
 * is over already.
 *
 * timeout_ms: 0 polls once.
 * ended: [out] receives the job; free with acclient_job_free().
 * Errors: as acclient_command_next_result().
 */
acclient_status acclient_job_wait(const acclient_job *job,
                                  int64_t timeout_ms,
                                  const acclient_cancel_token *cancel,
                                  acclient_job **ended,
                                  acclient_error **error);

/**
 * Frees the job handle; the job itself goes on.
 */
void acclient_job_free(acclient_job *job);

/**
 * Reads the history of commands. Only controllers older than the original of 2016 keep one.
 *
 * start: how many of the most recent commands to skip.
 * count: 1 to 10000.
 * commands: [out] receives the list; free with acclient_commands_free().
 * Errors: ACCLIENT_UNSUPPORTED where there is no history, ACCLIENT_PROTOCOL where no entry can be decoded; where
 * some can, the others are left out and logged.
 */
acclient_status acclient_client_get_cmds(const acclient_client *client,
                                         uint32_t start,
                                         uint32_t count,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_commands **commands,
                                         acclient_error **error);

/**
 * Number of commands.
 */
size_t acclient_commands_count(const acclient_commands *commands);

/**
 * The command at an index; borrowed.
 */
const acclient_command *acclient_commands_at(const acclient_commands *commands,
                                             size_t index);

/**
 * Frees the list and its commands; their jobs go on.
 */
void acclient_commands_free(acclient_commands *commands);

/**
 * Reads the job of one of the agents that a command was routed to, as acclient_command_jobs() has it. Costs the
 * same however many agents there are.
 *
 * gid, nid: the agent, 0 to 4294967295 each.
 * job: [out] receives the job; free with acclient_job_free().
 * Errors: ACCLIENT_PROTOCOL where Redis has no such job, or it cannot be decoded; ACCLIENT_NO_SUCH_AGENT where
 * the controller did not know the agent.
 */
acclient_status acclient_command_job(const acclient_command *command,
                                     int64_t gid,
                                     int64_t nid,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_job **job,
                                     acclient_error **error);

/**
 * Reads the job of every agent that a command was routed to, as Redis has it now: queued, running or over.
 * Empty while no controller has routed the command. A job counts as "RUNNING" from the moment its agent has
 * fetched it, even while it waits in a queue of the agent; acclient_command_progress() asks the agent. Agents
 * of a list that the controller does not know have no job and are left out.
 *
 * jobs: [out] receives the list; free with acclient_jobs_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT where the controller knew no agent for the target; ACCLIENT_PROTOCOL
 * where no result can be decoded; where some can, the others are left out and logged.
 */
acclient_status acclient_command_jobs(const acclient_command *command,
                                      int64_t timeout_ms,
                                      const acclient_cancel_token *cancel,
                                      acclient_jobs **jobs,
                                      acclient_error **error);

/**
 * Number of jobs.
 */
size_t acclient_jobs_count(const acclient_jobs *jobs);

/**
 * The job at an index; borrowed.
 */
const acclient_job *acclient_jobs_at(const acclient_jobs *jobs,
                                     size_t index);

/**
 * Frees the list and its job handles; the jobs themselves go on.
 */
void acclient_jobs_free(acclient_jobs *jobs);

/**
 * Name of the result of a kill: "ended" or "ordered"; "unknown kill" for any other number. Never NULL,
 * never freed.
 */
const char *acclient_kill_name(int32_t kill);

/**
 * Kills the job on every agent that runs it. Nothing is sent where it is over or is ending after an earlier
 * kill.
 *
 * An agent sends SIGKILL to the process that it started, and to nothing else. Children of the process go
 * on, and KILLED is reported when the last of them has closed the job's output; what is written after the
 * kill is dropped. A script of "bash" is such a child, so it runs to its end; see
 * acclient_request_set_killable(). A job that waits in a queue of the agent, or for a full agent, cannot be
 * reached.
 *
 * The agent never answers a second kill of a job that is still ending, and that kill takes one of its 100
 * places until it restarts. So this asks the agent first, and leaves the key cmd.<id>.killed.<gid>.<nid>,
 * for 24 hours, by which later calls know, in any process.
 *
 * timeout_ms: for the agents to answer.
 * outcomes: [out] receives an outcome for each agent. acclient_outcomes_kill() tells whether the job has
 *   ended; the answers are its name. Free with acclient_outcomes_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT where the controller knew no agent for the target; ACCLIENT_TIMEOUT where no
 * controller has routed the command; as acclient_request_submit(). An error of one agent is in its outcome,
 * and acclient_outcomes_failure() returns the first: ACCLIENT_NOT_RUNNING where the agent does not run the
 * job, so that a kill cannot reach it; ACCLIENT_TIMEOUT for an agent that is down, stopped or full;
 * ACCLIENT_NO_SUCH_AGENT for an agent of a list that the controller does not know.
 */
acclient_status acclient_command_kill(const acclient_command *command,
                                      int64_t timeout_ms,
                                      const acclient_cancel_token *cancel,
                                      acclient_outcomes **outcomes,
                                      acclient_error **error);

/**
 * Reads what a running command uses, on each agent: answers with the fields "cpu" (per cent), "rss",
 * "vms", "swap" (bytes), "cmd" and "debug". For "bash" that is the shell that runs the script, without the
 * script. Parameters and errors as acclient_command_kill(); ACCLIENT_JOB_FAILED in the outcome of an agent
 * that does not run the job, or not yet.
 */
acclient_status acclient_command_get_stats(const acclient_command *command,
                                           int64_t timeout_ms,
                                           const acclient_cancel_token *cancel,
                                           acclient_outcomes **outcomes,
                                           acclient_error **error);

/**
 * Reads what a command has logged, on each agent: answers with a row for each message, newest first,
 * with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". Other parameters and
 * errors as acclient_command_kill().
 *
 * query: which messages of each agent; may be NULL for the defaults of acclient_msg_query_new().
 */
acclient_status acclient_command_get_msgs(const acclient_command *command,
                                          const acclient_msg_query *query,
                                          int64_t timeout_ms,
                                          const acclient_cancel_token *cancel,
                                          acclient_outcomes **outcomes,
                                          acclient_error **error);

/**
 * Reads the jobs that every agent of every grid is running: answers as those of
 * acclient_client_get_processes().
 *
 * query: which jobs; may be NULL for all.
 * timeout_ms: for the agents to answer.
 * outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
 * Errors: as acclient_request_submit(). An error of one agent is in its outcome.
 */
acclient_status acclient_client_get_all_processes(const acclient_client *client,
                                                  const acclient_process_query *query,
                                                  int64_t timeout_ms,
                                                  const acclient_cancel_token *cancel,
                                                  acclient_outcomes **outcomes,
                                                  acclient_error **error);

/**
 * Number of agents.
 */
size_t acclient_outcomes_count(const acclient_outcomes *outcomes);

/**
 * Reads the agent at an index, and returns whether there is one.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_outcomes_agent(const acclient_outcomes *outcomes,
                             size_t index,
                             int64_t *gid,
                             int64_t *nid);

/**
 * Name of a kind of outcome: "done", "over" or "failed"; "unknown outcome" for any other number. Never
 * NULL, never freed.
 */
const char *acclient_outcome_name(int32_t kind);

/**
 * Why the first agent that failed gave no answer; borrowed. NULL where none has failed.
 */
const acclient_error *acclient_outcomes_failure(const acclient_outcomes *outcomes);

/**
 * The kind of outcome at an index: one of ACCLIENT_OUTCOME_...
 */
int32_t acclient_outcomes_kind(const acclient_outcomes *outcomes,
                               size_t index);

/**
 * The result of the kill of the agent at an index: one of ACCLIENT_KILL_...; 0 unless the outcomes are those
 * of a kill and the kind is ACCLIENT_OUTCOME_DONE.
 */
int32_t acclient_outcomes_kill(const acclient_outcomes *outcomes,
                               size_t index);

/**
 * The answer of the agent at an index; borrowed. NULL unless the kind is ACCLIENT_OUTCOME_DONE.
 */
const acclient_answer *acclient_outcomes_answer(const acclient_outcomes *outcomes,
                                                size_t index);

/**
 * The job of the agent at an index; borrowed. NULL unless the kind is ACCLIENT_OUTCOME_OVER.
 */
const acclient_job *acclient_outcomes_job(const acclient_outcomes *outcomes,
                                          size_t index);

/**
 * Why the agent at an index gave no answer; borrowed. NULL unless the kind is
 * ACCLIENT_OUTCOME_FAILED.
 */
const acclient_error *acclient_outcomes_error(const acclient_outcomes *outcomes,
                                              size_t index);

/**
 * Frees the outcomes.
 */
void acclient_outcomes_free(acclient_outcomes *outcomes);

/**
 * The JSON text of the answer, exactly as it was received.
 */
const char *acclient_answer_json(const acclient_answer *answer,
                                 size_t *length);

/**
 * Number of rows.
 */
size_t acclient_answer_count(const acclient_answer *answer);

/**
 * A field of a row as text: the content of a string, anything else as JSON. NULL where there is no
 * such field, and where it is null.
 */
const char *acclient_answer_text(const acclient_answer *answer,
                                 size_t row,
                                 const char *field,
                                 size_t *length);

/**
 * A field of a row as an integer, without its fraction; also a number in a string, like "12". 0 where there
 * is no such field, and where it is not a number; acclient_answer_text() tells the difference.
 */
int64_t acclient_answer_int(const acclient_answer *answer,
                            size_t row,
                            const char *field);

/**
 * A field of a row as a floating-point number, also one in a string; 0 as for acclient_answer_int().
 */
double acclient_answer_double(const acclient_answer *answer,
                              size_t row,
                              const char *field);

/**
 * Frees an answer.
 */
void acclient_answer_free(acclient_answer *answer);

/**
 * Follows the log of a job until the job is over and its log is complete. Sends nothing and does not block.
 *
 * query: which messages, whose limit is ignored; may be NULL for all.
 * timeout_ms: from now, for all messages. Without one, it waits without end for an agent that never comes
 *   back.
 * cancel: also ends all later waits for a message. May be freed after this call.
 * follow: [out] receives the handle; free with acclient_follow_free().
 */
acclient_status acclient_job_follow(const acclient_job *job,
                                    const acclient_msg_query *query,
                                    int64_t timeout_ms,
                                    const acclient_cancel_token *cancel,
                                    acclient_follow **follow,
                                    acclient_error **error);

/**
 * Waits for the next message, at most until the deadline. While it waits it asks the agent every 250 ms,
 * each time with a command.
 *
 * Agents write their logs in batches, so that messages become visible late, and some after later ones. A
 * message is returned as soon as it is visible, and once. Messages that become visible together are in the
 * order of their ids; one that comes late has a smaller id than its predecessor. Nothing is missed that
 * becomes visible within one second of a message with a greater id, which is five times the longest delay
 * measured on the original agent. One second after the result of the job, or after its last message, the
 * log ends. Messages of the last 100 ms before an agent dies are never written.
 *
 * It goes on where a wait for the result would: after a lost connection, and while the controller starts
 * again or the agent is away, until the deadline. It keeps the ids of up to 3000 messages.
 *
 * message: [out] receives one row with the fields "data", "level", "epoch" (milliseconds since 1970)
 *   and "id", or NULL with ACCLIENT_OK when the job is over and its log is complete; free with
 *   acclient_answer_free().
 * Errors: ACCLIENT_GAP where messages may be missing, after which the next ones follow:
 * acclient_error_gap() says where. An agent returns the newest 1000 messages of a level at a time, and a job
 * may log more between two polls, or before the first. Any other error ends the handle: ACCLIENT_LOST for a
 * job that is lost, found within a few seconds of the agent being there; ACCLIENT_TIMEOUT, whose message
 * says how long the agent has not answered; ACCLIENT_NO_SUCH_AGENT for the job of a command that matched no
 * agent; as acclient_request_run().
 */
acclient_status acclient_follow_next(acclient_follow *follow,
                                     acclient_answer **message,
                                     acclient_error **error);

/**
 * Frees the handle; the job goes on.
 */
void acclient_follow_free(acclient_follow *follow);

/**
 * Reads the processors of an agent's machine: a row each, with the fields "cpu", "vendor_id",
 * "family", "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz", "cache_size"
 * (KiB) and "flags".
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent failed to read it,
 * ACCLIENT_UNKNOWN_COMMAND; as acclient_request_run().
 */
acclient_status acclient_client_get_cpu_info(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_answer **answer,
                                             acclient_error **error);

/**
 * Reads the mounted file systems of an agent's machine: a row each, with the fields "device",
 * "mountpoint", "fstype" and "opts". Parameters and errors as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_disk_info(const acclient_client *client,
                                              int64_t gid,
                                              int64_t nid,
                                              int64_t timeout_ms,
                                              const acclient_cancel_token *cancel,
                                              acclient_answer **answer,
                                              acclient_error **error);

/**
 * Reads the memory of an agent's machine: one row, with the fields "total", "available", "used",
 * "free", "active", "inactive", "buffers", "cached", "wired", "shared" (bytes) and "used_percent".
 * Parameters and errors as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_mem_info(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_answer **answer,
                                             acclient_error **error);

/**
 * Reads the network interfaces of an agent's machine: a row each, with the fields "mtu", "name",
 * "hardwareaddr", "flags" and "addrs" ("addrs.0.addr" is the first address). Parameters and errors as
 * acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_nic_info(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_answer **answer,
                                             acclient_error **error);

/**
 * Reads the operating system of an agent's machine: one row, with the fields "hostname", "uptime"
 * (seconds), "boot_time" (seconds since 1970), "procs", "os", "platform", "platform_family",
 * "platform_version", "virtualization_system" and "virtualization_role". Parameters and errors as
 * acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_os_info(const acclient_client *client,
                                            int64_t gid,
                                            int64_t nid,
                                            int64_t timeout_ms,
                                            const acclient_cancel_token *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * Reads what an agent and all its jobs use together: one row, with the fields "cpu" (per cent),
 * "rss", "vms" and "swap" (bytes). Parameters and errors as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_aggregated_stats(const acclient_client *client,
                                                     int64_t gid,
                                                     int64_t nid,
                                                     int64_t timeout_ms,
                                                     const acclient_cancel_token *cancel,
                                                     acclient_answer **answer,
                                                     acclient_error **error);

/**
 * Reads the jobs that an agent is running, this request included: a row each, with the fields "cmd"
 * ("cmd.id", "cmd.cmd", ...), "cpu" (per cent), "rss", "vms", "swap" (bytes) and "debug". Other
 * parameters and errors as acclient_client_get_cpu_info().
 *
 * query: which jobs; may be NULL for all.
 */
acclient_status acclient_client_get_processes(const acclient_client *client,
                                              int64_t gid,
                                              int64_t nid,
                                              const acclient_process_query *query,
                                              int64_t timeout_ms,
                                              const acclient_cancel_token *cancel,
                                              acclient_answer **answer,
                                              acclient_error **error);

/**
 * Reads what a job has logged on an agent, by the id of its command: a row for each message, newest
 * first, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id"; no rows for a
 * job that the agent does not know. The agent logs with a short delay.
 *
 * target: one agent.
 * id: the id of the command.
 * query: which messages; may be NULL for the defaults of acclient_msg_query_new().
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_msgs(const acclient_client *client,
                                         const acclient_target *target,
                                         const char *id,
                                         const acclient_msg_query *query,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_answer **answer,
                                         acclient_error **error);

/**
 * Lists the agents that the controller knows: a row each, with the fields "gid", "nid" and "roles"
 * ("roles.0" is the first). An agent that died stays in the list for 30 to 45 s. One
 * that runs 100 jobs fetches no commands and leaves the list after 30 s, until some of them end.
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_TIMEOUT where no controller drains the queue, ACCLIENT_UNKNOWN_COMMAND where the
 * controller does not support it; as acclient_request_run().
 */
acclient_status acclient_client_list_agents(const acclient_client *client,
                                            int64_t timeout_ms,
                                            const acclient_cancel_token *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * Checks everything that a command depends on: whether Redis can be reached, accepts the login, and
 * what it supports; whether it may run out of memory, evict keys or refuse writes; whether a controller drains
 * the queue; which agents answer, and how far behind they are. The round trip to Redis is measured first, and left
 * out of the times of the controller and of agents. A row for each check, in the order in which
 * a command depends on them, with the fields
 * "name" ("redis", "login", "queue", "agent 1:2", ...), different in each row;
 * "verdict" ("good", "weak", "bad", or "unknown" where Redis does not tell or the time was too short);
 * "found"; "advice", which is empty where nothing is to be done;
 * "code", an integer: the kind of the error that commands meet because of it, such as ACCLIENT_TIMEOUT, and "kind",
 * its name; both null where no command has to fail. Later versions may check more.
 *
 * Sends the commands "list_agents" and "ping". Those that nobody has fetched are removed from Redis at the end, also
 * of a call that is cancelled, and their other keys expire within ten seconds.
 *
 * client: made with acclient_client_build() if Redis may be unreachable.
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE.
 * Problems of the grid are in the answer.
 */
acclient_status acclient_client_doctor(const acclient_client *client,
                                       int64_t timeout_ms,
                                       const acclient_cancel_token *cancel,
                                       acclient_answer **answer,
                                       acclient_error **error);

/**
 * Sends a "ping" to an agent and waits for its answer.
 *
 * Errors: as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_ping_agent(const acclient_client *client,
                                           int64_t gid,
                                           int64_t nid,
                                           int64_t timeout_ms,
                                           const acclient_cancel_token *cancel,
                                           acclient_error **error);

/**
 * Reads what a running job uses: one row, with the fields "cpu" (per cent), "rss", "vms", "swap"
 * (bytes), "cmd" and "debug".
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_JOB_FAILED where the job is not running; as acclient_request_run().
 */
acclient_status acclient_job_get_stats(const acclient_job *job,
                                       int64_t timeout_ms,
                                       const acclient_cancel_token *cancel,
                                       acclient_answer **answer,
                                       acclient_error **error);

/**
 * Reads what a job has logged. Rows, other parameters and errors as acclient_client_get_msgs().
 *
 * query: which messages; may be NULL for the defaults of acclient_msg_query_new().
 */
acclient_status acclient_job_get_msgs(const acclient_job *job,
                                      const acclient_msg_query *query,
                                      int64_t timeout_ms,
                                      const acclient_cancel_token *cancel,
                                      acclient_answer **answer,
                                      acclient_error **error);

/**
 * Kills a job: the agent sends SIGKILL to the process that it started. See acclient_command_kill() for what
 * a kill does not reach. Nothing is sent where the job is over or is ending after an earlier kill.
 *
 * kill: [out] receives ACCLIENT_KILL_ENDED once the result is there, also where the job was over before, or
 *   ACCLIENT_KILL_ORDERED if something still holds the job's output a second after the kill; may be NULL.
 * Errors: ACCLIENT_NOT_RUNNING where the agent does not run the job, so that a kill cannot reach it;
 * ACCLIENT_TIMEOUT for an agent that is down, stopped or full; ACCLIENT_NO_SUCH_AGENT; as
 * acclient_request_run().
 */
acclient_status acclient_job_kill(const acclient_job *job,
                                  int64_t timeout_ms,
                                  const acclient_cancel_token *cancel,
                                  int32_t *kill,
                                  acclient_error **error);

/**
 * Makes a query of the newest 20 messages of every level.
 *
 * query: [out] receives the query; free with acclient_msg_query_free().
 */
acclient_status acclient_msg_query_new(acclient_msg_query **query,
                                       acclient_error **error);

/**
 * Sets the levels: "*" (the default), or numbers and ranges like "1,2,6-9".
 */
acclient_status acclient_msg_query_set_levels(acclient_msg_query *query,
                                              const char *levels,
                                              acclient_error **error);

/**
 * Sets the maximum number of messages, 1 to 1000; the newest are returned. Default 20.
 */
acclient_status acclient_msg_query_set_limit(acclient_msg_query *query,
                                             uint32_t limit,
                                             acclient_error **error);

/**
 * Leaves out messages logged before a time.
 *
 * from_ms: milliseconds since 1970, zero or above.
 */
acclient_status acclient_msg_query_set_from(acclient_msg_query *query,
                                            int64_t from_ms,
                                            acclient_error **error);

/**
 * Leaves out messages logged after a time.
 *
 * to_ms: milliseconds since 1970, zero or above.
 */
acclient_status acclient_msg_query_set_to(acclient_msg_query *query,
                                          int64_t to_ms,
                                          acclient_error **error);

/**
 * Frees the query.
 */
void acclient_msg_query_free(acclient_msg_query *query);

/**
 * Makes a query of all jobs of an agent.
 *
 * query: [out] receives the query; free with acclient_process_query_free().
 */
acclient_status acclient_process_query_new(acclient_process_query **query,
                                           acclient_error **error);

/**
 * Leaves out jobs of another domain: see acclient_run_args_set_domain().
 */
acclient_status acclient_process_query_set_domain(acclient_process_query *query,
                                                  const char *domain,
                                                  acclient_error **error);

/**
 * Leaves out jobs of another name: see acclient_run_args_set_name().
 */
acclient_status acclient_process_query_set_name(acclient_process_query *query,
                                                const char *name,
                                                acclient_error **error);

/**
 * Frees the query.
 */
void acclient_process_query_free(acclient_process_query *query);

/**
 * Resolves an expression over agents to the target that it means at this moment.
 *
 * Agents that are written out, and roles that all have to be there, become a target without asking anybody. For
 * all else, this asks the controller for its agents, as acclient_client_list_agents() does, and makes a target that
 * lists agents. An agent that is written out is in the target even if it is not registered; ranges, patterns and
 * "not" mean registered agents.
 *
 * expression: "1:1-20,25,2:*" for agents by their numbers, where a range has "-" and a pattern "*" or "?";
 *   "all", "any", "role=cpu,storage@1" as in acclient_target_parse(); "@web" for a group of the named instance that
 *   the client was made from, which is a string in its table "groups"; combined by "or", "and", "not" (which bind
 *   tighter in this order) and parentheses. "any" cannot be combined.
 * target: [out] receives the target; free with acclient_target_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a syntax error and a group that does not exist or is invalid,
 * ACCLIENT_NO_SUCH_AGENT where nobody is meant; as acclient_client_list_agents().
 */
acclient_status acclient_client_resolve(const acclient_client *client,
                                        const char *expression,
                                        int64_t timeout_ms,
                                        const acclient_cancel_token *cancel,
                                        acclient_target **target,
                                        acclient_error **error);

/**
 * Lists the agents that a target means at this moment, of those that the controller knows: rows as in
 * acclient_client_list_agents(). Agents that the target lists and the controller does not know are left out, so
 * that there may be no rows. For acclient_target_any(), all agents that the controller would choose from.
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: as acclient_client_list_agents().
 */
acclient_status acclient_client_matching_agents(const acclient_client *client,
                                                const acclient_target *target,
                                                int64_t timeout_ms,
                                                const acclient_cancel_token *cancel,
                                                acclient_answer **answer,
                                                acclient_error **error);

/**
 * Counts the commands that wait for agents: the controller has routed them, and the agent has not fetched them. A
 * row for each agent, with the fields "gid", "nid" and "waiting". Reads them from Redis without asking the
 * controller or an agent. Agents of which the user of Redis may not read the key "cmds:<gid>:<nid>" are left out.
 *
 * target: one agent or a list of agents.
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a target with roles; as acclient_client_ping().
 */
acclient_status acclient_client_waiting_commands(const acclient_client *client,
                                                 const acclient_target *target,
                                                 int64_t timeout_ms,
                                                 const acclient_cancel_token *cancel,
                                                 acclient_answer **answer,
                                                 acclient_error **error);

/**
 * Schedules a command: the controller sends it at certain times, each time with a new id. An entry
 * with the same id is replaced.
 *
 * id: not empty.
 * cron: five or six fields, starting with seconds, like "0 30 3 * * *", or "@every 1h".
 * request: the command. The numbers of its agent or grid, and its maximum time, may have six digits.
 * Errors: ACCLIENT_INVALID_ARGUMENT also for what the controller would not decode (nothing was sent),
 * ACCLIENT_JOB_FAILED where the controller refuses; as acclient_request_run().
 */
acclient_status acclient_client_schedule_add(const acclient_client *client,
                                             const char *id,
                                             const char *cron,
                                             const acclient_request *request,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_error **error);

/**
 * Lists the schedule, in the order of ids: a row each, with the fields "id", "cron" and "cmd"
 * ("cmd.cmd", "cmd.gid", ...).
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: as acclient_request_run().
 */
acclient_status acclient_client_schedule_list(const acclient_client *client,
                                              int64_t timeout_ms,
                                              const acclient_cancel_token *cancel,
                                              acclient_answer **answer,
                                              acclient_error **error);

/**
 * Removes an entry from the schedule.
 *
 * removed: [out] receives whether there was an entry with this id; may be NULL.
 * Errors: as acclient_request_run().
 */
acclient_status acclient_client_schedule_remove(const acclient_client *client,
                                                const char *id,
                                                bool *removed,
                                                int64_t timeout_ms,
                                                const acclient_cancel_token *cancel,
                                                acclient_error **error);

/**
 * Removes all entries whose ids start with a prefix from the schedule.
 *
 * prefix: an empty one removes all entries.
 * Errors: as acclient_request_run().
 */
acclient_status acclient_client_schedule_remove_prefix(const acclient_client *client,
                                                       const char *prefix,
                                                       int64_t timeout_ms,
                                                       const acclient_cancel_token *cancel,
                                                       acclient_error **error);

/**
 * Makes a tunnel to be opened or closed. Sends nothing; acclient_client_tunnel_open() validates the
 * parts.
 *
 * local: the port that the agent listens on; 0 stands for any free one from 49152 to 65535.
 * gateway: the far end: an agent as "gid.nid", or "controller".
 * ip, remote: IP address or host name, and port, to connect to from there.
 * tunnel: [out] receives the tunnel; free with acclient_tunnel_free().
 */
acclient_status acclient_tunnel_new(uint16_t local,
                                    const char *gateway,
                                    const char *ip,
                                    uint16_t remote,
                                    acclient_tunnel **tunnel,
                                    acclient_error **error);

/**
 * The port that the agent listens on; the actual one after acclient_client_tunnel_open().
 */
uint16_t acclient_tunnel_local(const acclient_tunnel *tunnel);

/**
 * The port that the tunnel connects to.
 */
uint16_t acclient_tunnel_remote(const acclient_tunnel *tunnel);

/**
 * The far end: "gid.nid" or "controller".
 */
const char *acclient_tunnel_gateway(const acclient_tunnel *tunnel,
                                    size_t *length);

/**
 * The IP address or host name that the tunnel connects to; IPv6 without brackets.
 */
const char *acclient_tunnel_ip(const acclient_tunnel *tunnel,
                               size_t *length);

/**
 * Frees the handle; an open tunnel stays open.
 */
void acclient_tunnel_free(acclient_tunnel *tunnel);

/**
 * Opens a tunnel from a port of an agent's machine. Success means that the agent listens on that port;
 * an agent that was started seconds ago may first have to connect to the controller. For port 0 up to
 * eight random ports from 49152 to 65535 are tried.
 *
 * opened: [out] receives the tunnel with its actual port, to be closed with
 *   acclient_client_tunnel_close(); free with acclient_tunnel_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT also for a remote port of 0, an ip that is neither an IP address nor
 * a host name, a gateway that is neither an agent nor the controller, and a tunnel of an agent to
 * itself; ACCLIENT_TUNNEL_EXISTS where the agent lists the tunnel already, open or not, and nothing was
 * changed; ACCLIENT_JOB_FAILED where the agent cannot listen, with the reason, after which it does not
 * list the tunnel; as acclient_request_run(). After a timeout the agent may open it later.
 */
acclient_status acclient_client_tunnel_open(const acclient_client *client,
                                            int64_t gid,
                                            int64_t nid,
                                            const acclient_tunnel *tunnel,
                                            int64_t timeout_ms,
                                            const acclient_cancel_token *cancel,
                                            acclient_tunnel **opened,
                                            acclient_error **error);

/**
 * Closes a tunnel: one that acclient_client_tunnel_open() returned, or one made from a row of
 * acclient_client_tunnel_list(). Afterwards the agent does not listen for it, and connections through it
 * have ended. A tunnel that the agent lists and that is closed already can be closed again, since
 * nothing tells it from an open one.
 *
 * still_listed: [out] receives whether the agent still lists the tunnel; may be NULL. The agents of 2016
 *   do so where they chose the port themselves, which acclient never asks for but other programs may:
 *   they list the tunnel until they restart, and listen on its port again when their connection to the
 *   controller is re-established.
 * Errors: ACCLIENT_NO_SUCH_TUNNEL where the agent lists no such tunnel; port 0 names only one that is
 * listed with port 0, and one that the agent opened has a real port. As acclient_request_run().
 */
acclient_status acclient_client_tunnel_close(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             const acclient_tunnel *tunnel,
                                             bool *still_listed,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_error **error);

/**
 * Lists the tunnels that an agent knows, open or not, in no order: a row each, with the fields "local",
 * "gateway", "ip" and "remote", of which acclient_tunnel_new() makes the tunnel to be closed.
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: as acclient_request_run().
 */
acclient_status acclient_client_tunnel_list(const acclient_client *client,
                                            int64_t gid,
                                            int64_t nid,
                                            int64_t timeout_ms,
                                            const acclient_cancel_token *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * Opens a tunnel from a port of the controller's machine. Parameters and errors as
 * acclient_client_tunnel_open(), and ACCLIENT_UNSUPPORTED where the controller does not support it, like
 * the original one.
 */
acclient_status acclient_client_reverse_tunnel_open(const acclient_client *client,
                                                    const acclient_tunnel *tunnel,
                                                    int64_t timeout_ms,
                                                    const acclient_cancel_token *cancel,
                                                    acclient_tunnel **opened,
                                                    acclient_error **error);

/**
 * Closes a tunnel from a port of the controller's machine. Parameters and errors as
 * acclient_client_tunnel_close(), and ACCLIENT_UNSUPPORTED.
 */
acclient_status acclient_client_reverse_tunnel_close(const acclient_client *client,
                                                     const acclient_tunnel *tunnel,
                                                     bool *still_listed,
                                                     int64_t timeout_ms,
                                                     const acclient_cancel_token *cancel,
                                                     acclient_error **error);

/**
 * Lists the tunnels from the controller's machine. Parameters and errors as
 * acclient_client_tunnel_list(), and ACCLIENT_UNSUPPORTED.
 */
acclient_status acclient_client_reverse_tunnel_list(const acclient_client *client,
                                                    int64_t timeout_ms,
                                                    const acclient_cancel_token *cancel,
                                                    acclient_answer **answer,
                                                    acclient_error **error);

/* END */

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ACCLIENT_H */
