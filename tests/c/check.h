/* Helpers of the C tests. The first check that fails prints its location and ends the program.
 *
 * EXPECT and FAILS require a variable `acclient_error *error` in the calling function.
 */
#ifndef CHECK_H
#define CHECK_H

#include <acclient.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Value of out parameters before a call, to detect whether the call sets them. */
#define GARBAGE ((void *)(uintptr_t)0xdead0)

/* Ends this process at once, including a forked child. */
static inline void give_up(const char *file, int line, const char *what,
                           const acclient_error *error) {
    const char *message = acclient_error_message(error, NULL);
    fprintf(stderr, "%s:%d: FAILED: %s (errno: %s)\n", file, line, what, strerror(errno));
    if (message != NULL) {
        fprintf(stderr, "    %s: %s\n", acclient_status_name(acclient_error_status(error)),
                message);
    }
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

/* Checks a condition. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            give_up(__FILE__, __LINE__, #condition, NULL);                                         \
        }                                                                                          \
    } while (0)

/* Prints what is tested next. */
#define SAY(...) (printf(__VA_ARGS__), putchar('\n'))

/* Checks the status of a call, and that it returned an error object if and only if it failed. */
static inline void check_status(const char *file, int line, const char *call,
                                acclient_status expected, acclient_status actual,
                                const acclient_error *error) {
    char what[600];
    if (actual != expected) {
        snprintf(what, sizeof what, "%.400s is %s and not %s", call, acclient_status_name(actual),
                 acclient_status_name(expected));
        give_up(file, line, what, actual == ACCLIENT_OK || error == GARBAGE ? NULL : error);
    }
    if (actual == ACCLIENT_OK) {
        if (error != NULL) {
            give_up(file, line, "error is NULL after success", NULL);
        }
        return;
    }
    if (error == NULL || error == GARBAGE) {
        give_up(file, line, "there is an error object", NULL);
    }
    size_t length = 0;
    const char *message = acclient_error_message(error, &length);
    if (acclient_error_status(error) != expected || message == NULL || length == 0 ||
        length != strlen(message)) {
        give_up(file, line, "the error has the call's status, and a message with its length",
                error);
    }
}

/* Makes a call that sets `error`, which is kept for inspection. */
#define FAILS(expected, call)                                                                      \
    do {                                                                                           \
        error = GARBAGE;                                                                           \
        acclient_status status_of_call = (call);                                                   \
        check_status(__FILE__, __LINE__, #call, (expected), status_of_call, error);                \
    } while (0)

/* FAILS, and frees the error. */
#define EXPECT(expected, call)                                                                     \
    do {                                                                                           \
        FAILS(expected, call);                                                                     \
        acclient_error_free(error);                                                                \
        error = NULL;                                                                              \
    } while (0)

static inline int64_t milliseconds(clockid_t clock) {
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t now_ms(void) {
    return milliseconds(CLOCK_MONOTONIC);
}

/* How much later than its deadline a call may end. It tells calls that return from calls that hang,
 * on machines of any speed. */
#define LATE_MS 30000

/* How long a test waits for an event. */
#define LONG_MS 120000

/* Interval of a polling loop. */
static inline void pause_1ms(void) {
    struct timespec pause = {.tv_sec = 0, .tv_nsec = 1000000};
    nanosleep(&pause, NULL);
}

/* Waits for a condition. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        const int64_t wait_end = now_ms() + LONG_MS;                                               \
        while (!(condition)) {                                                                     \
            if (now_ms() > wait_end) {                                                             \
                give_up(__FILE__, __LINE__, "waiting until " #condition, NULL);                    \
            }                                                                                      \
            pause_1ms();                                                                           \
        }                                                                                          \
    } while (0)

/* Number of open descriptors of this process, or of its sockets only. */
static inline int descriptors(bool sockets_only) {
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        struct stat info;
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(directory)) {
            continue;
        }
        if (!sockets_only || (fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode))) {
            count++;
        }
    }
    closedir(directory);
    return count;
}

static inline long thread_id(void) {
    return syscall(SYS_gettid);
}

/* Whether a thread of this process sleeps in the kernel. */
static inline bool is_asleep(long thread) {
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", thread);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *state = strrchr(text, ')');
    return state != NULL && state[1] == ' ' && state[2] == 'S';
}

/* Waits until a thread was asleep in 20 polls in a row, which means that it is blocked. */
static inline void wait_until_asleep(const _Atomic long *thread) {
    int polls = 0;
    WAIT_UNTIL(*thread != 0 && (polls = is_asleep(*thread) ? polls + 1 : 0) == 20);
}

/* Checks a text without NULs and its length. */
static inline void check_text(const char *file, int line, const char *text, size_t length,
                              const char *expected) {
    if (text == NULL || length != strlen(text) || strcmp(text, expected) != 0) {
        char what[600];
        snprintf(what, sizeof what, "\"%.200s\" (length %zu) is \"%.200s\"",
                 text == NULL ? "(NULL)" : text, length, expected);
        give_up(file, line, what, NULL);
    }
}

