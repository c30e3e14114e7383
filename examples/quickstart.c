/* A tour of a grid: it lists the agents, runs commands on them, and shows failures and
 * cancellation.
 *
 * `make demo` runs it on a development grid. On your own grid:
 *   make lib
 *   cc -Iinclude examples/quickstart.c -Ltarget/capi/release -lacclient -o quickstart
 *   ACCLIENT_URL=redis://host LD_LIBRARY_PATH=target/capi/release ./quickstart
 */
#define _POSIX_C_SOURCE 200809L

#include <acclient.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define TEN_SECONDS 10000

static acclient_client *client;
static acclient_cancel_token *interrupted;

/* Exits with the message of the library if a call failed. Takes the address of the error: C does
 * not specify the order in which arguments are evaluated, so the error itself could be read before
 * the call sets it. */
static void check(acclient_status status, acclient_error **error) {
    if (status != ACCLIENT_OK) {
        fprintf(stderr, "%s\n", acclient_error_message(*error, NULL));
        exit(EXIT_FAILURE);
    }
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Runs a shell script on one agent. */
static acclient_job *run(acclient_target *target, const char *script) {
    acclient_error *error = NULL;
    acclient_request *request = NULL;
    acclient_job *job = NULL;
    check(acclient_request_bash(client, target, script, strlen(script), &request, &error), &error);
    check(acclient_request_run(request, TEN_SECONDS, NULL, &job, &error), &error);
    acclient_request_free(request);
    return job;
}

/* Starts a program with one argument on an agent. */
static acclient_command *start(int64_t gid, int64_t nid, const char *program, const char *arg) {
    acclient_error *error = NULL;
    acclient_command *command = NULL;
    acclient_target *target = NULL;
    acclient_request *request = NULL;
    check(acclient_target_agent(gid, nid, &target, &error), &error);
    check(acclient_request_execute(client, target, program, &request, &error), &error);
    check(acclient_request_add_arg(request, arg, &error), &error);
    check(acclient_request_submit(request, TEN_SECONDS, NULL, &command, &error), &error);
    acclient_request_free(request);
    acclient_target_free(target);
    return command;
}

/* Waits for the result of a command. */
static acclient_job *wait_for(acclient_command *command) {
    acclient_error *error = NULL;
    acclient_job *job = NULL;
    check(acclient_command_next_result(command, TEN_SECONDS, NULL, &job, &error), &error);
    return job;
}

static void agents(void) {
    acclient_error *error = NULL;
    acclient_answer *agents = NULL;
    check(acclient_client_list_agents(client, TEN_SECONDS, NULL, &agents, &error), &error);
    printf("== The agents of the grid\n");
    for (size_t row = 0; row < acclient_answer_count(agents); row++) {
        printf("agent %" PRId64 ":%" PRId64 " with the roles ",
               acclient_answer_int(agents, row, "gid"), acclient_answer_int(agents, row, "nid"));
        for (int index = 0;; index++) {
            char field[32];
            snprintf(field, sizeof field, "roles.%d", index);
            const char *role = acclient_answer_text(agents, row, field, NULL);
            if (role == NULL) {
                break;
            }
            printf("%s%s", index > 0 ? ", " : "", role);
        }
        printf("\n");
    }

    printf("\n== A command on each agent: echo, with the agent's numbers from the environment\n");
    for (size_t row = 0; row < acclient_answer_count(agents); row++) {
        acclient_target *target = NULL;
        check(acclient_target_agent(acclient_answer_int(agents, row, "gid"),
                                    acclient_answer_int(agents, row, "nid"), &target, &error),
              &error);
        acclient_job *job = run(target, "echo hello from agent $AGENT_GID:$AGENT_NID");
        printf("%s %s in %" PRId64 " ms: %s", acclient_target_text(target, NULL),
               acclient_job_state(job, NULL), acclient_job_time_ms(job),
               acclient_job_stdout(job, NULL));
        acclient_job_free(job);
        acclient_target_free(target);
    }
    acclient_answer_free(agents);
}

static void any_and_all(void) {
    acclient_error *error = NULL;
    acclient_target *target = NULL;
    printf("\n== On any agent with the role storage, chosen by the controller\n");
    check(acclient_target_any(&target, &error), &error);
    check(acclient_target_add_role(target, "storage", &error), &error);
    acclient_job *job = run(target, "echo chosen");
    int64_t gid = 0;
    int64_t nid = 0;
    acclient_job_agent(job, &gid, &nid);
    printf("%" PRId64 ":%" PRId64 " %s: %s", gid, nid, acclient_job_state(job, NULL),
           acclient_job_stdout(job, NULL));
    acclient_job_free(job);
    acclient_target_free(target);

    printf("\n== On all agents, results as they complete; the slow 1:1 delays no other\n");
    const char script[] = "[ $AGENT_GID:$AGENT_NID = 1:1 ] && sleep 1; uname -s";
    acclient_request *request = NULL;
    acclient_command *command = NULL;
    acclient_results *results = NULL;
    long begun = now_ms();
    check(acclient_target_all(&target, &error), &error);
    check(acclient_request_bash(client, target, script, strlen(script), &request, &error), &error);
    check(acclient_request_submit(request, TEN_SECONDS, NULL, &command, &error), &error);
    check(acclient_command_results(command, TEN_SECONDS, NULL, &results, &error), &error);
    for (;;) {
        check(acclient_results_next(results, &job, &error), &error);
        if (job == NULL) {
            break;
        }
        acclient_job_agent(job, &gid, &nid);
        printf("after %4ld ms %" PRId64 ":%" PRId64 ": %s", now_ms() - begun, gid, nid,
               acclient_job_stdout(job, NULL));
        acclient_job_free(job);
    }
    acclient_results_free(results);
    acclient_command_free(command);
    acclient_request_free(request);
    acclient_target_free(target);
}

static void failing_and_killed(void) {
    acclient_error *error = NULL;
    printf("\n== A job that fails: ls of a directory that does not exist\n");
    acclient_command *command = start(1, 1, "ls", "/no/such/place");
    acclient_job *job = wait_for(command);
    printf("1:1 %s, stderr: %s", acclient_job_state(job, NULL), acclient_job_stderr(job, NULL));
    acclient_job_free(job);
    acclient_command_free(command);

    printf("\n== A job that takes too long: sleep 60, killed while it runs\n");
    command = start(2, 1, "sleep", "60");
    if (acclient_command_next_result(command, 200, NULL, &job, &error) == ACCLIENT_TIMEOUT) {
        printf("no result after 0.2 s, as expected\n");
        acclient_error_free(error);
    }
    acclient_outcomes *outcomes = NULL;
    check(acclient_command_kill(command, TEN_SECONDS, NULL, &outcomes, &error), &error);
    const acclient_error *failure = acclient_outcomes_failure(outcomes);
    if (failure != NULL) {
        printf("not killed: %s\n", acclient_error_message(failure, NULL));
    }
    acclient_outcomes_free(outcomes);
    job = wait_for(command);
    printf("2:1 %s after %" PRId64 " ms\n", acclient_job_state(job, NULL),
           acclient_job_time_ms(job));
    acclient_job_free(job);
    acclient_command_free(command);
}

/* acclient_cancel_token_cancel() is async-signal-safe. */
static void on_alarm(int number) {
    (void)number;
    acclient_cancel_token_cancel(interrupted);
}

static void cancelled(void) {
    acclient_error *error = NULL;
    acclient_job *job = NULL;
    printf("\n== A cancelled wait; the command continues and is looked up again\n");
    acclient_command *command = start(1, 2, "sleep", "1");
    check(acclient_cancel_token_new(&interrupted, &error), &error);
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval in_a_moment = {.it_value = {.tv_usec = 300000}};
    setitimer(ITIMER_REAL, &in_a_moment, NULL);
    long begun = now_ms();
    if (acclient_command_next_result(command, -1, interrupted, &job, &error) ==
        ACCLIENT_CANCELLED) {
        printf("cancelled after %ld ms\n", now_ms() - begun);
        acclient_error_free(error);
    }
    const char *handle = acclient_command_handle(command, NULL);
    acclient_command *found = NULL;
    printf("handle string, valid in any process: %s\n", handle);
    check(acclient_client_get_by_handle(client, handle, &found, &error), &error);
    job = wait_for(found);
    printf("1:2 %s after %" PRId64 " ms\n", acclient_job_state(job, NULL),
           acclient_job_time_ms(job));
    acclient_job_free(job);
    acclient_command_free(found);
    acclient_command_free(command);
    acclient_cancel_token_free(interrupted);
}

static void no_such_agent(void) {
    acclient_error *error = NULL;
    acclient_target *target = NULL;
    acclient_request *request = NULL;
    acclient_job *job = NULL;
    printf("\n== A command for an agent that does not exist\n");
    check(acclient_target_agent(7, 7, &target, &error), &error);
    check(acclient_request_execute(client, target, "true", &request, &error), &error);
    if (acclient_request_run(request, TEN_SECONDS, NULL, &job, &error) == ACCLIENT_NO_SUCH_AGENT) {
        printf("%s\n", acclient_error_message(error, NULL));
        acclient_error_free(error);
    }
    acclient_request_free(request);
    acclient_target_free(target);
}

int main(void) {
    const char *url = getenv("ACCLIENT_URL");
    acclient_error *error = NULL;
    if (acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
                               ACCLIENT_VERSION_PATCH) != ACCLIENT_OK) {
        fprintf(stderr,
                "incompatible libacclient %s: the program was compiled for another version\n",
                acclient_version());
        return EXIT_FAILURE;
    }
    check(acclient_client_connect(url ? url : "redis://127.0.0.1:6379", TEN_SECONDS, NULL, &client,
                                  &error),
          &error);
    agents();
    any_and_all();
    failing_and_killed();
    cancelled();
    no_such_agent();
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
