/* acclient: blocking client library for AgentController8.
 *
 * Generated from the Rust sources by cbindgen (`make header`); do not edit.
 *
 * The following conventions apply to every function; descriptions do not repeat them.
 *
 * Errors
 *   Functions that can fail return an acclient_status: ACCLIENT_OK (0) or the kind of failure. The
 *   last parameter, error, receives an error object with details, or NULL on success; free it with
 *   acclient_error_free(). Pass NULL if the status is enough.
 *   All of them can return ACCLIENT_INVALID_ARGUMENT, before anything is changed or sent. Functions
 *   that take a timeout_ms, or a handle that was created with one, can also return ACCLIENT_CONNECT,
 *   ACCLIENT_AUTHENTICATION, ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_SERVER,
 *   ACCLIENT_PROTOCOL, ACCLIENT_POOL_EXHAUSTED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE and
 *   ACCLIENT_SYSTEM. "Errors" in a description lists additional statuses, and these where they have
 *   a specific cause; "as f()" includes the errors of f().
 *   A panic inside the library is caught and returned as ACCLIENT_PANIC. The handles passed to that
 *   call fail from then on; the process continues.
 *
 * Ownership
 *   Handles are opaque. An [out] parameter is set to NULL, 0 or false on entry and stays so on
 *   failure. A handle received through it is owned by the caller; free it with the ..._free()
 *   function of its type, which invalidates everything borrowed from it.
 *   Pointers returned by accessors are borrowed from the handle they read.
 *   Arguments are copied; none has to outlive the call.
 *
 * NULL
 *   Pointers must not be NULL unless documented; otherwise the call fails with
 *   ACCLIENT_INVALID_ARGUMENT. error and cancel may always be NULL, and so may an array or a payload
 *   of length 0, but not an item of an array. Accessors return NULL, 0 or false for a NULL handle.
 *   ..._free(NULL) is a no-op.
 *
 * Text
 *   Names are passed as NUL-terminated UTF-8, payloads as pointer and length.
 *   Functions with a length parameter return borrowed, NUL-terminated UTF-8 (acclient_job_raw():
 *   arbitrary bytes). *length receives the length in bytes, since the text may contain NULs; length
 *   may be NULL. Absent text is NULL with length 0.
 *
 * Lists
 *   Valid indexes are 0 to count - 1, where count is what the matching count function returns. For
 *   any other index accessors return NULL, 0 or false. Handles at an index are borrowed from the
 *   list.
 *
 * Agents
 *   gid is the number of a grid, nid the number of a node in that grid; both are above 0.
 *
 * Time and cancellation
 *   timeout_ms is the deadline of the whole call, in milliseconds from now; a negative number means
 *   no timeout. 0 is ACCLIENT_INVALID_ARGUMENT, unless documented to poll once.
 *   cancel is a token that ends the call early, with ACCLIENT_CANCELLED.
 *
 * Blocking
 *   Functions with a timeout_ms block until the deadline at most. Other functions do not block
 *   unless documented, with one exception: after a client was freed, freeing the last handle made
 *   with it blocks as acclient_client_free() does.
 *
 * Threads
 *   Functions may be called from any thread, and threads may share handles, except for types
 *   documented as "for one thread at a time". Those handles may move between threads; while one
 *   thread uses it, calls from another fail with ACCLIENT_INVALID_ARGUMENT, and accessors that are
 *   documented to do so return 0 or false. Do not free a handle while it is in use.
 *
 * Process
 *   Signals do not interrupt calls. The library never raises SIGPIPE and uses neither the program's
 *   stdio nor its locale; only acclient_client_instance() reads the environment. After fork(),
 *   clients and commands work in the child on new connections; cancel tokens made by the parent do
 *   not. Any handle can be freed in the child, which closes no descriptor of the child. A child of
 *   vfork(), _Fork() or a bare clone() may only exec or exit.
 *
 * Other languages
 *   The part between BEGIN and END has only constants and declarations, with types from stdbool.h,
 *   stddef.h and stdint.h, for binding generators without a preprocessor, such as cffi.
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
 * Reserved: failures are returned as errors.
 */
#define ACCLIENT_LOG_ERROR 1

/**
 * Conditions that may need attention, like the first failure after which a call retries.
 */
#define ACCLIENT_LOG_WARN 2

/**
 * Unusual conditions that need no attention.
 */
#define ACCLIENT_LOG_INFO 3

/**
 * Normal operation: connections, submitted commands, how results are waited for.
 */
#define ACCLIENT_LOG_DEBUG 4

/**
 * Normal operation in detail.
 */
#define ACCLIENT_LOG_TRACE 5

/**
 * Success.
 */
#define ACCLIENT_OK 0

/**
 * Invalid argument: NULL where it is not allowed, a number out of range, or text that is not UTF-8
 * or contains a NUL. Nothing was sent.
 */
#define ACCLIENT_INVALID_ARGUMENT 1

/**
 * Redis could not be reached, or the connection was lost.
 */
#define ACCLIENT_CONNECT 2

/**
 * Redis rejected the user or the password, or requires one. Retrying does not help.
 */
#define ACCLIENT_AUTHENTICATION 3

/**
 * The deadline of the call was exceeded.
 */
#define ACCLIENT_TIMEOUT 4

/**
 * The call was cancelled by a cancel token.
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
 * The controller currently knows no agent for the target. Agents register up to 4 seconds after
 * their controller has started. Not retriable, since the number may be wrong.
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
 * The whole command was sent but Redis did not confirm it: it may or may not run.
 */
#define ACCLIENT_MAYBE_SENT 12

/**
 * All connections of the client were in use until the deadline.
 */
#define ACCLIENT_POOL_EXHAUSTED 13

/**
 * The client was closed.
 */
#define ACCLIENT_CLOSED 14

/**
 * The handle was created in another process, before a fork, and works only there.
 */
#define ACCLIENT_FORKED_HANDLE 15

/**
 * A panic was caught inside the library. The handles passed to that call fail from then on.
 */
#define ACCLIENT_PANIC 16

/**
 * The operating system refused a descriptor, a thread or a file.
 */
#define ACCLIENT_SYSTEM 17

/**
 * The agent or the controller does not list the tunnel: it was never opened, it was closed, or the
 * agent has restarted.
 */
#define ACCLIENT_NO_SUCH_TUNNEL 18

/**
 * The agent or the controller already lists the tunnel, open or not. Nothing was opened.
 */
#define ACCLIENT_TUNNEL_EXISTS 19

/**
 * The agent is not running the job, so a kill cannot reach it: the job waits in a queue of the
 * agent, has not started, or is lost; acclient_command_progress() tells which.
 */
#define ACCLIENT_NOT_RUNNING 20

/**
 * The job is lost: it was submitted, no agent has it, and no result can follow. It may have run.
 */
#define ACCLIENT_LOST 21

/**
 * Messages may be missing from a followed log; see acclient_error_gap(). The log continues.
 */
#define ACCLIENT_GAP 22

/**
 * acclient_request_submit_once() has used the id for another command: another target, command, run
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
 * In the queue; no controller has taken it. acclient_command_retract() can remove it.
 */
#define ACCLIENT_STAGE_IN_QUEUE 1

/**
 * Routed to the agent but not fetched by it: the agent is down, stopped or full (100 jobs).
 */
#define ACCLIENT_STAGE_ROUTED 2

/**
 * Running on the agent, waiting for its next run, or ending after a kill.
 */
#define ACCLIENT_STAGE_RUNNING 3

/**
 * Completed; the result is available.
 */
#define ACCLIENT_STAGE_DONE 4

/**
 * Submitted, but no result can follow: a controller took the command and exited before routing it,
 * the job ended while the controller was down, or the agent has restarted since.
 */
#define ACCLIENT_STAGE_LOST 5

/**
 * Unknown, for one of these reasons. Redis has no trace of the command, which may never have been
 * submitted. The controller that may have taken it from the queue does not answer. The agent that
 * fetched it does not answer: it is down, stopped or full (100 jobs), or Redis refuses writes. Or
 * the agent does not run it, and the handle (by id alone) does not tell whether it waits in a
 * queue of the agent.
 */
#define ACCLIENT_STAGE_UNKNOWN 6

/**
 * Fetched by the agent and waiting behind another job of the same queue; see
 * acclient_run_args_set_queue(). A kill does not reach it, and it is lost if the agent dies. Comes
 * between ACCLIENT_STAGE_ROUTED and ACCLIENT_STAGE_RUNNING.
 */
#define ACCLIENT_STAGE_QUEUED_ON_AGENT 7

/**
 * Blocking command on the last pending list.
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
 * The agent answered.
 */
#define ACCLIENT_OUTCOME_DONE 1

/**
 * The job had already ended; the agent was not asked.
 */
#define ACCLIENT_OUTCOME_OVER 2

/**
 * The agent refused or did not answer in time.
 */
#define ACCLIENT_OUTCOME_FAILED 3

/**
 * The job has ended and its result is available. Its state is "KILLED", or another one if the job
 * ended before the kill reached it.
 */
#define ACCLIENT_KILL_ENDED 1

/**
 * The agent has killed the process, now or by an earlier kill, but the job has not ended: a
 * process that it started still holds the job's output. The result follows when that process ends.
 */
#define ACCLIENT_KILL_ORDERED 2

/**
 * Answer of an agent or the controller: rows with fields, and the JSON that they were decoded
 * from. A JSON array has one row per item, an object is one row, and null has none.
 *
 * A field is addressed by name. Dots separate nested names, as in "cmd.id"; numbers address list
 * items, as in "addrs.0.addr"; "" is the whole row. A field has whatever type the agent gave it.
 * Numbers beyond the range of a double, and values nested deeper than 32 levels, are strings that
 * hold their JSON.
 */
typedef struct acclient_answer acclient_answer;

/**
 * Cancel token: ends calls early, from any thread or signal handler. One token may be passed to
 * many calls at a time. A cancelled token stays cancelled.
 */
typedef struct acclient_cancel_token acclient_cancel_token;

/**
 * Client of one grid, with a connection pool.
 */
typedef struct acclient_client acclient_client;

/**
 * Results and errors of a command, as collected by acclient_request_run_all().
 */
typedef struct acclient_collected acclient_collected;

/**
 * A command that was sent or looked up, with access to its results. For one thread at a time,
 * except for functions documented otherwise.
 */
typedef struct acclient_command acclient_command;

/**
 * Commands of the history, most recent first. Each command is for one thread at a time.
 */
typedef struct acclient_commands acclient_commands;

/**
 * Error: the status of a failed call, with details.
 */
typedef struct acclient_error acclient_error;

/**
 * Log of a running job: each message once, as the job logs it. For one thread at a time.
 */
typedef struct acclient_follow acclient_follow;

/**
 * Result of a command on one agent.
 */
typedef struct acclient_job acclient_job;