/* Checks the text that an accessor returns, and that the length may be NULL. */
#define CHECK_TEXT(accessor, object, expected)                                                     \
    do {                                                                                           \
        size_t length_of_text = 12345;                                                             \
        const char *text_of_object = accessor(object, &length_of_text);                            \
        check_text(__FILE__, __LINE__, text_of_object, length_of_text, (expected));                \
        CHECK(accessor(object, NULL) == text_of_object);                                           \
    } while (0)

/* Checks that an accessor returns no text. */
#define CHECK_NO_TEXT(accessor, object)                                                            \
    do {                                                                                           \
        size_t length_of_text = 12345;                                                             \
        CHECK(accessor(object, &length_of_text) == NULL);                                          \
        CHECK(length_of_text == 0);                                                                \
        CHECK(accessor(object, NULL) == NULL);                                                     \
    } while (0)

/* Sends a program to one agent. */
static inline acclient_status execute(const acclient_client *client, int64_t gid, int64_t nid,
                                      const char *program, const char *const *args,
                                      size_t args_count, const char *data, size_t data_length,
                                      int64_t timeout_ms, const acclient_cancel_token *cancel,
                                      acclient_command **command, acclient_error **error) {
    acclient_target *target = NULL;
    acclient_request *request = NULL;
    CHECK(acclient_target_agent(gid, nid, &target, NULL) == ACCLIENT_OK);
    CHECK(acclient_request_execute(client, target, program, &request, NULL) == ACCLIENT_OK);
    for (size_t i = 0; i < args_count; i++) {
        CHECK(acclient_request_add_arg(request, args[i], NULL) == ACCLIENT_OK);
    }
    CHECK(acclient_request_set_data(request, data, data_length, NULL) == ACCLIENT_OK);
    const acclient_status status =
        acclient_request_submit(request, timeout_ms, cancel, command, error);
    acclient_request_free(request);
    acclient_target_free(target);
    return status;
}

/* Kills the jobs of a command on all agents, none of which may fail. */
static inline acclient_status kill_everywhere(const acclient_command *command, int64_t timeout_ms,
                                              const acclient_cancel_token *cancel,
                                              acclient_error **error) {
    acclient_outcomes *outcomes = NULL;
    const acclient_status status =
        acclient_command_kill(command, timeout_ms, cancel, &outcomes, error);
    const acclient_error *failure = acclient_outcomes_failure(outcomes);
    if (failure != NULL) {
        give_up(__FILE__, __LINE__, "every agent accepts the kill", failure);
    }
    acclient_outcomes_free(outcomes);
    return status;
}

/* Starts a rollout of a request; 0 leaves a setting unset. */
static inline acclient_status rollout_of(const acclient_request *request, int64_t agents,
                                         int64_t percent, int64_t stop_after, int64_t sample,
                                         int64_t timeout_ms, const acclient_cancel_token *cancel,
                                         acclient_rollout **rollout, acclient_error **error) {
    acclient_rollout_plan *plan = NULL;
    CHECK((agents > 0 ? acclient_rollout_plan_agents(agents, &plan, NULL)
                      : acclient_rollout_plan_percent(percent, &plan, NULL)) == ACCLIENT_OK);
    if (stop_after > 0) {
        CHECK(acclient_rollout_plan_set_stop_after(plan, stop_after, NULL) == ACCLIENT_OK);
    }
    if (sample > 0) {
        CHECK(acclient_rollout_plan_set_sample(plan, sample, NULL) == ACCLIENT_OK);
    }
    const acclient_status status =
        acclient_request_rollout(request, plan, timeout_ms, cancel, rollout, error);
    acclient_rollout_plan_free(plan);
    return status;
}

/* Query for messages of some levels, up to a limit. */
static inline acclient_msg_query *msg_query(const char *levels, uint32_t limit) {
    acclient_msg_query *query = NULL;
    CHECK(acclient_msg_query_new(&query, NULL) == ACCLIENT_OK);
    CHECK(acclient_msg_query_set_levels(query, levels, NULL) == ACCLIENT_OK);
    CHECK(acclient_msg_query_set_limit(query, limit, NULL) == ACCLIENT_OK);
    return query;
}

/* The numbers of an agent, separately. */
static inline int64_t job_gid(const acclient_job *job) {
    int64_t gid = -1;
    (void)acclient_job_agent(job, &gid, NULL);
    return gid;
}

static inline int64_t job_nid(const acclient_job *job) {
    int64_t nid = -1;
    (void)acclient_job_agent(job, NULL, &nid);
    return nid;
}

#define NUMBERS_OF_AGENTS(name, accessor, handle)                                                  \
    static inline int64_t name##_gid(const handle *it, size_t index) {                             \
        int64_t gid = -1;                                                                          \
        const bool is_there = accessor(it, index, &gid, NULL);                                     \
        CHECK(is_there || gid == 0);                                                               \
        return gid;                                                                                \
    }                                                                                              \
    static inline int64_t name##_nid(const handle *it, size_t index) {                             \
        int64_t nid = -1;                                                                          \
        const bool is_there = accessor(it, index, NULL, &nid);                                     \
        CHECK(is_there || nid == 0);                                                               \
        return nid;                                                                                \
    }

