/* acclient: blocking client for AgentController8.
 *
 * Generated from the Rust sources by cbindgen (`make header`); do not edit.
 *
 * What every function keeps to:
 *
 * - What can fail returns an acclient_status, ACCLIENT_OK (0) or the number of a kind of failure,
 *   and takes an acclient_error ** last. Pass NULL for it if the number is enough; otherwise the
 *   error is yours and is freed with acclient_error_free(). Every out parameter is set to NULL or 0
 *   on entry.
 * - Handles are opaque. What a function gives through an out parameter is yours, and is freed with
 *   the ..._free function of its type, for which NULL is a no-op. What an accessor returns is
 *   borrowed until its handle is freed.
 * - NULL is allowed where a description says so. Elsewhere it is ACCLIENT_INVALID_ARGUMENT, and
 *   accessors answer NULL, 0 or false.
 * - Text in is NUL-terminated UTF-8 where it is a name, pointer and length where it is a payload.
 *   Text out is NUL-terminated and has a length, since it may hold NULs. Everything passed in is
 *   copied; nothing of it is kept once a call returns.
 * - Times are int64_t milliseconds, below 0 for ever; 0 looks once where that makes sense, and is
 *   refused elsewhere. A call has one deadline, whatever it does in between.
 * - A client may be used by any number of threads. Errors, jobs and cancel tokens may be read by
 *   any number of threads. A command is for one thread at a time.
 * - Signals do not disturb calls, no call raises SIGPIPE, and no call uses the stdio, the locale or
 *   the environment of the program. After a fork, clients and commands work in the child too, on
 *   connections of their own; cancel tokens of the parent do not.
 * - A panic inside the library is ACCLIENT_PANIC; the handles of that call refuse further use, and
 *   the process goes on.
 */

#ifndef ACCLIENT_H
#define ACCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The call did what it says.
 */
#define ACCLIENT_OK 0

/**
 * Something passed cannot be used: NULL where it is not allowed, a number out of range, text that
 * is not UTF-8 or holds a NUL. Nothing was sent.
 */
#define ACCLIENT_INVALID_ARGUMENT 1

/**
 * Redis could not be reached, or the connection was lost.
 */
#define ACCLIENT_CONNECT 2

/**
 * Redis refused the user or the password, or wants one. Trying again will not help.
 */
#define ACCLIENT_AUTHENTICATION 3

/**
 * The call's time is over.
 */
#define ACCLIENT_TIMEOUT 4

/**
 * A cancel token ended the call.
 */
#define ACCLIENT_CANCELLED 5

/**
 * Redis answered with an error.
 */
#define ACCLIENT_SERVER 6

/**
 * Something was received that cannot be read: a reply, or a document in Redis.
 */
#define ACCLIENT_PROTOCOL 7

/**
 * The controller knows no agent for the target at this moment.
 */
#define ACCLIENT_NO_SUCH_AGENT 8

/**
 * A job ended in another state than SUCCESS.
 */
#define ACCLIENT_JOB_FAILED 9

/**
 * The agent or the controller does not know the command.
 */
#define ACCLIENT_UNKNOWN_COMMAND 10

/**
 * The server, the controller or this version of the library does not offer it.
 */
#define ACCLIENT_UNSUPPORTED 11

/**
 * The command went out whole, but Redis did not confirm it: it may run, or not.
 */
#define ACCLIENT_MAYBE_SENT 12

/**
 * All connections of the client stayed in use until the call's time was over.
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
 * Version of this header: first number.
 */
#define ACCLIENT_VERSION_MAJOR 0

/**
 * Version of this header: second number.
 */
#define ACCLIENT_VERSION_MINOR 1

/**
 * Version of this header: third number.
 */
#define ACCLIENT_VERSION_PATCH 0

/**
 * A token that ends calls before their time, from any thread and from a signal handler. It may
 * serve many calls at a time. Once cancelled it stays so.
 */
typedef struct acclient_cancel acclient_cancel;

/**
 * A client of one grid. Any number of threads may call with it at a time.
 */
typedef struct acclient_client acclient_client;

/**
 * A command that was sent: the way to its results. One thread may use it at a time.
 */