/**
 * Jobs of a command, ordered by agent.
 */
typedef struct acclient_jobs acclient_jobs;

/**
 * Query for messages that jobs have logged. A setter that fails changes nothing.
 */
typedef struct acclient_msg_query acclient_msg_query;

/**
 * Options for a new client. Values out of range and unusable files are reported when the client is
 * created.
 */
typedef struct acclient_options acclient_options;

/**
 * Outcome of a kill, stats or messages request on each agent of a command, ordered by agent.
 */
typedef struct acclient_outcomes acclient_outcomes;

/**
 * Query for the jobs that an agent is running. A setter that fails changes nothing.
 */
typedef struct acclient_process_query acclient_process_query;

/**
 * Progress of a command, as a whole and on each agent, ordered by agent.
 */
typedef struct acclient_progress acclient_progress;

/**
 * A command to be sent. Creating or changing it sends nothing. It can be sent many times, each
 * time as a new command.
 */
typedef struct acclient_request acclient_request;

/**
 * Results of one or more commands in completion order, with one deadline. Holds a connection of
 * the client until it is exhausted or freed. For one thread at a time.
 */
typedef struct acclient_results acclient_results;

/**
 * Rollout: a command sent to many agents in batches, with the results in completion order and one
 * deadline. Holds a connection of the client while a batch is in progress. For one thread at a
 * time, except for functions documented otherwise.
 */
typedef struct acclient_rollout acclient_rollout;

/**
 * Plan of a rollout: how a command is sent to many agents in batches. A setter that fails changes
 * nothing.
 */
typedef struct acclient_rollout_plan acclient_rollout_plan;

/**
 * Run arguments: how an agent runs a job. All are optional. A setter that fails changes nothing.
 */
typedef struct acclient_run_args acclient_run_args;

/**
 * Target of a command: one agent, a list of agents, any one agent with certain roles, or all
 * agents with them. A setter that fails changes nothing.
 */
typedef struct acclient_target acclient_target;

/**
 * Tunnel: forwards connections to the port "local" of an agent's machine to ip:remote, as seen
 * from the gateway. These four values identify the tunnel in acclient_client_tunnel_open(),
 * acclient_client_tunnel_list() and acclient_client_tunnel_close().
 *
 * An agent lists tunnels without telling which are open. It also lists tunnels that another
 * program failed to open, closed tunnels whose port it chose for another program, and all its
 * tunnels while it has no connection to the controller.
 *
 * A restart of the controller ends the connections through all tunnels. About four seconds later,
 * when its connection to the controller is re-established, an agent listens again for every tunnel
 * that it lists, closed or not. A tunnel opened in the meantime may accept connections and drop
 * them: close it and open it again. Tunnels do not survive a restart of their agent. If two
 * programs open or close the same tunnel at the same time, each may report the effect of the
 * other.
 */
typedef struct acclient_tunnel acclient_tunnel;

/**
 * Status of a call: ACCLIENT_OK, or the kind of failure. The numbers are stable. Later versions
 * may add more; treat an unknown one as a failure.
 */
typedef int32_t acclient_status;

/**
 * Function that receives log messages, on the thread whose call logs. It may call the library,
 * which then logs nothing. It must return normally: no longjmp(3), no C++ exception.
 *
 * level: one of ACCLIENT_LOG_...
 * target: the subject: "acclient::connection", "acclient::command", "acclient::wait" or
 *   "acclient::retry"; later versions may add more.
 * message: one line of text, without passwords and without the data of commands.
 * user_data: as passed to acclient_set_log_hook().
 */
typedef void (*acclient_log_hook)(int32_t level,
                                  const char *target,
                                  const char *message,
                                  void *user_data);

/**
 * Returns the status; ACCLIENT_OK for NULL.
 */
acclient_status acclient_error_status(const acclient_error *error);

/**
 * Returns the message for people: what was requested from which server or agent, how long the call
 * waited, and how far it got. Contains no password.
 */
const char *acclient_error_message(const acclient_error *error,
                                   size_t *length);

/**
 * Returns the handle string of the command that the error concerns, for
 * acclient_client_get_by_handle(). NULL if there is none.
 */
const char *acclient_error_command_handle(const acclient_error *error,
                                          size_t *length);

/**
 * Returns the error code of a Redis error reply, like "NOPERM" or "OOM". NULL for other errors.
 */
const char *acclient_error_server_code(const acclient_error *error,
                                       size_t *length);

/**
 * Returns whether retrying the same call later is safe and may succeed: nothing has to be changed
 * and no command runs twice. False for a rejected password.
 */
bool acclient_error_is_retriable(const acclient_error *error);

/**
 * Returns whether the deadline of the call was exceeded.
 */
bool acclient_error_is_timeout(const acclient_error *error);

/**
 * Returns whether the error ends the iteration or call that returned it. False for an error of
 * acclient_results_next(), acclient_rollout_next() or acclient_follow_next() that concerns one
 * agent, one command or a gap in a log: more items may follow.
 */
bool acclient_error_is_final(const acclient_error *error);

/**
 * Returns whether a complete command was sent and not confirmed: true for ACCLIENT_MAYBE_SENT, and
 * for a call that was cancelled or closed at that point.
 */
bool acclient_error_is_maybe_sent(const acclient_error *error);

/**
 * Returns whether the error concerns one agent of several.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_error_agent(const acclient_error *error,
                          int64_t *gid,
                          int64_t *nid);

/**
 * Returns whether the error is a gap in a followed log (ACCLIENT_GAP): messages with ids between
 * after and before may be missing.
 *
 * after: [out] receives the last id up to which messages were returned or are part of an earlier
 *   gap; 0 if the gap is at the start of the log or there is no gap. May be NULL.
 * before: [out] receives the id from which messages are returned again, or 0; may be NULL.
 */
bool acclient_error_gap(const acclient_error *error,
                        int64_t *after,
                        int64_t *before);

/**
 * Returns the failed job, with its state, data and streams; NULL if the error is not about a job.
 * Borrowed. The job has no client: calls that use one, like acclient_job_refresh(), fail with
 * ACCLIENT_INVALID_ARGUMENT.
 */
const acclient_job *acclient_error_job(const acclient_error *error);

/**
 * Frees an error.
 */
void acclient_error_free(acclient_error *error);

/**
 * Sets the log hook of the process. Set it before other threads use the library: a call in
 * progress on another thread may still use the previous hook.
 *
 * hook: NULL disables logging, which is the default.
 * user_data: passed to the hook unchanged; may be NULL.
 * level: the least severe level to log, one of ACCLIENT_LOG_... Normal operation logs only at
 *   ACCLIENT_LOG_DEBUG and ACCLIENT_LOG_TRACE.
 * Errors: ACCLIENT_UNSUPPORTED in a Rust program that has installed its own logger.
 */
acclient_status acclient_set_log_hook(acclient_log_hook hook,
                                      void *user_data,
                                      int32_t level,
                                      acclient_error **error);

/**
 * Returns the name of a status, like "ACCLIENT_TIMEOUT"; "unknown status" for any other number.
 * Never NULL, never freed.
 */
const char *acclient_status_name(acclient_status status);

/**
 * Returns the version of the loaded library, like "0.1.0". Never NULL, never freed.
 */
const char *acclient_version(void);

/**
 * Checks that the loaded library is compatible with the header that the program was compiled with.
 * Call it as acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
 * ACCLIENT_VERSION_PATCH).
 *
 * Returns ACCLIENT_OK, or ACCLIENT_UNSUPPORTED if the library is older than the header or has
 * another major version (before 1.0: another minor version). The SONAME follows the same rule.
 */
acclient_status acclient_check_version(uint32_t major,
                                       uint32_t minor,
                                       uint32_t patch);

/**
 * Creates a cancel token.
 *
 * token: [out] receives the token; free with acclient_cancel_token_free().
 * Errors: ACCLIENT_SYSTEM if fewer than two descriptors are free.
 */
acclient_status acclient_cancel_token_new(acclient_cancel_token **token,
                                          acclient_error **error);

/**
 * Cancels a token: calls in progress with it end at once, later calls end before they start.
 *
 * Async-signal-safe: one atomic exchange, getpid(), fstat() and write(); takes no lock, allocates
 * nothing and preserves errno.
 *
 * Errors: ACCLIENT_FORKED_HANDLE, without effect, in a process other than the one that created the
 * token.
 */
acclient_status acclient_cancel_token_cancel(const acclient_cancel_token *token);

/**
 * Returns whether the token was cancelled. Async-signal-safe.
 */
bool acclient_cancel_token_is_cancelled(const acclient_cancel_token *token);

/**
 * Frees a token. Calls that use it must have returned.
 */
void acclient_cancel_token_free(acclient_cancel_token *token);

/**
 * Connects to the Redis of a grid and logs in.
 *
 * url: one of the following; reserved characters are written as %xx:
 *   redis://[[user]:password@]host[:port][/db]
 *   rediss://..., the same over TLS; a trailing #insecure disables certificate verification
 *   redis+unix:///path[?db=N&user=U&pass=P]
 *   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], the master of that
 *   name as reported by these Sentinels
 *   rediss+sentinel://..., the same with TLS to Sentinels and master
 * timeout_ms: also the client's default timeout, which later calls without a timeout use for steps
 *   that need one: listing the agents for a rollout, and the agents' replies for
 *   acclient_command_progress().
 * client: [out] receives the new client; free with acclient_client_free().
 * Errors: ACCLIENT_UNSUPPORTED for a Redis Cluster, ACCLIENT_SERVER for a database that does not
 * exist, ACCLIENT_PROTOCOL for a server other than Redis.
 */
acclient_status acclient_client_connect(const char *url,
                                        int64_t timeout_ms,
                                        const acclient_cancel_token *cancel,
                                        acclient_client **client,
                                        acclient_error **error);

/**
 * Sends PING to Redis and waits for the reply.
 */
acclient_status acclient_client_ping(const acclient_client *client,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_error **error);

/**
 * Creates a client that shares everything with another one and adds a cancel token, which ends all
 * its calls and the calls of handles made with it, in addition to the token of each call.
 *
 * cancel: must not be NULL; may be freed after this call.
 * made: [out] receives the new client; free with acclient_client_free().
 */
acclient_status acclient_client_with_cancel(const acclient_client *client,
                                            const acclient_cancel_token *cancel,
                                            acclient_client **made,
                                            acclient_error **error);

/**
 * Returns the command with a handle string, as returned by acclient_command_handle() or
 * acclient_error_command_handle() in any process and any language. Sends nothing. Redis keeps
 * results for 24 hours.
 *
 * handle: "acclient:1:<id>:<target>".
 * command: [out] receives the command; free with acclient_command_free().
 */
acclient_status acclient_client_get_by_handle(const acclient_client *client,
                                              const char *handle,
                                              acclient_command **command,
                                              acclient_error **error);