NUMBERS_OF_AGENTS(progress_agent, acclient_progress_agent, acclient_progress)
NUMBERS_OF_AGENTS(outcomes_agent, acclient_outcomes_agent, acclient_outcomes)
NUMBERS_OF_AGENTS(rollout_agent, acclient_rollout_agent, acclient_rollout)
NUMBERS_OF_AGENTS(rollout_not_started, acclient_rollout_not_started, acclient_rollout)

static inline const char *grid_url(void) {
    const char *url = getenv("ACCLIENT_URL");
    CHECK(url != NULL);
    return url;
}

static inline acclient_client *connect_grid(void) {
    acclient_error *error;
    acclient_client *client;
    setvbuf(stdout, NULL, _IOLBF, 0);
    EXPECT(ACCLIENT_OK, acclient_client_connect(grid_url(), 10000, NULL, &client, &error));
    CHECK(client != NULL);
    return client;
}

/* Sends a shell script to agent 1:1. */
static inline acclient_command *shell(const acclient_client *client, const char *script) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    const char *args[] = {"-c", script};
    EXPECT(ACCLIENT_OK,
           execute(client, 1, 1, "sh", args, 2, NULL, 0, 10000, NULL, &command, &error));
    CHECK(command != NULL);
    return command;
}

/* The next result of a command, which must arrive. */
static inline acclient_job *next_job(const acclient_command *command) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_next_result(command, LONG_MS, NULL, &job, &error));
    CHECK(job != NULL);
    return job;
}

/* A call that must fail with ACCLIENT_INVALID_ARGUMENT and set its out parameter to NULL. */
#define REFUSES(place, call)                                                                       \
    do {                                                                                           \
        place = GARBAGE;                                                                           \
        EXPECT(ACCLIENT_INVALID_ARGUMENT, call);                                                   \
        CHECK(place == NULL);                                                                      \
    } while (0)

/* REFUSES for a call without an out parameter. */
#define REFUSED(call) EXPECT(ACCLIENT_INVALID_ARGUMENT, call)

static inline acclient_target *agent(int64_t gid, int64_t nid) {
    acclient_error *error;
    acclient_target *target = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_target_agent(gid, nid, &target, &error));
    CHECK(target != NULL);
    return target;
}

/* All agents with a role, or all agents for NULL. */
static inline acclient_target *everyone(const char *role) {
    acclient_error *error;
    acclient_target *target = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_target_all(&target, &error));
    if (role != NULL) {
        EXPECT(ACCLIENT_OK, acclient_target_add_role(target, role, &error));
    }
    CHECK(target != NULL);
    return target;
}

/* Request to run a shell script. Frees the target. */
static inline acclient_request *plain_script(const acclient_client *client, acclient_target *target,
                                             const char *text) {
    acclient_error *error;
    acclient_request *request = GARBAGE;
    EXPECT(ACCLIENT_OK,
           acclient_request_bash(client, target, text, strlen(text), &request, &error));
    CHECK(request != NULL);
    acclient_target_free(target);
    return request;
}

/* plain_script(), made killable. */
static inline acclient_request *script(const acclient_client *client, acclient_target *target,
                                       const char *text) {
    acclient_error *error;
    acclient_request *request = plain_script(client, target, text);
    EXPECT(ACCLIENT_OK, acclient_request_set_killable(request, &error));
    return request;
}

/* script(), submitted. */
static inline acclient_command *send_script(const acclient_client *client, acclient_target *target,
                                            const char *text) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    acclient_request *request = script(client, target, text);
    EXPECT(ACCLIENT_OK, acclient_request_submit(request, 10000, NULL, &command, &error));
    CHECK(command != NULL);
    acclient_request_free(request);
    return command;
}

/* Runs a request on one agent and frees it. */
static inline acclient_job *run(acclient_request *request) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_request_run(request, LONG_MS, NULL, &job, &error));
    CHECK(job != NULL);
    acclient_request_free(request);
    return job;
}

/* Waits until a command has this number of jobs in a state. */
static inline acclient_jobs *jobs_in_state(const acclient_command *command, size_t count,
                                           const char *state) {
    acclient_error *error;
    acclient_jobs *jobs = NULL;
    size_t found;
    const int64_t end = now_ms() + LONG_MS;
    do {
        CHECK(now_ms() < end);
        acclient_jobs_free(jobs);
        jobs = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_command_jobs(command, 10000, NULL, &jobs, &error));
        found = 0;
        for (size_t i = 0; i < acclient_jobs_count(jobs); i++) {
            const char *now = acclient_job_state(acclient_jobs_at(jobs, i), NULL);
            found += strcmp(now, state) == 0;
        }
    } while (found != count);
    return jobs;
}

static inline pthread_t start_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

#endif