typedef struct acclient_command acclient_command;

/**
 * Why a call failed. The caller of the call owns it and frees it with acclient_error_free().
 * It may be read from any thread.
 */
typedef struct acclient_error acclient_error;

/**
 * What one agent has said of a command: its result. It may be read from any thread.
 */
typedef struct acclient_job acclient_job;

/**
 * What a call returns: ACCLIENT_OK, or the number of the kind of failure. Numbers are never given
 * to another kind; later versions may add some, so treat an unknown one as a failure.
 */
typedef int32_t acclient_status;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a token.
 *
 * cancel: gets the token, which the caller frees with acclient_cancel_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_SYSTEM without two free descriptors.
 */
acclient_status acclient_cancel_new(acclient_cancel **cancel,
                                    acclient_error **error);

/**
 * Ends the calls that have this token, at once; later ones end before they start.
 *
 * Async-signal-safe: one atomic exchange and one write(2), no lock, no allocation, errno kept.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT for NULL; ACCLIENT_FORKED_HANDLE, with nothing done, in a
 * process other than the one that made the token.
 */
acclient_status acclient_cancel_cancel(const acclient_cancel *cancel);

/**
 * Whether the token was cancelled. False for NULL. Async-signal-safe, from any thread, does not
 * block.
 */
bool acclient_cancel_is_cancelled(const acclient_cancel *cancel);

/**
 * Frees a token; calls that have it must have ended. NULL is a no-op. Does not block.
 */
void acclient_cancel_free(acclient_cancel *cancel);

/**
 * Connects to the Redis of a grid and logs in.
 *
 * url: redis://[[user]:password@]host[:port][/db] or redis+unix:///path[?db=N&user=U&pass=P]; not
 *   NULL.
 * timeout_ms: milliseconds; below 0 for ever, 0 is refused. Later calls that take no time of their
 *   own have this one.
 * cancel: ends the call early; may be NULL.
 * client: gets the client, which the caller frees with acclient_client_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_UNSUPPORTED for rediss:// and redis+sentinel://,
 * ACCLIENT_CONNECT, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER for a database that does not exist,
 * ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_FORKED_HANDLE for a token of a parent process,
 * ACCLIENT_PROTOCOL for a server that is no Redis, ACCLIENT_SYSTEM.
 */
acclient_status acclient_client_connect(const char *url,
                                        int64_t timeout_ms,
                                        const acclient_cancel *cancel,
                                        acclient_client **client,
                                        acclient_error **error);

/**
 * Asks Redis for a sign of life.
 *
 * client: not NULL.
 * timeout_ms: milliseconds; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_client_connect(), and ACCLIENT_CLOSED.
 */
acclient_status acclient_client_ping(const acclient_client *client,
                                     int64_t timeout_ms,
                                     const acclient_cancel *cancel,
                                     acclient_error **error);

/**
 * Sends a program for an agent to run, and returns once Redis has the command.
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * program: its name or path on the agent; not NULL.
 * args, args_count: its arguments; args may be NULL if args_count is 0, none of them NULL.
 * data, data_length: its standard input, UTF-8; data may be NULL if data_length is 0.
 * timeout_ms: milliseconds for Redis to take the command; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * command: gets the command, which the caller frees with acclient_command_free(); not NULL.
 * error: gets the error; may be NULL.
 * Everything passed is copied. From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_CONNECT, ACCLIENT_SERVER (it was
 * not taken), ACCLIENT_MAYBE_SENT (unknown whether it was: acclient_error_command() tells how to
 * look), ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_POOL_EXHAUSTED,
 * ACCLIENT_AUTHENTICATION, ACCLIENT_FORKED_HANDLE, ACCLIENT_PROTOCOL, ACCLIENT_SYSTEM.
 */
acclient_status acclient_client_execute(const acclient_client *client,
                                        int64_t gid,
                                        int64_t nid,
                                        const char *program,
                                        const char *const *args,
                                        size_t args_count,
                                        const char *data,
                                        size_t data_length,
                                        int64_t timeout_ms,
                                        const acclient_cancel *cancel,
                                        acclient_command **command,
                                        acclient_error **error);