/**
 * Returns the command with an id. Sends nothing. The first wait finds out the agents, which a
 * handle string contains.
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
 * ACCLIENT_CONFIG, or else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config.
 *
 * A table has url, or host and port, or unix_socket; optionally user, password, db, tls (true),
 * tls_ca_file, tls_cert_file, tls_key_file, timeout (seconds), max_connections; and a table of
 * groups for acclient_client_resolve(). An error in one table does not affect the others.
 *
 * Do not call it while another thread calls setenv(3).
 *
 * client: [out] receives the new client; free with acclient_client_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for an unknown name or an invalid file, ACCLIENT_SYSTEM for an
 * unreadable file, and as acclient_client_connect().
 */
acclient_status acclient_client_instance(const char *name,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_client **client,
                                         acclient_error **error);

/**
 * Sends many commands in one pipeline and returns once Redis has all of them. A command that the
 * library or Redis rejects does not affect the others.
 *
 * requests, count: the commands to send.
 * commands: [out] array of count; receives a command each, or NULL where sending failed; free each
 *   with acclient_command_free(). May be NULL if count is 0.
 * errors: [out] array of count; receives an error for each command that failed, or NULL; free each
 *   with acclient_error_free(). ACCLIENT_MAYBE_SENT if the connection was lost before Redis
 *   confirmed the command. May be NULL.
 * Errors: ACCLIENT_INVALID_ARGUMENT. All other failures are reported in errors.
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
 * Returns connections and counters of the client and everything made from it. Does not block.
 *
 * statistics: [out] receives one row; free with acclient_answer_free(). Current values:
 *   "open_connections", "idle_connections", "waiting_calls" (for a connection). Counters since the
 *   client was created: "connected"; "pool_waits" (for a connection); "pushed" (commands,
 *   including requests to agents and the controller); "blocking_waits", "tracking_waits",
 *   "broadcast_waits", "polling_waits" (waits for results, see ACCLIENT_WAIT_...).
 */
acclient_status acclient_client_statistics(const acclient_client *client,
                                           acclient_answer **statistics,
                                           acclient_error **error);

/**
 * Closes the client: calls in progress on any thread, and all later ones, fail with
 * ACCLIENT_CLOSED. Submitted commands continue to run. The handle stays valid until it is freed.
 *
 * Blocks for up to half a second to send pending TTL updates. NULL is a no-op.
 */
void acclient_client_close(const acclient_client *client);

/**
 * Frees the client. Its calls must have returned; acclient_client_close() ends them. Handles made
 * with it stay usable and keep its connections open until the last of them is freed.
 *
 * Blocks for up to half a second to send pending TTL updates.
 */
void acclient_client_free(acclient_client *client);

/**
 * Creates options for a Redis at 127.0.0.1:6379 without a password.
 *
 * options: [out] receives the options; free with acclient_options_free().
 */
acclient_status acclient_options_new(acclient_options **options,
                                     acclient_error **error);

/**
 * Sets address, user, password and database from a URL in a form of acclient_client_connect().
 */
acclient_status acclient_options_set_url(acclient_options *options,
                                         const char *url,
                                         acclient_error **error);

/**
 * Sets the host: a host name or an IP address.
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
 * Sets Sentinels, which report the address of a named master for each new connection, in place of
 * host and port. They are asked in order. A Sentinel that requires a password gets the one of the
 * master.
 *
 * name: the name of the master, not empty.
 * sentinels, count: "host", "host:port" or "[address]:port" each; the default port is 26379. With
 *   a count of 0, acclient_client_open() fails.
 */
acclient_status acclient_options_set_sentinels(acclient_options *options,
                                               const char *name,
                                               const char *const *sentinels,
                                               size_t count,
                                               acclient_error **error);

/**
 * Enables TLS 1.2 and 1.3, as rediss:// does. The server's certificate must match the host and be
 * issued by an authority that this machine trusts. Default: no TLS. A Unix socket does not use
 * TLS.
 */
acclient_status acclient_options_set_tls(acclient_options *options,
                                         acclient_error **error);

/**
 * Enables TLS and trusts the authorities in a PEM file instead of those of the machine.
 */
acclient_status acclient_options_set_tls_ca_file(acclient_options *options,
                                                 const char *path,
                                                 acclient_error **error);

/**
 * Enables TLS with a client certificate.
 *
 * certificates: PEM file of the certificate chain.
 * key: PEM file of the private key.
 */
acclient_status acclient_options_set_tls_client_cert(acclient_options *options,
                                                     const char *certificates,
                                                     const char *key,
                                                     acclient_error **error);

/**
 * Enables TLS and disables certificate verification. Anyone on the network path can then read and
 * change all traffic; use it for testing only.
 */
acclient_status acclient_options_set_tls_insecure(acclient_options *options,
                                                  acclient_error **error);

/**
 * Sets the user name, for servers with ACLs. Default: the server's default user.
 */
acclient_status acclient_options_set_user(acclient_options *options,
                                          const char *user,
                                          acclient_error **error);

/**
 * Sets the password. Default: none. Errors never contain it.
 */
acclient_status acclient_options_set_password(acclient_options *options,
                                              const char *password,
                                              acclient_error **error);

/**
 * Sets the port. Default: 6379.
 */
acclient_status acclient_options_set_port(acclient_options *options,
                                          uint16_t port,
                                          acclient_error **error);

/**
 * Sets the database number. Default: 0.
 */
acclient_status acclient_options_set_db(acclient_options *options,
                                        uint32_t db,
                                        acclient_error **error);

/**
 * Sets the maximum number of connections, 1 to 10000. Default: 64. Each wait for results uses one;
 * further waits queue in order, until their deadline.
 *
 * Waits do not delay other calls. Another eighth of the maximum, at least one connection, is
 * reserved for calls that only talk to Redis, and the same again for requests to agents and the
 * controller.
 */
acclient_status acclient_options_set_max_connections(acclient_options *options,
                                                     size_t max_connections,
                                                     acclient_error **error);

/**
 * Sets the maximum size of a reply in bytes. Default: 64 MiB.
 */
acclient_status acclient_options_set_max_reply(acclient_options *options,
                                               size_t max_reply,
                                               acclient_error **error);

/**
 * Connects with these options and logs in. Parameters and errors as acclient_client_connect().
 */
acclient_status acclient_client_open(const acclient_options *options,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_client **client,
                                     acclient_error **error);

/**
 * Creates a client with these options without connecting; calls connect as needed. Reads the TLS
 * files but does not block otherwise.
 *
 * client: [out] receives the new client; free with acclient_client_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a value out of range or an unusable TLS file,
 * ACCLIENT_SYSTEM.
 */
acclient_status acclient_client_build(const acclient_options *options,
                                      acclient_client **client,
                                      acclient_error **error);

/**
 * Frees the options; clients created with them are unaffected.
 */
void acclient_options_free(acclient_options *options);

/**
 * Creates a request for any command that agents know: "ping", "killall", "restart", ...
 *
 * "restart" has no result, since an original agent exits at once: submit it and do not wait.
 * "killall" kills all jobs as acclient_command_kill() does and is itself a job, which ends as
 * SUCCESS or KILLED. On an original agent it also kills the jumpscript daemon: later jumpscripts
 * fail until the agent restarts.
 *
 * The data of "controller" with the name "scheduler_add", and of "jumpscript_content", is checked
 * when the request is sent, as the controller decodes it: ACCLIENT_INVALID_ARGUMENT if the
 * controller would exit, at once or when the schedule fires. The message names the field, like
 * cmd.args.args[0].
 *
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_new(const acclient_client *client,
                                     const acclient_target *target,
                                     const char *cmd,
                                     acclient_request **request,
                                     acclient_error **error);

/**
 * Creates a request to run a program. Set its arguments with acclient_request_add_arg() and its
 * standard input with acclient_request_set_data().
 *
 * request: [out] receives the request; free with acclient_request_free().
 */
acclient_status acclient_request_execute(const acclient_client *client,
                                         const acclient_target *target,
                                         const char *program,
                                         acclient_request **request,
                                         acclient_error **error);

/**
 * Creates a request to run a shell script, with an extension that most agents have.
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
 * Creates a request to run a jumpscript that is installed on the agents.
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
 * Creates a request to run a jumpscript that is sent with the command.
 *
 * content, content_length: Python code that defines "action", in UTF-8.
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
 * Adds a program argument to "execute". Scripts receive no arguments.
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
 * Sets the data: the standard input of a program, the script of "bash", or JSON for a built-in
 * command.
 *
 * An agent writes the whole standard input before it reads any output. A program that writes while
 * it reads, like cat, therefore hangs once input and output both exceed the pipe buffer (64 KiB on
 * Linux). Let it write to a file.
 *
 * data, data_length: UTF-8, which may contain NULs.
 */
acclient_status acclient_request_set_data(acclient_request *request,
                                          const char *data,
                                          size_t data_length,
                                          acclient_error **error);

/**
 * Sets the id. Default: a new UUID each time the request is sent.
 *
 * While a job with the same id is running, its agent refuses a second one, and the result of the
 * first counts for both. Once it has ended, the id can run again: waits by the new command return
 * the new result, and a handle by id alone returns the newest result in Redis.
 *
 * id: not empty.
 */
acclient_status acclient_request_set_id(acclient_request *request,
                                        const char *id,
                                        acclient_error **error);

/**
 * Sets the tags: text that is returned with the result.
 */
acclient_status acclient_request_set_tags(acclient_request *request,
                                          const char *tags,
                                          acclient_error **error);

/**
 * Lets a kill and the maximum run time reach the script of a "bash" command. Default: they do not.
 *
 * An agent kills only the process that it started. For "bash" this is a shell whose child runs the
 * script, so by default the script runs to its end before KILLED or TIMEOUT is reported. With this
 * option the agent also kills the shell that runs the script: the line "echo 101::$$; " is put in
 * front of the script, by which it announces its process to the agent.
 *
 * Commands started by the script are still not killed, and the result waits for those that hold
 * the output. Run a long last command with "exec", or announce the process of a command in the
 * same way: "command & echo 101::$!; wait". The statistics of the job include announced processes.
 *
 * Sending fails with ACCLIENT_INVALID_ARGUMENT for any command but "bash", and for a script that
 * starts with "#!".
 */
acclient_status acclient_request_set_killable(acclient_request *request,
                                              acclient_error **error);

/**
 * Sends the command and returns once Redis has it. At most once: it is never sent again.
 *
 * timeout_ms: for Redis to accept the command.
 * command: [out] receives the command; free with acclient_command_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_SERVER (Redis rejected the
 * command), ACCLIENT_MAYBE_SENT (the command may or may not run; look it up by
 * acclient_error_command_handle()).
 */
acclient_status acclient_request_submit(const acclient_request *request,
                                        int64_t timeout_ms,
                                        const acclient_cancel_token *cancel,
                                        acclient_command **command,
                                        acclient_error **error);

