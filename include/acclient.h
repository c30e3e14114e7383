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
 *   any number of threads. A command is for one thread at a time, but for calls that say otherwise.
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
 * In the queue: no controller has taken it. acclient_command_retract() takes it back.
 */
#define ACCLIENT_STAGE_IN_QUEUE 1

/**
 * Routed to the agent, which has not fetched it: it is away, or has enough to do.
 */
#define ACCLIENT_STAGE_ROUTED 2

/**
 * The agent runs it.
 */
#define ACCLIENT_STAGE_RUNNING 3

/**
 * There is a result.
 */
#define ACCLIENT_STAGE_DONE 4

/**
 * It was submitted, and nobody has it any more: a controller took it and ended before it was routed,
 * or the job ended while the controller was down, which loses its result for good.
 */
#define ACCLIENT_STAGE_LOST 5

/**
 * Nothing is known of it, and it is not known whether it was ever submitted; or the agent that was
 * running it does not answer.
 */
#define ACCLIENT_STAGE_UNKNOWN 6

/**
 * It waits by a blocking command on the one list that is left.
 */
#define ACCLIENT_WAIT_BLOCKING 1

/**
 * The server tells of changes of lists that were read.
 */
#define ACCLIENT_WAIT_TRACKING 2

/**
 * The server tells of changes of all lists of the command.
 */
#define ACCLIENT_WAIT_BROADCAST 3

/**
 * All lists are looked at every 40 ms.
 */
#define ACCLIENT_WAIT_LOOKING 4

/**
 * The agent has answered.
 */
#define ACCLIENT_OUTCOME_DONE 1

/**
 * The job was over already; nothing was asked.
 */
#define ACCLIENT_OUTCOME_OVER 2

/**
 * The agent gave no answer in time, or refused.
 */
#define ACCLIENT_OUTCOME_FAILED 3

/**
 * What an agent or the controller answered: rows with fields, and the JSON that it was. An answer
 * that is one object has one row; null has none. Any number of threads may read it.
 */
typedef struct acclient_answer acclient_answer;

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
 * All that came of a command. Any number of threads may read it; its command is for one at a time.
 */
typedef struct acclient_collected acclient_collected;

/**
 * A command that was sent: the way to its results. One thread may use it at a time, but for calls
 * that say otherwise.
 */
typedef struct acclient_command acclient_command;

/**
 * Commands of the past, most recent first. Each is for one thread at a time.
 */
typedef struct acclient_commands acclient_commands;

/**
 * Why a call failed. The caller of the call owns it and frees it with acclient_error_free().
 * It may be read from any thread.
 */
typedef struct acclient_error acclient_error;

/**
 * The messages of a job as it logs them, each once, oldest first. One thread may use it at a time.
 */
typedef struct acclient_follow acclient_follow;

/**
 * What one agent has said of a command: its result. It may be read from any thread.
 */
typedef struct acclient_job acclient_job;

/**
 * Jobs of a command, in the order of agents. Any number of threads may read them.
 */
typedef struct acclient_jobs acclient_jobs;

/**
 * Settings of a client, piece by piece. Any number of threads may use them.
 */
typedef struct acclient_options acclient_options;

/**
 * What came of a question to every agent that a command went to, in the order of agents. Any number
 * of threads may read it.
 */
typedef struct acclient_outcomes acclient_outcomes;

/**
 * How far a command got, as a whole and agent by agent, in the order of agents. Any number of threads
 * may read it.
 */
typedef struct acclient_progress acclient_progress;

/**
 * A command before it is sent. It can be sent again and again, each time as a command of its own.
 * Any number of threads may use it.
 */
typedef struct acclient_request acclient_request;

/**
 * The results of one command or several, in order of completion, within one deadline. It holds a
 * connection of the client until it is done or freed. One thread may use it at a time.
 */
typedef struct acclient_results acclient_results;

/**
 * A command on its way to many agents, some at a time, and the results in order of completion, within
 * one deadline. It holds a connection of the client while a batch is under way. One thread may use it
 * at a time.
 */
typedef struct acclient_rollout acclient_rollout;

/**
 * Run arguments: how an agent runs a job. Everything is optional. Any number of threads may use
 * them.
 */
typedef struct acclient_run_args acclient_run_args;

/**
 * Whom a command is for: one agent, any one agent with some roles, or all agents with them. It is
 * made complete by one thread; after that any number of threads may use it.
 */
typedef struct acclient_target acclient_target;

/**
 * A tunnel: who connects to the port "local" of an agent's machine talks to ip:remote as the gateway
 * sees it. Any number of threads may read it.
 */
typedef struct acclient_tunnel acclient_tunnel;

/**
 * What a call returns: ACCLIENT_OK, or the number of the kind of failure. Numbers are never given
 * to another kind; later versions may add some, so treat an unknown one as a failure.
 */
typedef int32_t acclient_status;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

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
 * The code of Redis's own error, like "NOPERM" or "OOM", where Redis answered with one.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the error
 * is freed. NULL where there is none, and for NULL. Does not block.
 */
const char *acclient_error_server_code(const acclient_error *error,
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
 * Whether the error is about one agent of several, whose numbers then go to *gid and *nid; either may
 * be NULL. They are 0 where it is not. False for NULL. Does not block.
 */
bool acclient_error_agent(const acclient_error *error,
                          int64_t *gid,
                          int64_t *nid);

/**
 * The job that failed, with its state, data and streams; borrowed until the error is freed. NULL where
 * the error is not about a job, and for NULL. Does not block.
 */
const acclient_job *acclient_error_job(const acclient_error *error);

/**
 * Frees an error and all that was borrowed from it. NULL is a no-op. Does not block.
 */
void acclient_error_free(acclient_error *error);

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
 * url: not NULL; one of these forms, with %xx for what a URL cannot hold:
 *   redis://[[user]:password@]host[:port][/db];
 *   rediss://..., the same under TLS; #insecure at the end believes any certificate;
 *   redis+unix:///path[?db=N&user=U&pass=P];
 *   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], the master of that
 *   name, wherever these Sentinels say that it is; rediss+sentinel://..., all of it under TLS.
 * timeout_ms: milliseconds; below 0 for ever, 0 is refused. Later calls that take no time of their
 *   own have this one.
 * cancel: ends the call early; may be NULL.
 * client: gets the client, which the caller frees with acclient_client_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_UNSUPPORTED for a Redis Cluster,
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
 * A command that was sent before, by its id alone. Whom it was for is found out when it is waited
 * for; the printed form tells that too. Nothing is asked of the server.
 *
 * client, id: not NULL; id not empty.
 * command: gets the command, which the caller frees with acclient_command_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_client_command(const acclient_client *client,
                                        const char *id,
                                        acclient_command **command,
                                        acclient_error **error);

/**
 * Connects to a named instance: a table of the TOML file that the variable ACCLIENT_CONFIG names,
 * else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config. It has either url, or host and
 * port, or unix_socket; and user, password, db, tls (true), tls_ca_file, tls_cert_file, tls_key_file,
 * timeout (seconds), max_connections.
 *
 * name: not NULL.
 * timeout_ms: milliseconds to connect; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * client: gets the client, which the caller frees with acclient_client_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread, but reads the environment: not beside setenv(3). Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT for an unknown name or a wrong file, ACCLIENT_SYSTEM for one that
 * cannot be read, and those of acclient_client_connect().
 */
acclient_status acclient_client_instance(const char *name,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_client **client,
                                         acclient_error **error);

/**
 * Sends many commands in one pipeline, and returns once Redis has them all. One that is refused, by
 * the library or by Redis, holds up no other.
 *
 * client: not NULL.
 * requests, count: the commands, none of them NULL; requests may be NULL if count is 0.
 * timeout_ms: milliseconds for Redis to take them; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * commands: count places; each gets its command, which the caller frees with
 *   acclient_command_free(), or NULL where it failed. May be NULL if count is 0.
 * errors: count places; each gets NULL, or why its command failed, which the caller frees with
 *   acclient_error_free(): ACCLIENT_MAYBE_SENT where the connection broke before Redis confirmed it.
 *   May be NULL.
 * error: gets an error about the call as a whole; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT. All else is in errors.
 */