/**
 * Finds a command again by its printed form: what acclient_command_printed() and
 * acclient_error_command() give, in this process or another, in whatever language. Nothing is
 * asked of the server, which keeps results for 24 hours.
 *
 * client: not NULL.
 * printed: like "acclient:1:<id>:<target>"; not NULL.
 * command: gets the command, which the caller frees with acclient_command_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_client_command_from(const acclient_client *client,
                                             const char *printed,
                                             acclient_command **command,
                                             acclient_error **error);

/**
 * Closes the client: calls under way, in whatever thread, end with ACCLIENT_CLOSED, and so does
 * every later one. Commands that were sent go on. The handle stays valid until it is freed.
 *
 * client: NULL is a no-op.
 * From any thread. Blocks for half a second at most, to give the last keys their time to live.
 */
void acclient_client_close(const acclient_client *client);

/**
 * Frees the client; calls with it must have ended (acclient_client_close() ends them). What was
 * made with it stays usable: commands and jobs keep the connections alive until they are freed.
 *
 * client: NULL is a no-op.
 * Blocks for half a second at most, to give the last keys their time to live.
 */
void acclient_client_free(acclient_client *client);

/**
 * The id of the command. NUL-terminated UTF-8; its length goes to *length, which may be NULL.
 * Borrowed until the command is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_id(const acclient_command *command,
                                size_t *length);

/**
 * The printed form, "acclient:1:<id>:<target>", by which acclient_client_command_from() finds the
 * command again, in this process or another. NUL-terminated UTF-8; its length goes to *length,
 * which may be NULL. Borrowed until the command is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_printed(const acclient_command *command,
                                     size_t *length);

/**
 * Waits for the next result: that of an agent whose result this handle has not returned yet. A
 * lost connection is replaced and the wait goes on. A job that failed is a result like any other.
 *
 * command: not NULL.
 * timeout_ms: milliseconds; below 0 for ever, 0 looks once.
 * cancel: ends the call early; may be NULL.
 * job: gets the job, which the caller frees with acclient_job_free(); it is NULL with ACCLIENT_OK
 *   when every result has been returned. Not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time. Blocks.
 * Errors: ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_NO_SUCH_AGENT where the
 * controller knew no agent for the target, ACCLIENT_PROTOCOL for a result that cannot be read,
 * ACCLIENT_INVALID_ARGUMENT (also for a wait for ever on a recurring command, and while another
 * thread uses the command), ACCLIENT_POOL_EXHAUSTED, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER,
 * ACCLIENT_FORKED_HANDLE, ACCLIENT_SYSTEM.
 */
acclient_status acclient_command_next_result(const acclient_command *command,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_job **job,
                                             acclient_error **error);

/**
 * Kills the job wherever it runs, with all its processes, and returns once its agents have taken
 * the order; the results, usually KILLED, follow. Where the job is over already, nothing is done.
 *
 * command: not NULL.
 * timeout_ms: milliseconds for the agent to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * One thread at a time. Blocks.
 * Errors: ACCLIENT_TIMEOUT for an agent that is away, or busy with an earlier kill of the same
 * job, and where no controller has routed the command; ACCLIENT_NO_SUCH_AGENT; those of
 * acclient_client_execute(). Of several agents' errors it is the first.
 */
acclient_status acclient_command_kill(const acclient_command *command,
                                      int64_t timeout_ms,
                                      const acclient_cancel *cancel,
                                      acclient_error **error);

/**
 * Frees the command and all that was borrowed from it; the job it stands for goes on. NULL is a
 * no-op. Blocks only where it holds the last of a client that was freed: see
 * acclient_client_free().
 */
void acclient_command_free(acclient_command *command);

/**
 * The kind of failure; ACCLIENT_OK for NULL. Does not block.
 */
acclient_status acclient_error_status(const acclient_error *error);

/**
 * What failed, in words for a person: what was asked of whom, how long it waited, how far it got.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. It holds no password.
 * Borrowed until the error is freed. NULL for NULL. Does not block.
 */
const char *acclient_error_message(const acclient_error *error,
                                   size_t *length);

/**
 * The printed form of the command that the call was about, for acclient_client_command_from().
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the error
 * is freed. NULL where there is none, and for NULL. Does not block.
 */