/**
 * Sends the command idempotently and returns once Redis has it: repeating the call with the same
 * id does not run the command twice. Until the deadline it reconnects and retries where that is
 * safe.
 *
 * Set an id that later attempts can repeat: acclient_request_set_id(). Within 24 hours a second
 * call with that id, in any process, finds the command submitted and succeeds without sending
 * anything. This uses the key cmd.<id>.submitted, which acclient_request_submit() does not set.
 *
 * The id identifies one target, command, run arguments, data and tags; a call with any other fails
 * with ACCLIENT_ID_IN_USE. A command that matched no agent (ACCLIENT_NO_SUCH_AGENT) has not run:
 * calling again sends it under the same id and removes the old answer. A list of agents is sent
 * again only if none of them was known. A concurrent wait returns the old answer or the new
 * result; for a target with roles it may continue to its deadline.
 *
 * The guarantee requires that Redis keeps its data. With a maxmemory-policy other than noeviction,
 * a command whose key was evicted is sent twice.
 *
 * timeout_ms: for Redis to accept the command.
 * command: [out] receives the command; free with acclient_command_free().
 * Errors: ACCLIENT_MAYBE_SENT if no reply arrived in time after the command was sent, or Redis was
 * replaced between two attempts; calling again with the same id does not run the command twice.
 * After any other error the command was not sent, unless acclient_error_is_maybe_sent():
 * ACCLIENT_ID_IN_USE; ACCLIENT_TIMEOUT, with the cause in its message; as
 * acclient_request_submit().
 */
acclient_status acclient_request_submit_once(const acclient_request *request,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_command **command,
                                             acclient_error **error);

/**
 * Sends the command and waits for its result. For a target of one agent, this takes one round trip
 * to Redis. Not for a fan-out. A failed job is a result, not an error.
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
 * Frees the request; commands sent with it are unaffected.
 */
void acclient_request_free(acclient_request *request);

/**
 * Creates run arguments with nothing set.
 *
 * args: [out] receives the run arguments; free with acclient_run_args_free().
 */
acclient_status acclient_run_args_new(acclient_run_args **args,
                                      acclient_error **error);

/**
 * Sets the domain: a label that groups jobs and jumpscripts.
 */
acclient_status acclient_run_args_set_domain(acclient_run_args *args,
                                             const char *domain,
                                             acclient_error **error);

/**
 * Sets the name: the program for "execute", the script for "jumpscript", a label for other
 * commands.
 */
acclient_status acclient_run_args_set_name(acclient_run_args *args,
                                           const char *name,
                                           acclient_error **error);

/**
 * Sets the output levels that the agent logs: "*" (the default), or numbers and ranges like
 * "1,2,6-9". "" leaves the choice to the agent.
 */
acclient_status acclient_run_args_set_loglevels(acclient_run_args *args,
                                                const char *loglevels,
                                                acclient_error **error);

/**
 * Sets the logged levels that the agent stores for message requests, in the form of
 * acclient_run_args_set_loglevels().
 */
acclient_status acclient_run_args_set_loglevels_db(acclient_run_args *args,
                                                   const char *loglevels_db,
                                                   acclient_error **error);

/**
 * Sets the logged levels that the agent sends to the controller, in the form of
 * acclient_run_args_set_loglevels().
 */
acclient_status acclient_run_args_set_loglevels_ac(acclient_run_args *args,
                                                   const char *loglevels_ac,
                                                   acclient_error **error);

/**
 * Sets the queue on the agent: jobs with the same queue name run one after another on an agent.
 * Default: no queue; the job starts at once.
 *
 * Redis shows a job that waits in a queue as "RUNNING". The agent does not list it among its jobs,
 * a kill does not reach it (ACCLIENT_NOT_RUNNING), and it is lost if the agent dies.
 * acclient_command_progress() reports ACCLIENT_STAGE_QUEUED_ON_AGENT.
 *
 * Jobs run in the order of submission only if the agent keeps up: commands that it has not fetched
 * may overtake each other. A command that the agent refuses (UNKNOWN_CMD, DUPILICATE_ID) blocks
 * its queue until the agent restarts.
 */
acclient_status acclient_run_args_set_queue(acclient_run_args *args,
                                            const char *queue,
                                            acclient_error **error);

/**
 * Sets the working directory. Default: the agent's.
 */
acclient_status acclient_run_args_set_working_dir(acclient_run_args *args,
                                                  const char *working_dir,
                                                  acclient_error **error);

/**
 * Sets the maximum run time in seconds, after which the agent kills the process that it started
 * and reports TIMEOUT. Default: 0, no limit.
 *
 * The limit reaches as far as acclient_command_kill(): children of the process continue to run, a
 * script of "bash" runs to its end, and TIMEOUT is reported when the last of them has closed the
 * job's output. acclient_request_set_killable() makes the limit reach the script.
 *
 * -1 is no limit and requests that the job be run again when the agent restarts, which the
 * original agents never do.
 *
 * seconds: -1 to 2147483647; for a scheduled command, up to 999999.
 */
acclient_status acclient_run_args_set_max_time(acclient_run_args *args,
                                               int64_t seconds,
                                               acclient_error **error);

/**
 * Sets the maximum number of runs of a job that fails, including the first: 2 allows one retry, 1
 * none. Runs are 1 s apart; the result is that of the last. Default: 0, one run.
 */
acclient_status acclient_run_args_set_max_restart(acclient_run_args *args,
                                                  int64_t times,
                                                  acclient_error **error);

/**
 * Sets the period, in seconds, with which the job runs until it is killed. It has no result until
 * then. Default: 0, one run.
 */
acclient_status acclient_run_args_set_recurring_period(acclient_run_args *args,
                                                       int64_t seconds,
                                                       acclient_error **error);

/**
 * Sets the interval, in milliseconds, at which the agent measures the job. Default: 0, the agent's
 * interval.
 */
acclient_status acclient_run_args_set_stats_interval(acclient_run_args *args,
                                                     int64_t milliseconds,
                                                     acclient_error **error);

/**
 * Adds a program argument to "execute". Scripts receive no arguments.
 */
acclient_status acclient_run_args_add_arg(acclient_run_args *args,
                                          const char *arg,
                                          acclient_error **error);

/**
 * Adds an environment variable to the job, whose environment is otherwise small: it has no PATH.
 *
 * name: not empty.
 */
acclient_status acclient_run_args_add_env(acclient_run_args *args,
                                          const char *name,
                                          const char *value,
                                          acclient_error **error);

/**
 * Sets everything that other sets; lists are replaced as a whole. args and other may be the same
 * handle.
 */
acclient_status acclient_run_args_merge(acclient_run_args *args,
                                        const acclient_run_args *other,
                                        acclient_error **error);

/**
 * Returns the run arguments as they are sent.
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
 * Creates a target of one agent.
 *
 * gid, nid: 1 to 2147483647.
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_agent(int64_t gid,
                                      int64_t nid,
                                      acclient_target **target,
                                      acclient_error **error);

/**
 * Creates a target of a list of agents, which is empty until acclient_target_add_agent() adds
 * some. The command has one id and is pushed to all agents of the list or to none.
 *
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_agents(acclient_target **target,
                                       acclient_error **error);

/**
 * Creates a target of one agent that the controller chooses at random. acclient_target_add_role()
 * and acclient_target_set_grid() restrict the choice.
 *
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_any(acclient_target **target,
                                    acclient_error **error);

/**
 * Creates a target of all agents, a fan-out. acclient_target_add_role() and
 * acclient_target_set_grid() restrict it.
 *
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_all(acclient_target **target,
                                    acclient_error **error);

/**
 * Parses a target.
 *
 * text: "1:2" for one agent, "1:2,2:1" for a list; "all" or "any"; "role=cpu,storage" for all
 *   agents with both roles, "any,role=cpu" for one; a trailing "@1" restricts it to grid 1. In a
 *   role, comma, "@", "%" and white space must be written as %xx; other characters may be.
 * target: [out] receives the target; free with acclient_target_free().
 */
acclient_status acclient_target_parse(const char *text,
                                      acclient_target **target,
                                      acclient_error **error);

/**
 * Adds an agent to a list of agents, unless the list contains it.
 *
 * target: created by acclient_target_agents().
 */
acclient_status acclient_target_add_agent(acclient_target *target,
                                          int64_t gid,
                                          int64_t nid,
                                          acclient_error **error);

/**
 * Requires a role, in addition to those required before. Every agent has the role "*".
 *
 * target: created by acclient_target_any() or acclient_target_all().
 * role: not empty.
 */
acclient_status acclient_target_add_role(acclient_target *target,
                                         const char *role,
                                         acclient_error **error);

/**
 * Restricts the target to one grid.
 *
 * target: created by acclient_target_any() or acclient_target_all().
 * gid: 1 to 2147483647.
 */
acclient_status acclient_target_set_grid(acclient_target *target,
                                         int64_t gid,
                                         acclient_error **error);

/**
 * Returns the target in the form of acclient_target_parse(), like "1:2" or "all,role=cpu@1", as it
 * is at the first call: later changes of the target do not change the text.
 */
const char *acclient_target_text(const acclient_target *target,
                                 size_t *length);

/**
 * Frees the target; requests made with it are unaffected.
 */
void acclient_target_free(acclient_target *target);

/**
 * Sends a command and waits for the results of all its agents. A failed job is a result, not an
 * error; an agent without a result by the deadline is an error.
 *
 * stop_at_failure: return at the first agent that fails, by a job that ends in a state other than
 *   SUCCESS or by an error. Results received so far are kept; the other jobs are not killed.
 * collected: [out] receives the results; free with acclient_collected_free().
 * Errors: as acclient_request_submit(). Once the command is sent, the call returns ACCLIENT_OK and
 * failures are in acclient_collected_error(); an error that ended the wait for all agents is the
 * last of them and names no agent.
 */
acclient_status acclient_request_run_all(const acclient_request *request,
                                         bool stop_at_failure,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_collected **collected,
                                         acclient_error **error);

/**
 * Returns the command, for waiting for missing results: it does not return the collected ones
 * again. Borrowed.
 */
const acclient_command *acclient_collected_command(const acclient_collected *collected);

/**
 * Returns the number of jobs.
 */
size_t acclient_collected_job_count(const acclient_collected *collected);

/**
 * Returns the job at an index, in completion order. Borrowed.
 */
const acclient_job *acclient_collected_job(const acclient_collected *collected,
                                           size_t index);

/**
 * Returns the number of errors.
 */
size_t acclient_collected_error_count(const acclient_collected *collected);

/**
 * Returns the error at an index. Borrowed.
 */
const acclient_error *acclient_collected_error(const acclient_collected *collected,
                                               size_t index);

/**
 * Returns whether the call ended before the deadline and before all agents had answered, because
 * of a failure or an error.
 */