acclient_status acclient_client_submit_many(const acclient_client *client,
                                            const acclient_request *const *requests,
                                            size_t count,
                                            int64_t timeout_ms,
                                            const acclient_cancel *cancel,
                                            acclient_command **commands,
                                            acclient_error **errors,
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
 * Makes settings for a Redis at 127.0.0.1:6379 without a password.
 *
 * options: gets them; the caller frees them with acclient_options_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_new(acclient_options **options,
                                     acclient_error **error);

/**
 * Address, user, password and database, in the forms that acclient_client_connect() takes.
 *
 * options, url: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_url(const acclient_options *options,
                                         const char *url,
                                         acclient_error **error);

/**
 * Host name or number.
 *
 * options, host: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_host(const acclient_options *options,
                                          const char *host,
                                          acclient_error **error);

/**
 * A unix socket instead of host and port.
 *
 * options, unix_socket: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_unix_socket(const acclient_options *options,
                                                 const char *unix_socket,
                                                 acclient_error **error);

/**
 * The master of a name, wherever these Sentinels say that it is, instead of host and port. They are
 * asked in their order, for each new connection. A Sentinel that wants a password gets that of the
 * master.
 *
 * options, name: not NULL; name not empty.
 * sentinels, count: "host", "host:port" or "[address]:port" each, with 26379 where there is no port;
 *   none of them NULL. sentinels may be NULL if count is 0, which acclient_client_open() refuses.
 * error: gets the error; may be NULL.
 * Everything passed is copied. From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_sentinels(const acclient_options *options,
                                               const char *name,
                                               const char *const *sentinels,
                                               size_t count,
                                               acclient_error **error);

/**
 * Speaks TLS 1.2 or 1.3 with the server, as rediss:// does. Its certificate has to be of the host that
 * was named, and of an authority that this machine trusts. Default: no TLS. A unix socket has none.
 *
 * options: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_tls(const acclient_options *options,
                                         acclient_error **error);

/**
 * Speaks TLS, and believes the authorities in this PEM file instead of those of the machine.
 *
 * options, path: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block. A file that cannot be used is told by acclient_client_open().
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_tls_ca_file(const acclient_options *options,
                                                 const char *path,
                                                 acclient_error **error);

/**
 * Speaks TLS, and shows the server the certificates in a PEM file, with the key in another.
 *
 * options, certificates, key: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block. Files that cannot be used are told by acclient_client_open().
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_tls_client_cert(const acclient_options *options,
                                                     const char *certificates,
                                                     const char *key,
                                                     acclient_error **error);

/**
 * Speaks TLS, and believes any certificate: whoever is in between can read and change everything. For
 * trials only.
 *
 * options: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_tls_insecure(const acclient_options *options,
                                                  acclient_error **error);

/**
 * User name, for servers with ACLs. Default: the server's default user.
 *
 * options, user: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_user(const acclient_options *options,
                                          const char *user,
                                          acclient_error **error);

/**
 * Password. Default: none. It appears in no error.
 *
 * options, password: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_password(const acclient_options *options,
                                              const char *password,
                                              acclient_error **error);

/**
 * Port. Default 6379.
 *
 * options: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block. A value out of range is told by acclient_client_open().
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_port(const acclient_options *options,
                                          uint16_t port,
                                          acclient_error **error);

/**
 * Number of the database. Default 0.
 *
 * options: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block. A value out of range is told by acclient_client_open().
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_db(const acclient_options *options,
                                        uint32_t db,
                                        acclient_error **error);

/**
 * How many connections the client may have at a time: each waiting call has one. 1 to 10000, default
 * 64.
 *
 * options: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block. A value out of range is told by acclient_client_open().
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_max_connections(const acclient_options *options,
                                                     size_t max_connections,
                                                     acclient_error **error);

/**
 * The largest reply, in bytes, that the client takes from Redis. Default 64 MiB.
 *
 * options: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block. A value out of range is told by acclient_client_open().
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_options_set_max_reply(const acclient_options *options,
                                               size_t max_reply,
                                               acclient_error **error);

/**
 * Connects by settings, and logs in. Parameters and errors as acclient_client_connect(), and:
 *
 * options: not NULL; they are copied.
 */
acclient_status acclient_client_open(const acclient_options *options,
                                     int64_t timeout_ms,
                                     const acclient_cancel *cancel,
                                     acclient_client **client,
                                     acclient_error **error);

/**
 * Makes a client by settings, without a connection: each call makes what it needs.
 *
 * options: not NULL; they are copied.
 * client: gets the client, which the caller frees with acclient_client_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block, but reads the files of TLS.
 * Errors: ACCLIENT_INVALID_ARGUMENT for a value out of range, and for files of TLS that cannot be read
 * or used; ACCLIENT_SYSTEM.
 */
acclient_status acclient_client_build(const acclient_options *options,
                                      acclient_client **client,
                                      acclient_error **error);

/**
 * Frees settings; clients made with them stay as they are. NULL is a no-op. Does not block.
 */
void acclient_options_free(acclient_options *options);

/**
 * A command for a target: "ping", "killall", "restart", or any other that agents know.
 *
 * client, target, cmd: not NULL.
 * request: gets the request, which the caller frees with acclient_request_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block: nothing is sent yet.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_new(const acclient_client *client,
                                     const acclient_target *target,
                                     const char *cmd,
                                     acclient_request **request,
                                     acclient_error **error);

/**
 * A program for a target to run. Its arguments are added with acclient_request_add_arg(), its
 * standard input is set with acclient_request_set_data().
 *
 * client, target, program: not NULL.
 * request: gets the request, which the caller frees with acclient_request_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block: nothing is sent yet.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_execute(const acclient_client *client,
                                         const acclient_target *target,
                                         const char *program,
                                         acclient_request **request,
                                         acclient_error **error);

/**
 * A shell script for a target to run, an extension that agents usually have.
 *
 * client, target: not NULL.
 * script, script_length: UTF-8; script may be NULL if script_length is 0.
 * request: gets the request, which the caller frees with acclient_request_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block: nothing is sent yet.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_bash(const acclient_client *client,
                                      const acclient_target *target,
                                      const char *script,
                                      size_t script_length,
                                      acclient_request **request,
                                      acclient_error **error);

/**
 * A jumpscript that the agents have.
 *
 * client, target, domain, name: not NULL.
 * kwargs: its keyword arguments, a JSON object; NULL for none.
 * request: gets the request, which the caller frees with acclient_request_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block: nothing is sent yet.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_jumpscript(const acclient_client *client,
                                            const acclient_target *target,
                                            const char *domain,
                                            const char *name,
                                            const char *kwargs,
                                            acclient_request **request,
                                            acclient_error **error);

/**
 * A jumpscript that is sent along: Python that defines "action".
 *
 * client, target: not NULL.
 * content, content_length: the script, UTF-8; content may be NULL if content_length is 0.
 * kwargs: its keyword arguments, a JSON object; NULL for none.
 * request: gets the request, which the caller frees with acclient_request_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block: nothing is sent yet.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_jumpscript_content(const acclient_client *client,
                                                    const acclient_target *target,
                                                    const char *content,
                                                    size_t content_length,
                                                    const char *kwargs,
                                                    acclient_request **request,
                                                    acclient_error **error);

/**
 * Adds an argument of the program.
 *
 * request, arg: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_add_arg(const acclient_request *request,
                                         const char *arg,
                                         acclient_error **error);

/**
 * Merges run arguments into those set so far.
 *
 * request, args: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_set_run_args(const acclient_request *request,
                                              const acclient_run_args *args,
                                              acclient_error **error);

/**
 * The data: the standard input of a program, the script of "bash", JSON for the agents' own
 * commands.
 *
 * request: not NULL.
 * data, data_length: UTF-8, which may hold NULs; data may be NULL if data_length is 0.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, also for what is not UTF-8.
 */
acclient_status acclient_request_set_data(const acclient_request *request,
                                          const char *data,
                                          size_t data_length,
                                          acclient_error **error);

/**
 * An id of your own, instead of a new UUID for each time that the request is sent.
 *
 * While a job of the same id runs, its agent refuses a second one, and the answer of the first
 * counts for both.
 *
 * request, id: not NULL; id not empty.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_set_id(const acclient_request *request,
                                        const char *id,
                                        acclient_error **error);

/**
 * Tags: a text that comes back with the result.
 *
 * request, tags: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_request_set_tags(const acclient_request *request,
                                          const char *tags,
                                          acclient_error **error);

/**
 * Sends the command and returns once Redis has it. It is never sent twice.
 *
 * request: not NULL.
 * timeout_ms: milliseconds for Redis to take the command; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * command: gets the command, which the caller frees with acclient_command_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_CONNECT, ACCLIENT_SERVER (it was
 * not taken), ACCLIENT_MAYBE_SENT (unknown whether it was: acclient_error_command() tells how to
 * look), ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_POOL_EXHAUSTED,
 * ACCLIENT_AUTHENTICATION, ACCLIENT_FORKED_HANDLE, ACCLIENT_PROTOCOL, ACCLIENT_SYSTEM.
 */
acclient_status acclient_request_submit(const acclient_request *request,
                                        int64_t timeout_ms,
                                        const acclient_cancel *cancel,
                                        acclient_command **command,
                                        acclient_error **error);

/**
 * Sends the command so that trying again, with the same id, does not run it twice, and returns once
 * Redis has it. Uses up its time: a lost connection is replaced, and the command sent again where that
 * is safe.
 *
 * Give the command an id of yours that you can give again: acclient_request_set_id(). Within 24 hours
 * a second call with that id, in this process or another, finds that the command was submitted, and
 * succeeds without sending anything. It costs a key cmd.<id>.submitted; what
 * acclient_request_submit() sent leaves none. It holds as long as Redis keeps its data.
 *
 * request: not NULL.
 * timeout_ms: milliseconds for Redis to take the command; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * command: gets the command, which the caller frees with acclient_command_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_MAYBE_SENT where no answer came in time after it went out, or Redis was replaced
 * between two tries: made again with the same id, the call does not run it twice. After any other, but
 * where acclient_error_is_maybe_sent() says so, it was not sent: ACCLIENT_TIMEOUT with what kept it
 * from being sent, and those of acclient_request_submit().
 */
acclient_status acclient_request_submit_once(const acclient_request *request,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_command **command,
                                             acclient_error **error);

/**
 * Sends the command and waits for its result, in one round trip to Redis where the target is one
 * agent by its numbers. Not for a fan-out. A job that failed is a result like any other.
 *
 * request: not NULL.
 * timeout_ms: milliseconds for all of it; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * job: gets the job, which the caller frees with acclient_job_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_submit() and acclient_command_next_result().
 */
acclient_status acclient_request_run(const acclient_request *request,
                                     int64_t timeout_ms,
                                     const acclient_cancel *cancel,
                                     acclient_job **job,
                                     acclient_error **error);

/**
 * Frees the request; commands that it sent go on. NULL is a no-op. Blocks only where it holds the
 * last of a client that was freed: see acclient_client_free().
 */
void acclient_request_free(acclient_request *request);

/**
 * Makes run arguments with nothing set.
 *
 * args: gets them; the caller frees them with acclient_run_args_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_run_args_new(acclient_run_args **args,
                                      acclient_error **error);

/**
 * Domain, a label by which processes and scripts are grouped.
 *
 * args, domain: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_domain(const acclient_run_args *args,
                                             const char *domain,
                                             acclient_error **error);

/**
 * Name: the program for "execute", the script for "jumpscript", a label elsewhere.
 *
 * args, name: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_name(const acclient_run_args *args,
                                           const char *name,
                                           acclient_error **error);

/**
 * Which levels of output the agent logs: "*" (the default), or numbers and ranges like "1,2,6-9".
 * "" leaves the choice to the agent.
 *
 * args, loglevels: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_loglevels(const acclient_run_args *args,
                                                const char *loglevels,
                                                acclient_error **error);

/**
 * Which of them it keeps where messages are asked for. Same form as acclient_run_args_set_loglevels().
 *
 * args, loglevels_db: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_loglevels_db(const acclient_run_args *args,
                                                   const char *loglevels_db,
                                                   acclient_error **error);

/**
 * Which of them it sends to the controller. Same form as acclient_run_args_set_loglevels().
 *
 * args, loglevels_ac: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_loglevels_ac(const acclient_run_args *args,
                                                   const char *loglevels_ac,
                                                   acclient_error **error);

/**
 * Jobs of one queue name run one after another on an agent. Default: no queue.
 *
 * args, queue: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_queue(const acclient_run_args *args,
                                            const char *queue,
                                            acclient_error **error);

/**
 * The directory to run in. Default: the agent's own.
 *
 * args, working_dir: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_working_dir(const acclient_run_args *args,
                                                  const char *working_dir,
                                                  acclient_error **error);

/**
 * How long the job may run, in seconds, before the agent kills it and reports TIMEOUT. 0 (the
 * default): no limit. -1: no limit, and run again when the agent restarts.
 *
 * args: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_max_time(const acclient_run_args *args,
                                               int64_t seconds,
                                               acclient_error **error);

/**
 * How many times the agent starts the job again when it fails. Default 0.
 *
 * args: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_max_restart(const acclient_run_args *args,
                                                  int64_t times,
                                                  acclient_error **error);

/**
 * Runs the job again every so many seconds until it is killed; it has no result until then.
 * Default 0: runs once.
 *
 * args: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_recurring_period(const acclient_run_args *args,
                                                       int64_t seconds,
                                                       acclient_error **error);

/**
 * How often the agent measures the job, in milliseconds. Default 0: the agent's own.
 *
 * args: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_set_stats_interval(const acclient_run_args *args,
                                                     int64_t milliseconds,
                                                     acclient_error **error);

/**
 * Adds an argument of the program.
 *
 * args, arg: not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_add_arg(const acclient_run_args *args,
                                          const char *arg,
                                          acclient_error **error);

/**
 * Adds a variable to the environment of the job, which holds little else: no PATH.
 *
 * args, name, value: not NULL; name not empty.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
 */
acclient_status acclient_run_args_add_env(const acclient_run_args *args,
                                          const char *name,
                                          const char *value,
                                          acclient_error **error);

/**
 * Takes over all that other sets. Lists are replaced as a whole.
 *
 * args, other: not NULL; they may be the same.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_run_args_merge(const acclient_run_args *args,
                                        const acclient_run_args *other,
                                        acclient_error **error);

/**
 * The arguments as they go over the wire.
 *
 * args: not NULL.
 * json: gets them as an answer of one row, which the caller frees with acclient_answer_free(); not
 *   NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_run_args_to_json(const acclient_run_args *args,
                                          acclient_answer **json,
                                          acclient_error **error);

/**
 * Frees run arguments; commands made with them stay as they are. NULL is a no-op. Does not block.
 */
void acclient_run_args_free(acclient_run_args *args);

/**
 * The agent nid of the grid gid.
 *
 * gid, nid: both above 0.
 * target: gets the target, which the caller frees with acclient_target_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_target_agent(int64_t gid,
                                      int64_t nid,
                                      acclient_target **target,
                                      acclient_error **error);

/**
 * One agent, chosen by the controller at random, among those that have all of some roles.
 *
 * roles, roles_count: the roles, none of them NULL; roles may be NULL if roles_count is 0, which is
 *   any agent, as is the role "*".
 * gid: of this grid only; 0 for all grids.
 * target: gets the target, which the caller frees with acclient_target_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_target_any(const char *const *roles,
                                    size_t roles_count,
                                    int64_t gid,
                                    acclient_target **target,
                                    acclient_error **error);

/**
 * Every agent that has all of some roles: a fan-out. Parameters and errors as
 * acclient_target_any().
 */
acclient_status acclient_target_all(const char *const *roles,
                                    size_t roles_count,
                                    int64_t gid,
                                    acclient_target **target,
                                    acclient_error **error);

/**
 * The target as it stands in the printed form of a command, like "1:2" or "all,role=cpu".
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the target is
 * freed. NULL for NULL. Does not block.
 */
const char *acclient_target_printed(const acclient_target *target,
                                    size_t *length);

/**
 * Frees the target; commands made with it stay as they are. NULL is a no-op. Does not block.
 */
void acclient_target_free(acclient_target *target);

/**
 * Sends a command and waits for the results of all agents that it went to. A job that failed is a
 * result like any other; what did not arrive by the deadline is told agent by agent, beside what did.
 *
 * request: not NULL.
 * stop_at_failure: returns at the first agent that fails: whose job ends in another state than
 *   SUCCESS, or that gives an error. What the others returned is kept; they are not killed.
 * timeout_ms: milliseconds for all of it; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * collected: gets all of it, which the caller frees with acclient_collected_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_submit(). From then on the call gives ACCLIENT_OK, and what goes
 * wrong is in acclient_collected_error(); what ends the wait for everybody is the last there, without
 * an agent.
 */
acclient_status acclient_request_run_all(const acclient_request *request,
                                         bool stop_at_failure,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_collected **collected,
                                         acclient_error **error);

/**
 * The command, by which what is missing can be waited for: it does not return again what stands here;
 * borrowed until all is freed. NULL for NULL. Does not block.
 */
const acclient_command *acclient_collected_command(const acclient_collected *collected);

/**
 * How many jobs were returned. 0 for NULL. Does not block.
 */
size_t acclient_collected_job_count(const acclient_collected *collected);

/**
 * The job at an index, in order of completion; borrowed until all is freed. NULL beyond the last, and
 * for NULL. Does not block.
 */
const acclient_job *acclient_collected_job(const acclient_collected *collected,
                                           size_t index);

/**
 * How many errors there are. 0 for NULL. Does not block.
 */
size_t acclient_collected_error_count(const acclient_collected *collected);

/**
 * The error at an index; borrowed until all is freed. NULL beyond the last, and for NULL. Does not
 * block.
 */
const acclient_error *acclient_collected_error(const acclient_collected *collected,
                                               size_t index);

/**
 * Whether it stopped at a failure, or was ended, before all agents had answered. False for NULL. Does
 * not block.
 */
bool acclient_collected_stopped(const acclient_collected *collected);

/**
 * Frees it and all that was borrowed from it; jobs go on. NULL is a no-op. Blocks only where it holds
 * the last of a client that was freed: see acclient_client_free().
 */
void acclient_collected_free(acclient_collected *collected);

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
 * Whom it was sent to, like "1:2", "all,role=cpu" or "unknown".
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
 * is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_target(const acclient_command *command,
                                    size_t *length);

/**
 * The name of the command: "execute", "ping", ...; NULL where it was not sent by this program.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
 * is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_cmd(const acclient_command *command,
                                 size_t *length);

/**
 * The run arguments that were sent, as JSON; NULL where it was not sent by this program.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
 * is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_args(const acclient_command *command,
                                  size_t *length);

/**
 * The data that was sent; NULL where it was not sent by this program. It may hold NULs.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
 * is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_data(const acclient_command *command,
                                  size_t *length);

/**
 * The tags that were sent; NULL where there are none, and where it was not sent by this program.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
 * is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_tags(const acclient_command *command,
                                  size_t *length);

/**
 * The JSON that was pushed to the queue; of a command of a history, as it stands there. NULL where it was
 * neither sent by this program nor found in a history.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
 * is freed. NULL for NULL. Does not block.
 */
const char *acclient_command_dump(const acclient_command *command,
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
 * The name of a stage, like "in queue"; "unknown stage" for a number that is none. Never NULL, valid
 * for ever, from any thread. Does not block.
 */
const char *acclient_stage_name(int32_t stage);

/**
 * How far a command got, on each agent, as well as can be found out: reads what Redis has, looks
 * through the queue, and asks the agents that are said to run it whether they do.
 *
 * command: not NULL.
 * timeout_ms: milliseconds; agents that do not answer within that are ACCLIENT_STAGE_UNKNOWN. Below 0
 *   for ever, where agents have the client's own time; 0 is refused.
 * cancel: ends the call early; may be NULL.
 * progress: gets it; the caller frees it with acclient_progress_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread, also while another one waits with the command. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_PROTOCOL for a result that cannot be read, and those of
 * acclient_client_ping().
 */
acclient_status acclient_command_progress(const acclient_command *command,
                                          int64_t timeout_ms,
                                          const acclient_cancel *cancel,
                                          acclient_progress **progress,
                                          acclient_error **error);

/**
 * Takes a command back if no controller has taken it yet: then it never ran, and never will. Looks for
 * exactly what was pushed, or, where it was not sent by this program, through the queue for its id.
 *
 * command: not NULL.
 * timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * retracted: gets whether it was still in the queue; false: it may run or have run. May be NULL.
 * error: gets the error; may be NULL.
 * From any thread, also while another one waits with the command. Blocks.
 * Errors: ACCLIENT_MAYBE_SENT where the connection broke as it was taken back, and it is not known
 * whether it was; ACCLIENT_INVALID_ARGUMENT; those of acclient_client_ping().
 */
acclient_status acclient_command_retract(const acclient_command *command,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         bool *retracted,
                                         acclient_error **error);

/**
 * How far the command got as a whole: one of ACCLIENT_STAGE_... As long as no agent is known, it is in
 * the queue, lost or unknown; then that of the agent that is least far. 0 for NULL. Later versions may
 * add some. Does not block.
 */
int32_t acclient_progress_stage(const acclient_progress *progress);

/**
 * How many agents the command went to, as far as it is known. 0 for NULL. Does not block.
 */
size_t acclient_progress_count(const acclient_progress *progress);

/**
 * The grid of the agent at an index. 0 beyond the last, for NULL, and where no agent matched a target,
 * which the agent 0:0 stands for. Does not block.
 */
int64_t acclient_progress_gid(const acclient_progress *progress,
                              size_t index);

/**
 * The number of the agent at an index, in its grid; 0 as for acclient_progress_gid(). Does not block.
 */
int64_t acclient_progress_nid(const acclient_progress *progress,
                              size_t index);

/**
 * How far the command got on the agent at an index: one of ACCLIENT_STAGE_... 0 beyond the last, and
 * for NULL. Does not block.
 */
int32_t acclient_progress_stage_at(const acclient_progress *progress,
                                   size_t index);

/**
 * Frees it. NULL is a no-op. Does not block.
 */
void acclient_progress_free(acclient_progress *progress);

/**
 * The results of a command that its handle has not returned yet; what is given here does not count
 * there. Nothing is waited for yet.
 *
 * command: not NULL.
 * timeout_ms: milliseconds from now for all results; below 0 for ever, 0 is refused.
 * cancel: ends a wait for the next result, and all later ones; may be NULL. It need not outlive
 *   this call.
 * results: gets the results, which the caller frees with acclient_results_free(); not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time for the command. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT (also for a wait for ever on a recurring command),
 * ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE.
 */
acclient_status acclient_command_results(const acclient_command *command,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_results **results,
                                         acclient_error **error);

/**
 * The results of several commands, in order of completion, each once; acclient_job_id() tells the
 * command. Parameters and errors as acclient_command_results(), and:
 *
 * client: not NULL.
 * commands, commands_count: the commands, none of them NULL; commands may be NULL if
 *   commands_count is 0.
 */
acclient_status acclient_client_wait_any(const acclient_client *client,
                                         const acclient_command *const *commands,
                                         size_t commands_count,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_results **results,
                                         acclient_error **error);

/**
 * Waits for the next result. A job that failed is a result like any other.
 *
 * An error for which acclient_error_agent() is true is about that agent, and the results go on:
 * ACCLIENT_TIMEOUT, after the deadline, once for each agent that did not answer; ACCLIENT_PROTOCOL
 * where its result cannot be read; ACCLIENT_NO_SUCH_AGENT where the controller knew no agent. After
 * the deadline there is also one ACCLIENT_TIMEOUT for each command that no controller has routed.
 * Any other error ends the results.
 *
 * results: not NULL.
 * job: gets the job, which the caller frees with acclient_job_free(); NULL with ACCLIENT_OK when
 *   there is none left. Not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time. Blocks until the deadline of the results at most.
 * Errors: those above, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE,
 * ACCLIENT_POOL_EXHAUSTED, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER, ACCLIENT_SYSTEM,
 * ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_results_next(const acclient_results *results,
                                      acclient_job **job,
                                      acclient_error **error);

/**
 * How many agents have not answered, as far as it is known yet whom the commands went to. 0 for
 * NULL, and while another thread waits. Does not block.
 */
size_t acclient_results_remaining(const acclient_results *results);

/**
 * How it waits: one of the numbers ACCLIENT_WAIT_...; 0 before the first result was asked for, after
 * the last, for NULL, and while another thread waits. Does not block.
 */
int32_t acclient_results_method(const acclient_results *results);

/**
 * Frees the results and their connection; the jobs go on. NULL is a no-op. Does not block, unless
 * it holds the last of a client that was freed: see acclient_client_free().
 */
void acclient_results_free(acclient_results *results);

/**
 * Sends a command to all agents of its target, some at a time: the next batch begins when all of the
 * last have answered, and none where too many have failed. Each agent gets a command of its own, whose
 * id acclient_job_id() tells. A target with roles means the agents that have them now. Nothing is sent
 * before the first acclient_rollout_next().
 *
 * request: not NULL; for one agent or for all that match, without an id of your own.
 * batch: so many agents at a time; 0 where percent says it.
 * percent: so many per cent of the agents at a time, 1 to 100, and one agent at least; 0 where batch
 *   says it. One of the two is set.
 * stop_after: begins no other batch after so many failures: jobs that end in another state than
 *   SUCCESS, and errors that acclient_rollout_next() gives. 0: never stops.
 * sample: only so many of the agents, chosen at random. 0: all of them, in the order of their numbers.
 * timeout_ms: milliseconds from now for all of it; below 0 for ever, 0 is refused.
 * cancel: ends this call, and all later ones for the rollout; may be NULL. It need not outlive this
 *   call.
 * rollout: gets the rollout, which the caller frees with acclient_rollout_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks until the controller has said which agents there are, within timeout_ms and
 * the client's own time; for one agent it does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT (also for a wait for ever on a recurring command),
 * ACCLIENT_NO_SUCH_AGENT where no agent matches, ACCLIENT_UNKNOWN_COMMAND from a controller that does
 * not tell its agents, ACCLIENT_TIMEOUT where none answers, and those of acclient_request_submit().
 */
acclient_status acclient_request_rollout(const acclient_request *request,
                                         int64_t batch,
                                         int64_t percent,
                                         int64_t stop_after,
                                         int64_t sample,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_rollout **rollout,
                                         acclient_error **error);

/**
 * Waits for the next result, and sends the next batch where all of the last have answered. A job that
 * failed is a result like any other. While Redis is away it is tried again until the deadline.
 *
 * An error for which acclient_error_agent() is true is about that agent, and the rollout goes on, as
 * with acclient_results_next(). So does a command that Redis did not confirm, and that may run or not
 * (acclient_error_is_maybe_sent()), but no other batch begins beside it. Any other error is the last:
 * the agents that are left got nothing. Each error is a failure.
 *
 * rollout: not NULL.
 * job: gets the job, which the caller frees with acclient_job_free(); NULL with ACCLIENT_OK when
 *   there is none left, or the rollout is stopped: see acclient_rollout_is_stopped(). Not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time. Blocks until the deadline of the rollout at most.
 * Errors: those above, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE,
 * ACCLIENT_POOL_EXHAUSTED, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER, ACCLIENT_SYSTEM,
 * ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_rollout_next(const acclient_rollout *rollout,
                                      acclient_job **job,
                                      acclient_error **error);

/**
 * How many agents it is for, whether they have got their command yet or not. 0 for NULL. From any
 * thread. Does not block.
 */
size_t acclient_rollout_agent_count(const acclient_rollout *rollout);

/**
 * The grid of the agent at an index, of those that it is for. 0 beyond the last, and for NULL. From any
 * thread. Does not block.
 */
int64_t acclient_rollout_agent_gid(const acclient_rollout *rollout,
                                   size_t index);

/**
 * The number of the agent at an index, in its grid; 0 as for acclient_rollout_agent_gid(). From any
 * thread. Does not block.
 */
int64_t acclient_rollout_agent_nid(const acclient_rollout *rollout,
                                   size_t index);

/**
 * How many agents get the command at a time; the last batch may have fewer. 0 for NULL. From any
 * thread. Does not block.
 */
size_t acclient_rollout_batch_size(const acclient_rollout *rollout);

/**
 * How many agents are left to which nothing was sent, and is not if nobody asks for another result. 0
 * for NULL, and while another thread waits. Does not block.
 */
size_t acclient_rollout_not_started_count(const acclient_rollout *rollout);

/**
 * The grid of the agent at an index, of those whose turn has not come. 0 beyond the last, for NULL,
 * and while another thread waits. Does not block.
 */
int64_t acclient_rollout_not_started_gid(const acclient_rollout *rollout,
                                         size_t index);

/**
 * The number of the agent at an index, in its grid; 0 as for acclient_rollout_not_started_gid(). Does
 * not block.
 */
int64_t acclient_rollout_not_started_nid(const acclient_rollout *rollout,
                                         size_t index);

/**
 * How many commands were sent and have no result yet among those that were taken. 0 before the first
 * acclient_rollout_next(), once all have answered, for NULL, and while another thread waits. Does not
 * block.
 *
 * Whatever has ended the rollout, it goes on telling them, so that they can be killed or come back to:
 * an agent that did not answer by the deadline may still be at work, and so may one whose command Redis
 * did not confirm (acclient_error_is_maybe_sent()). A command that surely was not sent is not among
 * them, and neither is one whose result cannot be read.
 */
size_t acclient_rollout_in_flight_count(const acclient_rollout *rollout);

/**
 * The command at an index, of those that acclient_rollout_in_flight_count() counts, in the order of
 * their agents: for acclient_command_kill(), acclient_command_retract(), or to come back to by its
 * printed form. acclient_command_target() tells the agent.
 *
 * rollout: not NULL.
 * index: below acclient_rollout_in_flight_count(). Taking another result may change which command
 *   stands where.
 * command: gets the command, which the caller frees with acclient_command_free(); not NULL. It
 *   outlives the rollout, and neither its time nor its token ends calls of the command. One that Redis
 *   did not confirm does not tell what was sent (acclient_command_cmd() and the like).
 * error: gets the error; may be NULL.
 * One thread at a time. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, also for an index beyond the last, and while another thread
 * waits.
 */
acclient_status acclient_rollout_in_flight_command(const acclient_rollout *rollout,
                                                   size_t index,
                                                   acclient_command **command,
                                                   acclient_error **error);

/**
 * How many have failed so far, among the results and errors that were taken. 0 for NULL, and while
 * another thread waits. Does not block.
 */
size_t acclient_rollout_failures(const acclient_rollout *rollout);

/**
 * Whether it begins no other batch, though there are agents left: since so many have failed, or its
 * time is over, or it was ended. False for NULL, and while another thread waits. Does not block.
 */
bool acclient_rollout_is_stopped(const acclient_rollout *rollout);

/**
 * Frees the rollout and its connection; jobs that have begun go on, and no other batch begins. NULL is
 * a no-op. Does not block, unless it holds the last of a client that was freed: see
 * acclient_client_free().
 */
void acclient_rollout_free(acclient_rollout *rollout);

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
 * The document byte for byte, where it held something that is no text: bytes that are no UTF-8, or
 * an escape that is half of a surrogate pair. Each stands as U+FFFD in all other texts of the job.
 * NULL for all other documents; for those see acclient_job_dump.
 * Its length goes to *length, which may be NULL; a NUL follows. Borrowed until the job is freed. NULL
 * for NULL. Does not block.
 */
const char *acclient_job_raw(const acclient_job *job,
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
 * Reads again how the job stands, as a job of its own: handles that others read do not change.
 *
 * job: not NULL.
 * timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * refreshed: gets the job, which the caller frees with acclient_job_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_PROTOCOL where it cannot be read or is gone, ACCLIENT_INVALID_ARGUMENT, and those of
 * acclient_client_ping().
 */
acclient_status acclient_job_refresh(const acclient_job *job,
                                     int64_t timeout_ms,
                                     const acclient_cancel *cancel,
                                     acclient_job **refreshed,
                                     acclient_error **error);

/**
 * Waits until the job is over, and reads its result as a job of its own. Returns at once where it is
 * over already.
 *
 * job: not NULL.
 * timeout_ms: milliseconds; below 0 for ever, 0 looks once.
 * cancel: ends the call early; may be NULL.
 * ended: gets the job, which the caller frees with acclient_job_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_command_next_result().
 */
acclient_status acclient_job_wait(const acclient_job *job,
                                  int64_t timeout_ms,
                                  const acclient_cancel *cancel,
                                  acclient_job **ended,
                                  acclient_error **error);

/**
 * Frees the job and all that was borrowed from it. NULL is a no-op. Blocks only where it holds the
 * last of a client that was freed: see acclient_client_free().
 */
void acclient_job_free(acclient_job *job);

/**
 * Commands of the past: count of them, after start that are more recent still. Only controllers
 * older than the original of 2016 keep a history.
 *
 * client: not NULL.
 * count: 1 to 10000.
 * timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * commands: gets the list, which the caller frees with acclient_commands_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_UNSUPPORTED where there is no history, ACCLIENT_PROTOCOL for an entry that cannot be
 * read, ACCLIENT_INVALID_ARGUMENT, and those of acclient_client_ping().
 */
acclient_status acclient_client_get_cmds(const acclient_client *client,
                                         uint32_t start,
                                         uint32_t count,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_commands **commands,
                                         acclient_error **error);

/**
 * How many commands there are. 0 for NULL. Does not block.
 */
size_t acclient_commands_count(const acclient_commands *commands);

/**
 * The command at an index, borrowed until the list is freed; NULL beyond the last, and for NULL. Does
 * not block.
 */
const acclient_command *acclient_commands_at(const acclient_commands *commands,
                                             size_t index);

/**
 * Frees the list and its commands; the jobs go on. NULL is a no-op. Blocks only where it holds the
 * last of a client that was freed: see acclient_client_free().
 */
void acclient_commands_free(acclient_commands *commands);

/**
 * The job of every agent that a command went to, as it stands now: running or over. None while no
 * controller has routed it.
 *
 * command: not NULL.
 * timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * jobs: gets the list, which the caller frees with acclient_jobs_free(); not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time for the command. Blocks.
 * Errors: ACCLIENT_PROTOCOL for a result that cannot be read, ACCLIENT_INVALID_ARGUMENT, and those of
 * acclient_client_ping().
 */
acclient_status acclient_command_jobs(const acclient_command *command,
                                      int64_t timeout_ms,
                                      const acclient_cancel *cancel,
                                      acclient_jobs **jobs,
                                      acclient_error **error);

/**
 * How many jobs there are. 0 for NULL. Does not block.
 */
size_t acclient_jobs_count(const acclient_jobs *jobs);

/**
 * The job at an index, borrowed until the list is freed; NULL beyond the last, and for NULL. Does not
 * block.
 */
const acclient_job *acclient_jobs_at(const acclient_jobs *jobs,
                                     size_t index);

/**
 * Frees the list and its jobs; what they stand for goes on. NULL is a no-op. Blocks only where it
 * holds the last of a client that was freed: see acclient_client_free().
 */
void acclient_jobs_free(acclient_jobs *jobs);

/**
 * As acclient_command_kill(), with what came of it for each agent.
 *
 * command: not NULL.
 * timeout_ms: milliseconds for the agents to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * outcomes: gets them, with no answers of interest; the caller frees them with
 *   acclient_outcomes_free(); not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time for the command. Blocks.
 * Errors: ACCLIENT_TIMEOUT where no controller has routed the command; those of
 * acclient_request_submit(). What is about one agent is in its outcome.
 */
acclient_status acclient_command_kill_everywhere(const acclient_command *command,
                                                 int64_t timeout_ms,
                                                 const acclient_cancel *cancel,
                                                 acclient_outcomes **outcomes,
                                                 acclient_error **error);

/**
 * What a command uses at this moment, on each agent: answers with the fields "cpu" (per cent), "rss",
 * "vms", "swap" (bytes), "cmd" and "debug". Parameters and errors as
 * acclient_command_kill_everywhere().
 */
acclient_status acclient_command_get_stats(const acclient_command *command,
                                           int64_t timeout_ms,
                                           const acclient_cancel *cancel,
                                           acclient_outcomes **outcomes,
                                           acclient_error **error);

/**
 * What a command has logged, on each agent: answers with a row for each message, newest first, with
 * the fields "data", "level", "epoch" (milliseconds since 1970) and "id". Parameters and errors as
 * acclient_command_kill_everywhere(), and:
 *
 * levels: "*" or numbers and ranges like "1,2,6-9"; NULL is "*".
 * limit: at most so many messages of each agent, 1 to 1000.
 * from_ms, to_ms: logged between these times, in milliseconds since 1970; below 0 is no limit.
 */
acclient_status acclient_command_get_msgs(const acclient_command *command,
                                          const char *levels,
                                          uint32_t limit,
                                          int64_t from_ms,
                                          int64_t to_ms,
                                          int64_t timeout_ms,
                                          const acclient_cancel *cancel,
                                          acclient_outcomes **outcomes,
                                          acclient_error **error);

/**
 * The jobs that every agent of every grid runs at this moment: answers as
 * acclient_client_get_processes() gives them.
 *
 * client: not NULL.
 * domain, name: only processes started with these; NULL for all.
 * timeout_ms: milliseconds for the agents to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * outcomes: gets them; the caller frees them with acclient_outcomes_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_submit(). What is about one agent is in its outcome.
 */
acclient_status acclient_client_get_all_processes(const acclient_client *client,
                                                  const char *domain,
                                                  const char *name,
                                                  int64_t timeout_ms,
                                                  const acclient_cancel *cancel,
                                                  acclient_outcomes **outcomes,
                                                  acclient_error **error);

/**
 * How many agents there are outcomes of. 0 for NULL. Does not block.
 */
size_t acclient_outcomes_count(const acclient_outcomes *outcomes);

/**
 * Grid id of the agent at an index; 0 beyond the last, and for NULL. Does not block.
 */
int64_t acclient_outcomes_gid(const acclient_outcomes *outcomes,
                              size_t index);

/**
 * Node id of the agent at an index; 0 beyond the last, and for NULL. Does not block.
 */
int64_t acclient_outcomes_nid(const acclient_outcomes *outcomes,
                              size_t index);

/**
 * What came of it for the agent at an index: one of the numbers ACCLIENT_OUTCOME_...; 0 beyond the
 * last, and for NULL. Does not block.
 */
int32_t acclient_outcomes_kind(const acclient_outcomes *outcomes,
                               size_t index);

/**
 * The answer of the agent at an index, borrowed until the outcomes are freed; NULL unless it is
 * ACCLIENT_OUTCOME_DONE. Does not block.
 */
const acclient_answer *acclient_outcomes_answer(const acclient_outcomes *outcomes,
                                                size_t index);

/**
 * The job of the agent at an index, borrowed until the outcomes are freed; NULL unless it is
 * ACCLIENT_OUTCOME_OVER. Does not block.
 */
const acclient_job *acclient_outcomes_job(const acclient_outcomes *outcomes,
                                          size_t index);

/**
 * Why the agent at an index gave no answer, borrowed until the outcomes are freed; NULL unless it
 * is ACCLIENT_OUTCOME_FAILED. Does not block.
 */
const acclient_error *acclient_outcomes_error(const acclient_outcomes *outcomes,
                                              size_t index);

/**
 * Frees outcomes and all that was borrowed from them. NULL is a no-op. Blocks only where they hold
 * the last of a client that was freed: see acclient_client_free().
 */
void acclient_outcomes_free(acclient_outcomes *outcomes);

/**
 * The JSON, letter for letter. NUL-terminated UTF-8; its length goes to *length, which may be NULL.
 * Borrowed until the answer is freed. NULL for NULL. Does not block.
 */
const char *acclient_answer_json(const acclient_answer *answer,
                                 size_t *length);

/**
 * How many rows it has. 0 for NULL. Does not block.
 */
size_t acclient_answer_count(const acclient_answer *answer);

/**
 * A field of a row as text: a string as it is, anything else as JSON. Fields of fields have dots
 * between, like "cmd.id"; items of lists are numbers, like "addrs.0.addr"; "" is the whole row.
 * NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the answer is
 * freed. NULL where there is no such field, where it is null, and for NULL. Does not block.
 */
const char *acclient_answer_text(const acclient_answer *answer,
                                 size_t row,
                                 const char *field,
                                 size_t *length);

/**
 * A field of a row as a whole number. 0 where there is no such field, where it is no number, and
 * for NULL; acclient_answer_text() tells these apart. Does not block.
 */
int64_t acclient_answer_int(const acclient_answer *answer,
                            size_t row,
                            const char *field);

/**
 * A field of a row as a number. 0 where there is no such field, where it is no number, and for
 * NULL; acclient_answer_text() tells these apart. Does not block.
 */
double acclient_answer_double(const acclient_answer *answer,
                              size_t row,
                              const char *field);

/**
 * Frees an answer and all that was borrowed from it. NULL is a no-op. Does not block.
 */
void acclient_answer_free(acclient_answer *answer);

/**
 * Follows the log of a job until it is over and its log has settled. Nothing is asked yet.
 *
 * job: not NULL.
 * levels: "*" or numbers and ranges like "1,2,6-9"; NULL is "*".
 * timeout_ms: milliseconds from now for all messages; below 0 for ever, 0 is refused.
 * cancel: ends a wait for the next message, and all later ones; may be NULL. It need not outlive this
 *   call.
 * follow: gets the handle, which the caller frees with acclient_follow_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block.
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE.
 */
acclient_status acclient_job_follow(const acclient_job *job,
                                    const char *levels,
                                    int64_t timeout_ms,
                                    const acclient_cancel *cancel,
                                    acclient_follow **follow,
                                    acclient_error **error);

/**
 * Waits for the next message.
 *
 * follow: not NULL.
 * message: gets one row, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id",
 *   which the caller frees with acclient_answer_free(); NULL with ACCLIENT_OK when the job is over and
 *   its log has settled. Not NULL.
 * error: gets the error; may be NULL.
 * One thread at a time. Blocks until the deadline at most.
 * Errors: ACCLIENT_PROTOCOL where messages were missed, after which it goes on: the agent gives its
 * newest thousand, and a job that logs more between two looks outruns them. Others end it:
 * ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, and those of acclient_request_run().
 */
acclient_status acclient_follow_next(const acclient_follow *follow,
                                     acclient_answer **message,
                                     acclient_error **error);

/**
 * Frees the handle; the job goes on. NULL is a no-op. Blocks only where it holds the last of a client
 * that was freed: see acclient_client_free().
 */
void acclient_follow_free(acclient_follow *follow);

/**
 * The processors of an agent's machine: a row each, with the fields "cpu", "vendor_id", "family",
 * "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz", "cache_size" (KiB) and
 * "flags".
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
 * ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
 */
acclient_status acclient_client_get_cpu_info(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_answer **answer,
                                             acclient_error **error);

/**
 * The mounted file systems of an agent's machine: a row each, with the fields "device",
 * "mountpoint", "fstype" and "opts".
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
 * ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
 */
acclient_status acclient_client_get_disk_info(const acclient_client *client,
                                              int64_t gid,
                                              int64_t nid,
                                              int64_t timeout_ms,
                                              const acclient_cancel *cancel,
                                              acclient_answer **answer,
                                              acclient_error **error);

/**
 * The memory of an agent's machine: one row, with the fields "total", "available", "used", "free",
 * "active", "inactive", "buffers", "cached", "wired", "shared" (bytes) and "used_percent".
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
 * ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
 */
acclient_status acclient_client_get_mem_info(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_answer **answer,
                                             acclient_error **error);

/**
 * The network interfaces of an agent's machine: a row each, with the fields "mtu", "name",
 * "hardwareaddr", "flags" and "addrs" ("addrs.0.addr" is the first address).
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
 * ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
 */
acclient_status acclient_client_get_nic_info(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_answer **answer,
                                             acclient_error **error);

/**
 * The operating system of an agent's machine: one row, with the fields "hostname", "uptime"
 * (seconds), "boot_time" (seconds since 1970), "procs", "os", "platform", "platform_family",
 * "platform_version", "virtualization_system" and "virtualization_role".
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
 * ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
 */
acclient_status acclient_client_get_os_info(const acclient_client *client,
                                            int64_t gid,
                                            int64_t nid,
                                            int64_t timeout_ms,
                                            const acclient_cancel *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * What an agent and all its jobs use together: one row, with the fields "cpu" (per cent), "rss",
 * "vms" and "swap" (bytes).
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
 * ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
 */
acclient_status acclient_client_get_aggregated_stats(const acclient_client *client,
                                                     int64_t gid,
                                                     int64_t nid,
                                                     int64_t timeout_ms,
                                                     const acclient_cancel *cancel,
                                                     acclient_answer **answer,
                                                     acclient_error **error);

/**
 * The jobs that an agent runs at this moment, this question included: a row each, with the fields
 * "cmd" ("cmd.id", "cmd.cmd", ...), "cpu" (per cent), "rss", "vms", "swap" (bytes) and "debug".
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * domain, name: only processes started with these; NULL for all.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_processes(const acclient_client *client,
                                              int64_t gid,
                                              int64_t nid,
                                              const char *domain,
                                              const char *name,
                                              int64_t timeout_ms,
                                              const acclient_cancel *cancel,
                                              acclient_answer **answer,
                                              acclient_error **error);

/**
 * What a job has logged on an agent, by its id: a row for each message, newest first, with the
 * fields "data", "level", "epoch" (milliseconds since 1970) and "id". A job that the agent does not
 * know has none. The agent logs a little behind.
 *
 * client, id: not NULL.
 * gid, nid: the agent; both above 0.
 * levels: "*" or numbers and ranges like "1,2,6-9"; NULL is "*".
 * limit: at most so many messages, 1 to 1000.
 * from_ms, to_ms: logged between these times, in milliseconds since 1970; below 0 is no limit.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_get_msgs(const acclient_client *client,
                                         int64_t gid,
                                         int64_t nid,
                                         const char *id,
                                         const char *levels,
                                         uint32_t limit,
                                         int64_t from_ms,
                                         int64_t to_ms,
                                         int64_t timeout_ms,
                                         const acclient_cancel *cancel,
                                         acclient_answer **answer,
                                         acclient_error **error);

/**
 * The agents that the controller knows at this moment: a row each, with the fields "gid", "nid" and
 * "roles" ("roles.0" is the first). A dead one stays in the list for up to 30 s.
 *
 * client: not NULL.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_TIMEOUT where no controller drains the queue, ACCLIENT_UNKNOWN_COMMAND from one that
 * does not offer it, and those of acclient_request_run().
 */
acclient_status acclient_client_list_agents(const acclient_client *client,
                                            int64_t timeout_ms,
                                            const acclient_cancel *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * Looks at everything that a command needs on its way, and says what is wrong: whether Redis can be
 * reached, takes the login, and what it can do; whether a controller drains the queue; which agents
 * answer, and how far behind they are. It sends the commands "list_agents" and "ping". A row for each
 * check, in the order of the way that a command takes, with the fields "name" ("redis", "login",
 * "queue", "agent 1:2", ...), "verdict" ("good", "weak" or "bad"), "found", and "advice", which is
 * empty where nothing is to be done. Later versions may look at more.
 *
 * client: not NULL. One of acclient_client_build() looks at a Redis that cannot be reached.
 * timeout_ms: milliseconds for all of it; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE. What
 * is wrong with the grid is in the answer.
 */
acclient_status acclient_client_doctor(const acclient_client *client,
                                       int64_t timeout_ms,
                                       const acclient_cancel *cancel,
                                       acclient_answer **answer,
                                       acclient_error **error);

/**
 * Asks an agent for a sign of life.
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: as acclient_client_get_cpu_info().
 */
acclient_status acclient_client_ping_agent(const acclient_client *client,
                                           int64_t gid,
                                           int64_t nid,
                                           int64_t timeout_ms,
                                           const acclient_cancel *cancel,
                                           acclient_error **error);

/**
 * What a running job uses at this moment: one row, with the fields "cpu" (per cent), "rss", "vms",
 * "swap" (bytes), "cmd" and "debug".
 *
 * job: not NULL.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_JOB_FAILED where it does not run any more, or not yet; those of
 * acclient_request_run().
 */
acclient_status acclient_job_get_stats(const acclient_job *job,
                                       int64_t timeout_ms,
                                       const acclient_cancel *cancel,
                                       acclient_answer **answer,
                                       acclient_error **error);

/**
 * What a job has logged. Rows, levels, limit, from_ms and to_ms as acclient_client_get_msgs().
 *
 * job: not NULL.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: as acclient_client_get_cpu_info().
 */
acclient_status acclient_job_get_msgs(const acclient_job *job,
                                      const char *levels,
                                      uint32_t limit,
                                      int64_t from_ms,
                                      int64_t to_ms,
                                      int64_t timeout_ms,
                                      const acclient_cancel *cancel,
                                      acclient_answer **answer,
                                      acclient_error **error);

/**
 * Kills a job, with all its processes, and returns once its agent has taken the order; its result,
 * usually KILLED, follows.
 *
 * job: not NULL.
 * timeout_ms: milliseconds for the agent to answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_TIMEOUT for an agent that is away, or busy with an earlier kill of the same job;
 * those of acclient_request_run().
 */
acclient_status acclient_job_kill(const acclient_job *job,
                                  int64_t timeout_ms,
                                  const acclient_cancel *cancel,
                                  acclient_error **error);

/**
 * Has the controller send a command at certain times, each time with a new id. One of the same id is
 * replaced.
 *
 * client, id: not NULL; id not empty.
 * cron: five or six fields beginning with seconds, like "0 30 3 * * *", or "@every 1h"; not NULL.
 * request: the command; not NULL.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT for what the controller would not understand (nothing was sent),
 * ACCLIENT_JOB_FAILED where it refuses, and those of acclient_request_run().
 */
acclient_status acclient_client_schedule_add(const acclient_client *client,
                                             const char *id,
                                             const char *cron,
                                             const acclient_request *request,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_error **error);

/**
 * What is scheduled, in the order of ids: a row each, with the fields "id", "cron" and "cmd"
 * ("cmd.cmd", "cmd.gid", ...).
 *
 * client: not NULL.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_run().
 */
acclient_status acclient_client_schedule_list(const acclient_client *client,
                                              int64_t timeout_ms,
                                              const acclient_cancel *cancel,
                                              acclient_answer **answer,
                                              acclient_error **error);

/**
 * Takes a command off the schedule.
 *
 * client, id: not NULL.
 * removed: gets whether there was one of that id; may be NULL.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_run().
 */
acclient_status acclient_client_schedule_remove(const acclient_client *client,
                                                const char *id,
                                                bool *removed,
                                                int64_t timeout_ms,
                                                const acclient_cancel *cancel,
                                                acclient_error **error);

/**
 * Takes all commands whose ids begin with a prefix off the schedule.
 *
 * client, prefix: not NULL; an empty prefix is all.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_run().
 */
acclient_status acclient_client_schedule_remove_prefix(const acclient_client *client,
                                                       const char *prefix,
                                                       int64_t timeout_ms,
                                                       const acclient_cancel *cancel,
                                                       acclient_error **error);

/**
 * A tunnel to be opened or closed.
 *
 * local: the port that the agent listens on; 0 lets it choose one.
 * gateway: where it comes out: an agent as "gid.nid", or "controller"; not NULL.
 * ip, remote: address (a number) and port to connect to from there; ip not NULL.
 * tunnel: gets the tunnel, which the caller frees with acclient_tunnel_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Does not block: nothing is opened yet.
 * Errors: ACCLIENT_INVALID_ARGUMENT.
 */
acclient_status acclient_tunnel_new(uint16_t local,
                                    const char *gateway,
                                    const char *ip,
                                    uint16_t remote,
                                    acclient_tunnel **tunnel,
                                    acclient_error **error);

/**
 * The port that the agent listens on; the real one after acclient_client_tunnel_open(). 0 for NULL.
 * Does not block.
 */
uint16_t acclient_tunnel_local(const acclient_tunnel *tunnel);

/**
 * The port that it connects to. 0 for NULL. Does not block.
 */
uint16_t acclient_tunnel_remote(const acclient_tunnel *tunnel);

/**
 * Where it comes out: "gid.nid" or "controller". NUL-terminated UTF-8; its length goes to *length,
 * which may be NULL. Borrowed until the tunnel is freed. NULL for NULL. Does not block.
 */
const char *acclient_tunnel_gateway(const acclient_tunnel *tunnel,
                                    size_t *length);

/**
 * The address that it connects to. NUL-terminated UTF-8; its length goes to *length, which may be
 * NULL. Borrowed until the tunnel is freed. NULL for NULL. Does not block.
 */
const char *acclient_tunnel_ip(const acclient_tunnel *tunnel,
                               size_t *length);

/**
 * Frees the value; an open tunnel stays open. NULL is a no-op. Does not block.
 */
void acclient_tunnel_free(acclient_tunnel *tunnel);

/**
 * Opens a tunnel from a port of an agent's machine.
 *
 * client, tunnel: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * opened: gets the tunnel with its real port, which the caller frees with acclient_tunnel_free(), and
 *   closes with acclient_client_tunnel_close(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: ACCLIENT_INVALID_ARGUMENT (also for a remote port of 0 and a tunnel of an agent to itself),
 * ACCLIENT_JOB_FAILED where the agent cannot open it, which does not say why, and where it is to
 * choose the port of a tunnel that it has in its list already, which it opens no second time; those of
 * acclient_request_run().
 */
acclient_status acclient_client_tunnel_open(const acclient_client *client,
                                            int64_t gid,
                                            int64_t nid,
                                            const acclient_tunnel *tunnel,
                                            int64_t timeout_ms,
                                            const acclient_cancel *cancel,
                                            acclient_tunnel **opened,
                                            acclient_error **error);

/**
 * Closes a tunnel: the one that acclient_client_tunnel_open() gave, or one made from a row of
 * acclient_client_tunnel_list(). One that is not open is no error. An agent goes on listing a tunnel
 * whose port it chose.
 *
 * client, tunnel: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_run().
 */
acclient_status acclient_client_tunnel_close(const acclient_client *client,
                                             int64_t gid,
                                             int64_t nid,
                                             const acclient_tunnel *tunnel,
                                             int64_t timeout_ms,
                                             const acclient_cancel *cancel,
                                             acclient_error **error);

/**
 * The tunnels from an agent's machine: a row each, with the fields "local", "gateway", "ip" and
 * "remote".
 *
 * client: not NULL.
 * gid, nid: the agent; both above 0.
 * timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
 * cancel: ends the call early; may be NULL.
 * answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
 * error: gets the error; may be NULL.
 * From any thread. Blocks.
 * Errors: those of acclient_request_run().
 */
acclient_status acclient_client_tunnel_list(const acclient_client *client,
                                            int64_t gid,
                                            int64_t nid,
                                            int64_t timeout_ms,
                                            const acclient_cancel *cancel,
                                            acclient_answer **answer,
                                            acclient_error **error);

/**
 * Opens a tunnel from a port of the controller's machine. Parameters and errors as
 * acclient_client_tunnel_open(), and ACCLIENT_UNSUPPORTED from a controller that does not offer it,
 * like the original one.
 */
acclient_status acclient_client_reverse_tunnel_open(const acclient_client *client,
                                                    const acclient_tunnel *tunnel,
                                                    int64_t timeout_ms,
                                                    const acclient_cancel *cancel,
                                                    acclient_tunnel **opened,
                                                    acclient_error **error);

/**
 * Closes a tunnel from a port of the controller's machine. Parameters and errors as
 * acclient_client_tunnel_close(), and ACCLIENT_UNSUPPORTED.
 */
acclient_status acclient_client_reverse_tunnel_close(const acclient_client *client,
                                                     const acclient_tunnel *tunnel,
                                                     int64_t timeout_ms,
                                                     const acclient_cancel *cancel,
                                                     acclient_error **error);

/**
 * The tunnels from the controller's machine. Parameters and errors as acclient_client_tunnel_list(),
 * and ACCLIENT_UNSUPPORTED.
 */
acclient_status acclient_client_reverse_tunnel_list(const acclient_client *client,
                                                    int64_t timeout_ms,
                                                    const acclient_cancel *cancel,
                                                    acclient_answer **answer,
                                                    acclient_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ACCLIENT_H */