const char *acclient_error_command(const acclient_error *error,
                                   size_t *length);

/**
 * Whether the same call, made again later, may succeed without anything being changed and without
 * a command running twice. Never for a wrong password. False for NULL. Does not block.
 */
bool acclient_error_is_retriable(const acclient_error *error);

/**
 * Whether the call ended because its time was over. False for NULL. Does not block.
 */
bool acclient_error_is_timeout(const acclient_error *error);

/**
 * Whether a command went out whole without a confirmation: for ACCLIENT_MAYBE_SENT, and for some
 * calls that were cancelled or closed meanwhile. False for NULL. Does not block.
 */
bool acclient_error_is_maybe_sent(const acclient_error *error);

/**
 * Frees an error and all that was borrowed from it. NULL is a no-op. Does not block.
 */
void acclient_error_free(acclient_error *error);

/**
 * The id of the command.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_id(const acclient_job *job,
                            size_t *length);

/**
 * The state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another word that the agent wrote.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_state(const acclient_job *job,
                               size_t *length);

/**
 * The name of the command. Empty before the job has ended.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_cmd(const acclient_job *job,
                             size_t *length);

/**
 * The run arguments as the agent understood them, as JSON; "null" before the job has ended.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_args(const acclient_job *job,
                              size_t *length);

/**
 * The result proper: the last message of level 20 to 23 or 30 that the job printed, or what an agent's own
 * command answered. Often empty. It may hold NULs.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_data(const acclient_job *job,
                              size_t *length);

/**
 * What it wrote to stdout: the last 1000 lines without a level of their own, blank lines left out. It may hold NULs.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_stdout(const acclient_job *job,
                                size_t *length);

/**
 * What it wrote to stderr, likewise.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_stderr(const acclient_job *job,
                                size_t *length);

/**
 * Its last message of level 9; NULL where there was none.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_critical(const acclient_job *job,
                                  size_t *length);

/**
 * The tags that the command was sent with; NULL where there are none.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_tags(const acclient_job *job,
                              size_t *length);

/**
 * The whole document as JSON, with fields that this version does not know.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_job_dump(const acclient_job *job,
                              size_t *length);

/**
 * Grid id of the agent. 0 where the controller itself answered, and for NULL. Does not block.
 */
int64_t acclient_job_gid(const acclient_job *job);

/**
 * Node id of the agent. 0 where the controller itself answered, and for NULL. Does not block.
 */
int64_t acclient_job_nid(const acclient_job *job);

/**
 * Whether it ended with "SUCCESS". False for NULL. Does not block.
 */
bool acclient_job_is_success(const acclient_job *job);

/**
 * The level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text. 0 for NULL. Does
 * not block.
 */
int64_t acclient_job_level(const acclient_job *job);

/**
 * When it started: milliseconds since 1970 by the clock of the agent. 0 where it did not, and for
 * NULL. Does not block.
 */
int64_t acclient_job_starttime_ms(const acclient_job *job);

/**
 * How long it ran, in milliseconds. 0 for NULL. Does not block.
 */
int64_t acclient_job_time_ms(const acclient_job *job);

/**
 * Frees the job and all that was borrowed from it. NULL is a no-op. Blocks only where it holds the
 * last of a client that was freed: see acclient_client_free().
 */
void acclient_job_free(acclient_job *job);

/**
 * The name of a status, like "ACCLIENT_TIMEOUT"; "unknown status" for a number that is none.
 * Never NULL, valid for ever, from any thread. Does not block.
 */
const char *acclient_status_name(acclient_status status);

/**
 * The version of the library that runs, like "0.1.0". Never NULL, valid for ever, from any
 * thread. Does not block.
 */
const char *acclient_version(void);

/**
 * Whether the library that runs fits the header that a program was compiled with: call it as
 * acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH).
 *
 * ACCLIENT_OK if it does. ACCLIENT_UNSUPPORTED if the library is older than the header, or of
 * another major version, or, before 1.0, of another minor one. From any thread; does not block.
 */
acclient_status acclient_check_version(uint32_t major,
                                       uint32_t minor,
                                       uint32_t patch);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ACCLIENT_H */