bool acclient_collected_is_stopped(const acclient_collected *collected);

/**
 * Frees the results; the jobs continue to run.
 */
void acclient_collected_free(acclient_collected *collected);

/**
 * Returns the id of the command.
 */
const char *acclient_command_id(const acclient_command *command,
                                size_t *length);

/**
 * Returns the handle string, by which acclient_client_get_by_handle() looks up the command in any
 * process: "acclient:1:<id>:<target>", followed by ":queue=<name>" if the command has a queue.
 */
const char *acclient_command_handle(const acclient_command *command,
                                    size_t *length);

/**
 * Returns the target, like "1:2", "all,role=cpu" or "unknown".
 */
const char *acclient_command_target(const acclient_command *command,
                                    size_t *length);

/**
 * Returns the name of the command: "execute", "ping", ...; NULL if this program did not send it.
 */
const char *acclient_command_cmd(const acclient_command *command,
                                 size_t *length);

/**
 * Returns the run arguments as JSON; NULL if this program did not send the command.
 */
const char *acclient_command_args(const acclient_command *command,
                                  size_t *length);

/**
 * Returns the data, which may contain NULs; NULL if this program did not send the command.
 */
const char *acclient_command_data(const acclient_command *command,
                                  size_t *length);

/**
 * Returns the tags; NULL if there are none or this program did not send the command.
 */
const char *acclient_command_tags(const acclient_command *command,
                                  size_t *length);

/**
 * Returns the JSON that was pushed to the queue or found in the history; NULL for a command from
 * neither source.
 */
const char *acclient_command_dump(const acclient_command *command,
                                  size_t *length);

/**
 * Waits for the next result that this handle has not returned yet. Reconnects and retries if the
 * connection is lost. A failed job is a result, not an error.
 *
 * timeout_ms: 0 polls once.
 * job: [out] receives the job, or NULL with ACCLIENT_OK once all results were returned; free with
 *   acclient_job_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target, ACCLIENT_PROTOCOL
 * for a result that cannot be decoded, ACCLIENT_INVALID_ARGUMENT for a recurring command without a
 * timeout.
 */
acclient_status acclient_command_next_result(const acclient_command *command,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_job **job,
                                             acclient_error **error);

/**
 * Frees the command; its jobs continue to run.
 */
void acclient_command_free(acclient_command *command);

/**
 * Returns the name of a stage, like "in queue"; "unknown stage" for any other number. Never NULL,
 * never freed.
 */
const char *acclient_stage_name(int32_t stage);

/**
 * Determines the progress of a command on each agent: reads Redis, searches the queue, and asks
 * the agents that have fetched the command whether they run it. Agents do not list jobs that wait
 * in their queues. If the command has a queue and the agent lists no job of it, this function
 * therefore sends a "ping" through the same queue. Listed agents that the controller does not know
 * are omitted. May be called while another thread waits with the command.
 *
 * timeout_ms: agents that do not answer by the deadline are ACCLIENT_STAGE_UNKNOWN. Without a
 *   timeout, agents have the client's default timeout to answer.
 * progress: [out] receives the progress; free with acclient_progress_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target, ACCLIENT_PROTOCOL
 * for a result that cannot be decoded.
 */
acclient_status acclient_command_progress(const acclient_command *command,
                                          int64_t timeout_ms,
                                          const acclient_cancel_token *cancel,
                                          acclient_progress **progress,
                                          acclient_error **error);

/**
 * Removes a command from the queue if no controller has taken it, so that it never runs. Removes
 * exactly what was pushed; for a command that this program did not send, searches the queue for
 * its id. May be called while another thread waits with the command.
 *
 * retracted: [out] receives whether the command was removed; if false, it may run or have run. May
 *   be NULL.
 * Errors: ACCLIENT_MAYBE_SENT if the connection was lost meanwhile: the command may or may not
 * have been removed.
 */
acclient_status acclient_command_retract(const acclient_command *command,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         bool *retracted,
                                         acclient_error **error);

/**
 * Returns the stage of the command as a whole: one of ACCLIENT_STAGE_...; later versions may add
 * more. While no agent is known it is in queue, lost or unknown; otherwise it is the earliest
 * stage of any agent. If a controller exited or is slow before it has routed the command to all
 * agents with its roles, the stage of the rest (lost or unknown) counts too.
 */
int32_t acclient_progress_stage(const acclient_progress *progress);

/**
 * Returns the number of agents that the command is known to have been routed to.
 */
size_t acclient_progress_count(const acclient_progress *progress);

/**
 * Reads the agent at an index. Returns false if there is none.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_progress_agent(const acclient_progress *progress,
                             size_t index,
                             int64_t *gid,
                             int64_t *nid);

/**
 * Returns the stage of the agent at an index: one of ACCLIENT_STAGE_...
 */
int32_t acclient_progress_stage_at(const acclient_progress *progress,
                                   size_t index);

/**
 * Returns whether Redis has lost its data since it confirmed the command. The command may still
 * run: agents named by the target are asked, and any other stage is ACCLIENT_STAGE_UNKNOWN. Always
 * false if the user may not run INFO server, and for a command looked up by its id or handle
 * string.
 */
bool acclient_progress_redis_lost_data(const acclient_progress *progress);

/**
 * Frees the progress.
 */
void acclient_progress_free(acclient_progress *progress);

/**
 * Iterates over the results that the command handle has not returned yet; results returned by the
 * iterator do not count as returned by the command handle. Sends nothing and does not block.
 *
 * timeout_ms: for all results together.
 * cancel: also ends all later waits for a result. May be freed after this call.
 * results: [out] receives the results; free with acclient_results_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a recurring command without a timeout.
 */
acclient_status acclient_command_results(const acclient_command *command,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_results **results,
                                         acclient_error **error);

/**
 * Iterates over the results of several commands, each once; acclient_job_id() returns the
 * command's id. Other parameters and errors as acclient_command_results().
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
 * Waits for the next result, until the deadline at most. A failed job is a result, not an error.
 *
 * An error for which acclient_error_is_final() is true ends the iteration. Any other concerns one
 * agent, see acclient_error_agent(), or one command, and more results may follow.
 *
 * job: [out] receives the job, or NULL with ACCLIENT_OK if there are no more; free with
 *   acclient_job_free().
 * Errors: ACCLIENT_TIMEOUT after the deadline, once for each agent that did not answer and for
 * each command that no controller has routed; ACCLIENT_PROTOCOL for a result that cannot be
 * decoded; ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target.
 */
acclient_status acclient_results_next(acclient_results *results,
                                      acclient_job **job,
                                      acclient_error **error);

/**
 * Returns the next result if it is available, for programs with an event loop. Blocks for a round
 * trip to Redis, and to connect, for up to one second each. Errors as acclient_results_next().
 *
 * job: [out] receives the job, or NULL with ACCLIENT_OK if none is available now or there are no
 *   more; free with acclient_job_free().
 * pending: [out] receives whether more results may follow: call again when
 *   acclient_results_poll_fd() is readable, after acclient_results_poll_ms() at the latest. May be
 *   NULL.
 */
acclient_status acclient_results_poll_next(acclient_results *results,
                                           acclient_job **job,
                                           bool *pending,
                                           acclient_error **error);

/**
 * Returns the descriptor that becomes readable when a result may be available; poll it for reading
 * only. It may change with each call of acclient_results_poll_next(). -1 without a connection, and
 * while another thread waits.
 */
int32_t acclient_results_poll_fd(const acclient_results *results);

/**
 * Returns how many milliseconds to wait for acclient_results_poll_fd() before calling
 * acclient_results_poll_next() anyway, to poll, reconnect or report the deadline. 0 once all
 * results were returned, and while another thread waits.
 */
int64_t acclient_results_poll_ms(const acclient_results *results);

/**
 * Returns the number of agents that have not answered, as far as the agents of the commands are
 * known. 0 while another thread waits.
 */
size_t acclient_results_remaining(const acclient_results *results);

/**
 * Returns how results are waited for: one of ACCLIENT_WAIT_... 0 before the first wait, after the
 * last result, and while another thread waits.
 */
int32_t acclient_results_method(const acclient_results *results);

/**
 * Frees the results and their connection; the jobs continue to run.
 */
void acclient_results_free(acclient_results *results);

/**
 * Creates a plan with batches of a fixed size.
 *
 * agents: the number of agents in a batch, above 0.
 * plan: [out] receives the plan; free with acclient_rollout_plan_free().
 */
acclient_status acclient_rollout_plan_agents(int64_t agents,
                                             acclient_rollout_plan **plan,
                                             acclient_error **error);

/**
 * Creates a plan with batches of a percentage of the agents, at least one agent.
 *
 * percent: 1 to 100.
 * plan: [out] receives the plan; free with acclient_rollout_plan_free().
 */
acclient_status acclient_rollout_plan_percent(int64_t percent,
                                              acclient_rollout_plan **plan,
                                              acclient_error **error);

/**
 * Makes the batch a sliding window: the next agent gets its command as soon as one has answered,
 * so that the window stays full and a slow agent holds up only its own place. Default: the next
 * batch is sent once all agents of the last have answered.
 */
acclient_status acclient_rollout_plan_set_sliding(acclient_rollout_plan *plan,
                                                  acclient_error **error);

/**
 * Stops sending commands after a number of failures: jobs that end in a state other than SUCCESS,
 * and errors of acclient_rollout_next(). Default: never stops.
 *
 * failures: above 0.
 */
acclient_status acclient_rollout_plan_set_stop_after(acclient_rollout_plan *plan,
                                                     int64_t failures,
                                                     acclient_error **error);

/**
 * Sends the command only to a number of agents chosen at random. Default: all agents, in the order
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
 * Starts a rollout of a command to all agents of its target: the next batch is sent once all
 * agents of the last have answered, and none after too many failures. With
 * acclient_rollout_plan_set_sliding() the batch is a sliding window. Each agent gets a separate
 * command, whose id acclient_job_id() returns. A target with roles is resolved to the agents that
 * have them now. No command is sent before the first acclient_rollout_next().
 *
 * request: for one agent or all matching agents, without an id set.
 * timeout_ms: for the whole rollout. This call blocks, for the client's default timeout at most,
 *   until the controller has listed its agents; for one agent it does not block.
 * cancel: also ends all later calls for the rollout. May be freed after this call.
 * rollout: [out] receives the rollout; free with acclient_rollout_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a recurring command without a timeout,
 * ACCLIENT_NO_SUCH_AGENT if no agent matches, ACCLIENT_UNKNOWN_COMMAND if the controller does not
 * list its agents, ACCLIENT_TIMEOUT if no controller answers; as acclient_request_submit().
 */
acclient_status acclient_request_rollout(const acclient_request *request,
                                         const acclient_rollout_plan *plan,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_rollout **rollout,
                                         acclient_error **error);

/**
 * Waits for the next result, until the deadline at most, and sends the next batch, or the next
 * commands of a sliding window, when due. Reconnects and retries while Redis is unreachable. A
 * failed job is a result, not an error.
 *
 * An error for which acclient_error_is_final() is false concerns one agent, and the rollout
 * continues, as with acclient_results_next(). Results also continue after a command that Redis did
 * not confirm (acclient_error_is_maybe_sent()), but no further batch is sent. Any other error is
 * the last, and nothing was sent to the remaining agents. Each error counts as a failure.
 *
 * job: [out] receives the job, or NULL with ACCLIENT_OK if there are no more or the rollout has
 *   stopped, see acclient_rollout_is_stopped(); free with acclient_job_free().
 */
acclient_status acclient_rollout_next(acclient_rollout *rollout,
                                      acclient_job **job,
                                      acclient_error **error);

/**
 * Returns the number of agents of the rollout, started or not. Callable from any thread.
 */
size_t acclient_rollout_agent_count(const acclient_rollout *rollout);

/**
 * Reads the agent of the rollout at an index. Returns false if there is none. Callable from any
 * thread.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_rollout_agent(const acclient_rollout *rollout,
                            size_t index,
                            int64_t *gid,
                            int64_t *nid);

/**
 * Returns the number of agents in a batch or in the sliding window; the last batch may have fewer.
 * Callable from any thread.
 */
size_t acclient_rollout_batch_size(const acclient_rollout *rollout);

/**
 * Returns the number of agents to which nothing was sent yet. Nothing is sent to them unless
 * another result is waited for. 0 while another thread waits.
 */
size_t acclient_rollout_not_started_count(const acclient_rollout *rollout);

/**
 * Reads the agent at an index among those to which nothing was sent yet. Returns false if there is
 * none, and while another thread waits.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_rollout_not_started(const acclient_rollout *rollout,
                                  size_t index,
                                  int64_t *gid,
                                  int64_t *nid);

/**
 * Returns the number of commands in flight: sent, with a result that was not returned yet. 0
 * before the first acclient_rollout_next(), once all agents have answered, and while another
 * thread waits.
 *
 * In-flight commands stay available after the rollout has ended, to be killed or looked up again:
 * an agent that did not answer by the deadline may still run its job, and so may one whose command
 * Redis did not confirm (acclient_error_is_maybe_sent()). Commands that were certainly not sent,
 * or whose result cannot be decoded, are not included.
 */
size_t acclient_rollout_in_flight_count(const acclient_rollout *rollout);

/**
 * Returns the in-flight command at an index, in the order of agents: for acclient_command_kill(),
 * for acclient_command_retract(), or for its handle string. acclient_command_target() returns the
 * agent.
 *
 * index: below acclient_rollout_in_flight_count(). Waiting for another result may change the
 *   indexes.
 * command: [out] receives the command; free with acclient_command_free(). It outlives the rollout,
 *   whose deadline and token do not apply to it. If Redis did not confirm the command,
 *   acclient_command_cmd() and the other accessors of what was sent return NULL.
 * Errors: ACCLIENT_INVALID_ARGUMENT for an index out of range, and while another thread waits.
 */
acclient_status acclient_rollout_in_flight(const acclient_rollout *rollout,
                                           size_t index,
                                           acclient_command **command,
                                           acclient_error **error);

/**
 * Returns the number of failures among the results and errors returned so far. 0 while another
 * thread waits.
 */
size_t acclient_rollout_failures(const acclient_rollout *rollout);

/**
 * Returns whether sending has stopped although agents are left: after too many failures, after the
 * deadline, or because the rollout was ended. False while another thread waits.
 */
bool acclient_rollout_is_stopped(const acclient_rollout *rollout);

/**
 * Frees the rollout and its connection; running jobs continue, and no further batch is sent.
 */
void acclient_rollout_free(acclient_rollout *rollout);

/**
 * Returns the id of the command.
 */
const char *acclient_job_id(const acclient_job *job,
                            size_t *length);

/**
 * Returns the state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another string
 * written by the agent.
 */
const char *acclient_job_state(const acclient_job *job,
                               size_t *length);

/**
 * Returns the name of the command; empty until the job has ended.
 */
const char *acclient_job_cmd(const acclient_job *job,
                             size_t *length);

/**
 * Returns the run arguments as JSON, as the agent decoded them; "null" until the job has ended.
 */
const char *acclient_job_args(const acclient_job *job,
                              size_t *length);

/**
 * Returns the result data: the last message of level 20 to 23 or 30 that the job printed, the
 * reason why a program could not be started, or the reply of a built-in command. Often empty; may
 * contain NULs. Agents do not report the exit status of a program.
 */
const char *acclient_job_data(const acclient_job *job,
                              size_t *length);

/**
 * Returns the standard output: the last 1000 lines that have no message level, without blank
 * lines. May contain NULs.
 */
const char *acclient_job_stdout(const acclient_job *job,
                                size_t *length);

/**
 * Returns the standard error, in the form of acclient_job_stdout().
 */
const char *acclient_job_stderr(const acclient_job *job,
                                size_t *length);

/**
 * Returns the last message of level 9; NULL if there is none.
 */
const char *acclient_job_critical(const acclient_job *job,
                                  size_t *length);

/**
 * Returns the tags that the command was sent with; NULL if there are none.
 */
const char *acclient_job_tags(const acclient_job *job,
                              size_t *length);

/**
 * Returns the whole result document as JSON. Fields that this version does not know, or could not
 * read, are included unchanged; fields nested deeper than 32 levels are omitted.
 */
const char *acclient_job_dump(const acclient_job *job,
                              size_t *length);

/**
 * Returns the original document, byte for byte, if it differs from what the other functions
 * return: numbers not written in digits, fields of the wrong type, duplicate names or names in
 * another case, and invalid text (bytes that are not UTF-8, lone surrogates), which all other
 * functions return as U+FFFD. NULL for any other document; see acclient_job_dump().
 */
const char *acclient_job_raw(const acclient_job *job,
                             size_t *length);

/**
 * Returns the number of fields that could not be read, or only in part: of the wrong type, out of
 * range, or nested deeper than 32 levels. A dropped field counts as absent; acclient_job_raw()
 * includes it. The original agents send no such fields.
 *
 * Decoding is lenient: only a state is required. Integers may be written in any form
 * (1795521098681.0, 1e3, "12"); fractions are truncated. Data other than a string is read as its
 * JSON text. Names may be in another case; of duplicate fields, the last that can be read counts.
 */
size_t acclient_job_dropped_fields_count(const acclient_job *job);

/**
 * Returns the name of the dropped field at an index.
 */
const char *acclient_job_dropped_fields_at(const acclient_job *job,
                                           size_t index,
                                           size_t *length);

/**
 * Reads the agent of the job. Returns false if the controller itself answered, as 0:0, or as
 * <gid>:0 for a target of one grid.
 *
 * gid, nid: [out] receive the numbers; may be NULL.
 */
bool acclient_job_agent(const acclient_job *job,
                        int64_t *gid,
                        int64_t *nid);

/**
 * Returns whether the job ended in the state SUCCESS.
 */
bool acclient_job_is_success(const acclient_job *job);

/**
 * Returns the level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
 */
int64_t acclient_job_level(const acclient_job *job);

/**
 * Returns the start time in milliseconds since 1970, by the clock of the agent; 0 if the job did
 * not start.
 */
int64_t acclient_job_starttime_ms(const acclient_job *job);

/**
 * Returns the run time in milliseconds.
 */
int64_t acclient_job_time_ms(const acclient_job *job);

/**
 * Reads the current state of the job into a new handle; the given one does not change.
 *
 * refreshed: [out] receives the job; free with acclient_job_free().
 * Errors: ACCLIENT_PROTOCOL if the job is gone or cannot be decoded.
 */
acclient_status acclient_job_refresh(const acclient_job *job,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_job **refreshed,
                                     acclient_error **error);

/**
 * Waits until the job has ended and reads its result into a new handle. Returns at once if the job
 * has already ended.
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
 * Frees the handle; the job continues to run.
 */
void acclient_job_free(acclient_job *job);

/**
 * Reads the history of commands. Only controllers older than the original of 2016 keep a history.
 *
 * start: the number of most recent commands to skip.
 * count: 1 to 10000.
 * commands: [out] receives the list; free with acclient_commands_free().
 * Errors: ACCLIENT_UNSUPPORTED if there is no history, ACCLIENT_PROTOCOL if no entry can be
 * decoded. If only some can, the others are omitted and logged.
 */
acclient_status acclient_client_get_cmds(const acclient_client *client,
                                         uint32_t start,
                                         uint32_t count,
                                         int64_t timeout_ms,
                                         const acclient_cancel_token *cancel,
                                         acclient_commands **commands,
                                         acclient_error **error);

/**
 * Returns the number of commands.
 */
size_t acclient_commands_count(const acclient_commands *commands);

/**
 * Returns the command at an index. Borrowed.
 */
const acclient_command *acclient_commands_at(const acclient_commands *commands,
                                             size_t index);

/**
 * Frees the list and its commands; their jobs continue to run.
 */
void acclient_commands_free(acclient_commands *commands);

/**
 * Reads the job of one agent that a command was routed to; see acclient_command_jobs(). The cost
 * does not depend on the number of agents.
 *
 * gid, nid: the agent, 0 to 4294967295 each.
 * job: [out] receives the job; free with acclient_job_free().
 * Errors: ACCLIENT_PROTOCOL if Redis has no such job or it cannot be decoded,
 * ACCLIENT_NO_SUCH_AGENT if the controller did not know the agent.
 */
acclient_status acclient_command_job(const acclient_command *command,
                                     int64_t gid,
                                     int64_t nid,
                                     int64_t timeout_ms,
                                     const acclient_cancel_token *cancel,
                                     acclient_job **job,
                                     acclient_error **error);

/**
 * Reads the jobs of all agents that a command was routed to, as Redis has them now: queued,
 * running or ended. The list is empty until a controller has routed the command. A job is
 * "RUNNING" from the moment its agent has fetched it, even while it waits in a queue of the agent;
 * acclient_command_progress() asks the agent. Listed agents that the controller does not know have
 * no job and are omitted.
 *
 * jobs: [out] receives the list; free with acclient_jobs_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target, ACCLIENT_PROTOCOL
 * if no result can be decoded. If only some can, the others are omitted and logged.
 */
acclient_status acclient_command_jobs(const acclient_command *command,
                                      int64_t timeout_ms,
                                      const acclient_cancel_token *cancel,
                                      acclient_jobs **jobs,
                                      acclient_error **error);

/**
 * Returns the number of jobs.
 */
size_t acclient_jobs_count(const acclient_jobs *jobs);

/**
 * Returns the job at an index. Borrowed.
 */
const acclient_job *acclient_jobs_at(const acclient_jobs *jobs,
                                     size_t index);

/**
 * Frees the list and its job handles; the jobs continue to run.
 */
void acclient_jobs_free(acclient_jobs *jobs);

/**
 * Returns the name of a kill result: "ended" or "ordered"; "unknown kill" for any other number.
 * Never NULL, never freed.
 */
const char *acclient_kill_name(int32_t kill);

/**
 * Kills the job on every agent that runs it. Sends nothing to an agent whose job has ended or is
 * ending after an earlier kill.
 *
 * An agent sends SIGKILL to the process that it started and to no other. Children of that process
 * continue to run, and KILLED is reported when the last of them has closed the job's output;
 * output after the kill is discarded. The script of a "bash" command is a child of that process, so it runs
 * to its end; see acclient_request_set_killable(). A kill does not reach a job that waits in a
 * queue of the agent or for a full agent.
 *
 * An agent never answers a second kill of a job that is still ending, and that kill occupies one
 * of its 100 job slots until it restarts. So this function asks the agent first, and sets the key
 * cmd.<id>.killed.<gid>.<nid> for 24 hours, from which later calls in any process learn of the
 * kill.
 *
 * timeout_ms: for the agents to answer.
 * outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
 *   acclient_outcomes_kill() returns whether a job has ended; the answer is the name of that
 *   result.
 * Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target; ACCLIENT_TIMEOUT
 * if no controller has routed the command; as acclient_request_submit(). Errors of single agents
 * are in their outcomes, and acclient_outcomes_failure() returns the first: ACCLIENT_NOT_RUNNING
 * if the agent does not run the job; ACCLIENT_TIMEOUT for an agent that is down, stopped or full;
 * ACCLIENT_NO_SUCH_AGENT for a listed agent that the controller does not know.
 */
acclient_status acclient_command_kill(const acclient_command *command,
                                      int64_t timeout_ms,
                                      const acclient_cancel_token *cancel,
                                      acclient_outcomes **outcomes,
                                      acclient_error **error);

/**
 * Reads the resource usage of a running command on each agent: answers with the fields "cpu"
 * (percent), "rss", "vms", "swap" (bytes), "cmd" and "debug". For "bash" it covers the shell that
 * runs the script, without the script. Parameters and errors as acclient_command_kill(); the
 * outcome of an agent that does not run the job is ACCLIENT_JOB_FAILED.
 */
acclient_status acclient_command_get_stats(const acclient_command *command,
                                           int64_t timeout_ms,
                                           const acclient_cancel_token *cancel,
                                           acclient_outcomes **outcomes,
                                           acclient_error **error);

/**
 * Reads the log of a command on each agent: answers with a row for each message, newest first,
 * with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". Other parameters
 * and errors as acclient_command_kill().
 *
 * query: the messages to return from each agent; may be NULL for the defaults of
 *   acclient_msg_query_new().
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
 * query: the jobs to return; may be NULL for all.
 * timeout_ms: for the agents to answer.
 * outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
 * Errors: as acclient_request_submit(). Errors of single agents are in their outcomes.
 */
acclient_status acclient_client_get_all_processes(const acclient_client *client,
                                                  const acclient_process_query *query,
                                                  int64_t timeout_ms,
                                                  const acclient_cancel_token *cancel,
                                                  acclient_outcomes **outcomes,
                                                  acclient_error **error);

/**
 * Returns the number of agents.
 */
size_t acclient_outcomes_count(const acclient_outcomes *outcomes);

/**
 * Reads the agent at an index. Returns false if there is none.
 *
 * gid, nid: [out] receive the agent, or 0; may be NULL.
 */
bool acclient_outcomes_agent(const acclient_outcomes *outcomes,
                             size_t index,
                             int64_t *gid,
                             int64_t *nid);

/**
 * Returns the name of a kind of outcome: "done", "over" or "failed"; "unknown outcome" for any
 * other number. Never NULL, never freed.
 */
const char *acclient_outcome_name(int32_t kind);

/**
 * Returns the error of the first agent that failed; NULL if none failed. Borrowed.
 */
const acclient_error *acclient_outcomes_failure(const acclient_outcomes *outcomes);

/**
 * Returns the kind of the outcome at an index: one of ACCLIENT_OUTCOME_...
 */
int32_t acclient_outcomes_kind(const acclient_outcomes *outcomes,
                               size_t index);

/**
 * Returns the kill result at an index: one of ACCLIENT_KILL_...; 0 unless these are the outcomes
 * of a kill and the kind is ACCLIENT_OUTCOME_DONE.
 */
int32_t acclient_outcomes_kill(const acclient_outcomes *outcomes,
                               size_t index);

/**
 * Returns the answer of the agent at an index; NULL unless the kind is ACCLIENT_OUTCOME_DONE.
 * Borrowed.
 */
const acclient_answer *acclient_outcomes_answer(const acclient_outcomes *outcomes,
                                                size_t index);

/**
 * Returns the job of the agent at an index; NULL unless the kind is ACCLIENT_OUTCOME_OVER.
 * Borrowed.
 */
const acclient_job *acclient_outcomes_job(const acclient_outcomes *outcomes,
                                          size_t index);

/**
 * Returns the error of the agent at an index; NULL unless the kind is ACCLIENT_OUTCOME_FAILED.
 * Borrowed.
 */
const acclient_error *acclient_outcomes_error(const acclient_outcomes *outcomes,
                                              size_t index);

/**
 * Frees the outcomes.
 */
void acclient_outcomes_free(acclient_outcomes *outcomes);

/**
 * Returns the JSON text of the answer as it was received.
 */
const char *acclient_answer_json(const acclient_answer *answer,
                                 size_t *length);

/**
 * Returns the number of rows.
 */
size_t acclient_answer_count(const acclient_answer *answer);

/**
 * Returns a field of a row as text: strings unquoted, anything else as JSON. NULL if the field is
 * absent or null.
 */
const char *acclient_answer_text(const acclient_answer *answer,
                                 size_t row,
                                 const char *field,
                                 size_t *length);

/**
 * Returns a field of a row as an integer, without its fraction. Strings that hold a number, like
 * "12", count as numbers. 0 if the field is absent or not a number; acclient_answer_text() tells
 * the difference.
 */
int64_t acclient_answer_int(const acclient_answer *answer,
                            size_t row,
                            const char *field);

/**
 * Returns a field of a row as a floating-point number, under the rules of acclient_answer_int().
 */
double acclient_answer_double(const acclient_answer *answer,
                              size_t row,
                              const char *field);

/**
 * Frees an answer.
 */
void acclient_answer_free(acclient_answer *answer);

/**
 * Follows the log of a job until the job has ended and its log is complete. Sends nothing and does
 * not block.
 *
 * query: the messages to return; its limit is ignored. May be NULL for all messages.
 * timeout_ms: for all messages together. Without a timeout, an agent that never returns is waited
 *   for indefinitely.
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
 * Waits for the next message, until the deadline at most. While waiting, it sends a command to the
 * agent every 250 ms.
 *
 * Agents write logs in batches, so messages become visible late, and some after later ones. Each
 * message is returned once, as soon as it is visible. Messages that become visible together are
 * ordered by id; a late one has a smaller id than its predecessor. A message is missed only if it
 * becomes visible more than one second after a message with a greater id; the longest delay
 * measured on the original agent is a fifth of that. The log ends one second after the result of
 * the job or its last message. An agent that dies never writes the messages of its last 100 ms.
 *
 * Following continues until the deadline after a lost connection, a restart of the controller and
 * an absence of the agent. The handle keeps the ids of up to 3000 messages.
 *
 * message: [out] receives one row with the fields "data", "level", "epoch" (milliseconds since
 *   1970) and "id", or NULL with ACCLIENT_OK once the job has ended and its log is complete; free
 *   with acclient_answer_free().
 * Errors: ACCLIENT_GAP if messages may be missing, after which the log continues; see
 * acclient_error_gap(). An agent returns the newest 1000 messages of a level per request, and a
 * job may log more between two polls or before the first. Any other error ends the handle:
 * ACCLIENT_LOST for a lost job, within a few seconds of the agent being up; ACCLIENT_TIMEOUT,
 * whose message says how long the agent has not answered; ACCLIENT_NO_SUCH_AGENT for a command
 * that matched no agent; as acclient_request_run().
 */
acclient_status acclient_follow_next(acclient_follow *follow,
                                     acclient_answer **message,
                                     acclient_error **error);

/**
 * Frees the handle; the job continues to run.
 */
void acclient_follow_free(acclient_follow *follow);

/**
 * Reads the processors of an agent's machine: a row each, with the fields "cpu", "vendor_id",
 * "family", "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz",
 * "cache_size" (KiB) and "flags".
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED if the agent failed to read the information,
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
 * Reads the total resource usage of an agent and its jobs: one row, with the fields "cpu"
 * (percent), "rss", "vms" and "swap" (bytes). Parameters and errors as
 * acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_aggregated_stats(const acclient_client *client,
                                                     int64_t gid,
                                                     int64_t nid,
                                                     int64_t timeout_ms,
                                                     const acclient_cancel_token *cancel,
                                                     acclient_answer **answer,
                                                     acclient_error **error);

/**
 * Reads the jobs that an agent is running, this request included: a row each, with the fields
 * "cmd" ("cmd.id", "cmd.cmd", ...), "cpu" (percent), "rss", "vms", "swap" (bytes) and "debug".
 * Other parameters and errors as acclient_client_get_cpu_info().
 *
 * query: the jobs to return; may be NULL for all.
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
 * Reads the log of a job on an agent, by the id of its command: a row for each message, newest
 * first, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". No rows for
 * a job that the agent does not know. Agents write logs with a short delay.
 *
 * target: one agent.
 * id: the id of the command.
 * query: the messages to return; may be NULL for the defaults of acclient_msg_query_new().
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
 * ("roles.0" is the first role). A dead agent stays in the list for 30 to 45 s. An agent that runs
 * 100 jobs fetches no commands, and leaves the list after 30 s until some jobs end.
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_TIMEOUT if no controller drains the queue, ACCLIENT_UNKNOWN_COMMAND if the
 * controller does not support it; as acclient_request_run().
 */
acclient_status acclient_client_list_agents(const acclient_client *client,
                                            int64_t timeout_ms,
                                            const acclient_cancel_token *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * Diagnoses everything that a command depends on: whether Redis can be reached, accepts the login,
 * and supports what the library uses; whether Redis may run out of memory, evict keys or refuse
 * writes; whether a controller drains the queue; which agents answer, and how far behind they are.
 * The times of the controller and the agents exclude the round trip to Redis.
 *
 * The answer has a row for each check, in the order in which a command depends on them. Later
 * versions may add checks. Fields:
 *   "name": "redis", "login", "queue", "agent 1:2", ...; unique
 *   "verdict": "good", "weak", "bad", or "unknown" if Redis does not tell or time ran out
 *   "found": the finding
 *   "advice": what to do; empty if nothing
 *   "code", "kind": status and name of the error that commands get because of it, such as
 *   ACCLIENT_TIMEOUT; null if commands need not fail
 *
 * Sends the commands "list_agents" and "ping". Those that were not fetched are removed from Redis
 * before the call returns, even if it is cancelled; their other keys expire within ten seconds.
 *
 * client: use acclient_client_build() if Redis may be unreachable.
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
 * Reads the resource usage of a running job: one row, with the fields "cpu" (percent), "rss",
 * "vms", "swap" (bytes), "cmd" and "debug".
 *
 * answer: [out] receives the answer; free with acclient_answer_free().
 * Errors: ACCLIENT_JOB_FAILED if the job is not running; as acclient_request_run().
 */
acclient_status acclient_job_get_stats(const acclient_job *job,
                                       int64_t timeout_ms,
                                       const acclient_cancel_token *cancel,
                                       acclient_answer **answer,
                                       acclient_error **error);

/**
 * Reads the log of a job. Rows, other parameters and errors as acclient_client_get_msgs().
 *
 * query: the messages to return; may be NULL for the defaults of acclient_msg_query_new().
 */
acclient_status acclient_job_get_msgs(const acclient_job *job,
                                      const acclient_msg_query *query,
                                      int64_t timeout_ms,
                                      const acclient_cancel_token *cancel,
                                      acclient_answer **answer,
                                      acclient_error **error);

/**
 * Kills a job: the agent sends SIGKILL to the process that it started; see acclient_command_kill()
 * for the limits of a kill. Sends nothing if the job has ended or is ending after an earlier kill.
 *
 * kill: [out] receives ACCLIENT_KILL_ENDED once the result is available, also if the job had ended
 *   before, or ACCLIENT_KILL_ORDERED if a process still holds the job's output a second after the
 *   kill. May be NULL.
 * Errors: ACCLIENT_NOT_RUNNING if the agent does not run the job; ACCLIENT_TIMEOUT for an agent
 * that is down, stopped or full; ACCLIENT_NO_SUCH_AGENT; as acclient_request_run().
 */
acclient_status acclient_job_kill(const acclient_job *job,
                                  int64_t timeout_ms,
                                  const acclient_cancel_token *cancel,
                                  int32_t *kill,
                                  acclient_error **error);

/**
 * Creates a query for the newest 20 messages of every level.
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
 * Sets the maximum number of messages, 1 to 1000; the newest are returned. Default: 20.
 */
acclient_status acclient_msg_query_set_limit(acclient_msg_query *query,
                                             uint32_t limit,
                                             acclient_error **error);

/**
 * Excludes messages logged before a time.
 *
 * from_ms: milliseconds since 1970, not negative.
 */
acclient_status acclient_msg_query_set_from(acclient_msg_query *query,
                                            int64_t from_ms,
                                            acclient_error **error);

/**
 * Excludes messages logged after a time.
 *
 * to_ms: milliseconds since 1970, not negative.
 */
acclient_status acclient_msg_query_set_to(acclient_msg_query *query,
                                          int64_t to_ms,
                                          acclient_error **error);

/**
 * Frees the query.
 */
void acclient_msg_query_free(acclient_msg_query *query);

/**
 * Creates a query for all jobs of an agent.
 *
 * query: [out] receives the query; free with acclient_process_query_free().
 */
acclient_status acclient_process_query_new(acclient_process_query **query,
                                           acclient_error **error);

/**
 * Restricts the query to a domain; see acclient_run_args_set_domain().
 */
acclient_status acclient_process_query_set_domain(acclient_process_query *query,
                                                  const char *domain,
                                                  acclient_error **error);

/**
 * Restricts the query to a name; see acclient_run_args_set_name().
 */
acclient_status acclient_process_query_set_name(acclient_process_query *query,
                                                const char *name,
                                                acclient_error **error);

/**
 * Frees the query.
 */
void acclient_process_query_free(acclient_process_query *query);

/**
 * Resolves an expression over agents to a target.
 *
 * Explicit agents, and roles that are all required, become a target without a request. For any
 * other expression the call asks the controller for its agents, as acclient_client_list_agents()
 * does, and returns a target that lists agents. Explicit agents are included even if they are not
 * registered; ranges, patterns and "not" select registered agents.
 *
 * expression: terms combined by "or", "and", "not" (in increasing precedence) and parentheses.
 *   "1:1-20,25,2:*" is agents by number, with ranges ("-") and patterns ("*", "?"). "all", "any"
 *   and "role=cpu,storage@1" are as in acclient_target_parse(); "any" cannot be combined. "@web"
 *   is a group of the named instance that the client was created from: a string in its table
 *   "groups".
 * target: [out] receives the target; free with acclient_target_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT for a syntax error or an unknown or invalid group,
 * ACCLIENT_NO_SUCH_AGENT if no agent matches; as acclient_client_list_agents().
 */
acclient_status acclient_client_resolve(const acclient_client *client,
                                        const char *expression,
                                        int64_t timeout_ms,
                                        const acclient_cancel_token *cancel,
                                        acclient_target **target,
                                        acclient_error **error);

/**
 * Lists the registered agents that a target selects: rows as in acclient_client_list_agents().
 * Listed agents that the controller does not know are omitted, so there may be no rows. For a
 * target made by acclient_target_any(), these are all agents that the controller chooses from.
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
 * Counts the commands that the controller has routed to agents and the agents have not fetched: a
 * row for each agent, with the fields "gid", "nid" and "waiting". Reads Redis only. Agents whose
 * key "cmds:<gid>:<nid>" the Redis user may not read are omitted.
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
 * Adds a command to the controller's schedule, replacing an entry with the same id. The controller
 * sends the command with a new id each time.
 *
 * id: not empty.
 * cron: five or six fields, starting with seconds, like "0 30 3 * * *", or "@every 1h".
 * request: the command. The numbers of its agent or grid, and its maximum run time, may have up to
 *   six digits.
 * Errors: ACCLIENT_INVALID_ARGUMENT also for values that the controller cannot decode (nothing was
 * sent), ACCLIENT_JOB_FAILED if the controller refuses; as acclient_request_run().
 */
acclient_status acclient_client_schedule_add(const acclient_client *client,
                                             const char *id,
                                             const char *cron,
                                             const acclient_request *request,
                                             int64_t timeout_ms,
                                             const acclient_cancel_token *cancel,
                                             acclient_error **error);

/**
 * Lists the schedule, ordered by id: a row each, with the fields "id", "cron" and "cmd"
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
 * removed: [out] receives whether an entry had this id; may be NULL.
 * Errors: as acclient_request_run().
 */
acclient_status acclient_client_schedule_remove(const acclient_client *client,
                                                const char *id,
                                                bool *removed,
                                                int64_t timeout_ms,
                                                const acclient_cancel_token *cancel,
                                                acclient_error **error);

/**
 * Removes all entries whose id starts with a prefix from the schedule.
 *
 * prefix: "" removes all entries.
 * Errors: as acclient_request_run().
 */
acclient_status acclient_client_schedule_remove_prefix(const acclient_client *client,
                                                       const char *prefix,
                                                       int64_t timeout_ms,
                                                       const acclient_cancel_token *cancel,
                                                       acclient_error **error);

/**
 * Creates a tunnel to be opened or closed. Sends nothing; acclient_client_tunnel_open() validates
 * the values.
 *
 * local: the port that the agent listens on; 0 selects a free one from 49152 to 65535.
 * gateway: the far end: an agent as "gid.nid", or "controller".
 * ip, remote: IP address or host name, and port, that the gateway connects to.
 * tunnel: [out] receives the tunnel; free with acclient_tunnel_free().
 */
acclient_status acclient_tunnel_new(uint16_t local,
                                    const char *gateway,
                                    const char *ip,
                                    uint16_t remote,
                                    acclient_tunnel **tunnel,
                                    acclient_error **error);

/**
 * Returns the port that the agent listens on; the actual port for a tunnel of
 * acclient_client_tunnel_open().
 */
uint16_t acclient_tunnel_local(const acclient_tunnel *tunnel);

/**
 * Returns the port that the tunnel connects to.
 */
uint16_t acclient_tunnel_remote(const acclient_tunnel *tunnel);

/**
 * Returns the far end: "gid.nid" or "controller".
 */
const char *acclient_tunnel_gateway(const acclient_tunnel *tunnel,
                                    size_t *length);

/**
 * Returns the IP address or host name that the tunnel connects to; IPv6 without brackets.
 */
const char *acclient_tunnel_ip(const acclient_tunnel *tunnel,
                               size_t *length);

/**
 * Frees the handle; an open tunnel stays open.
 */
void acclient_tunnel_free(acclient_tunnel *tunnel);

/**
 * Opens a tunnel from a port of an agent's machine. On success the agent listens on the port; an
 * agent that has just started may first have to connect to the controller. For port 0, up to eight
 * random ports from 49152 to 65535 are tried.
 *
 * opened: [out] receives the tunnel with its actual port, for acclient_client_tunnel_close(); free
 *   with acclient_tunnel_free().
 * Errors: ACCLIENT_INVALID_ARGUMENT also for a remote port of 0, an ip that is neither an IP
 * address nor a host name, a gateway that is neither an agent nor the controller, and a tunnel
 * from an agent to itself; ACCLIENT_TUNNEL_EXISTS if the agent lists the tunnel, open or not, in
 * which case nothing changed; ACCLIENT_JOB_FAILED, with the reason, if the agent cannot listen, in
 * which case it does not list the tunnel; as acclient_request_run(). After a timeout the agent may
 * open the tunnel later.
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
 * Closes a tunnel that acclient_client_tunnel_open() returned or that was made from a row of
 * acclient_client_tunnel_list(). Afterwards the agent does not listen for it, and connections
 * through it have ended. Closing a listed tunnel that is already closed succeeds, since the agent
 * does not tell the difference.
 *
 * still_listed: [out] receives whether the agent still lists the tunnel; may be NULL. The agents
 *   of 2016 do so if they chose the port themselves, which only other programs request: they list
 *   the tunnel until they restart, and listen on its port again when their connection to the
 *   controller is re-established.
 * Errors: ACCLIENT_NO_SUCH_TUNNEL if the agent does not list the tunnel; as
 * acclient_request_run(). Port 0 matches only a tunnel listed with port 0; a tunnel opened by this
 * library is listed with its actual port.
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
 * Lists the tunnels of an agent, open or not, in no particular order: a row each, with the fields
 * "local", "gateway", "ip" and "remote", from which acclient_tunnel_new() makes a tunnel to be
 * closed.
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
 * acclient_client_tunnel_open(), and ACCLIENT_UNSUPPORTED if the controller does not support it;
 * the original one does not.
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
