/* The quickstart in C: one command on one agent, one that is cancelled by a signal handler.
 *
 * `make demo` runs it on a development grid. On a grid of yours, after `cargo build`:
 *   ln -s libacclient.so target/debug/libacclient.so.0
 *   cc -Iinclude examples/quickstart.c -Ltarget/debug -lacclient -o quickstart
 *   ACCLIENT_URL=redis://host LD_LIBRARY_PATH=target/debug ./quickstart
 */
#define _POSIX_C_SOURCE 200809L

#include <acclient.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static acclient_cancel *interrupted;

/* Cancelling is safe in a signal handler. */
static void on_signal(int number) {
    (void)number;
    acclient_cancel_cancel(interrupted);
}

static int failed(const char *what, acclient_error *error) {
    fprintf(stderr, "%s: %s\n", what, acclient_error_message(error, NULL));
    acclient_error_free(error);
    return EXIT_FAILURE;
}

/* Prints who is greeted, by a program of the agent. */
static int greet(const acclient_client *client, acclient_error **error) {
    const char *args[] = {"-c",
                          "read name; echo \"hello $name, this is agent $AGENT_GID:$AGENT_NID\""};
    const char data[] = "C programmer\n";
    acclient_command *command;
    acclient_status status = acclient_client_execute(client, 1, 1, "sh", args, 2, data,
                                                     strlen(data), 10000, NULL, &command, error);
    if (status != ACCLIENT_OK) {
        return status;
    }
    acclient_job *job;
    status = acclient_command_next_result(command, 10000, NULL, &job, error);
    if (status == ACCLIENT_OK) {
        printf("%" PRId64 ":%" PRId64 " %s in %" PRId64 " ms: %s", acclient_job_gid(job),
               acclient_job_nid(job), acclient_job_state(job, NULL), acclient_job_time_ms(job),
               acclient_job_stdout(job, NULL));
        acclient_job_free(job);
    }
    acclient_command_free(command);
    return status;
}

/* Waits for ever for a long job; a signal ends the wait, and the job is killed. */
static int interrupt(const acclient_client *client, acclient_error **error) {
    const char *args[] = {"60"};
    acclient_command *command;
    acclient_status status = acclient_client_execute(client, 2, 1, "sleep", args, 1, NULL, 0, 10000,
                                                     NULL, &command, error);
    if (status != ACCLIENT_OK) {
        return status;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    acclient_job *job;
    status = acclient_command_next_result(command, -1, interrupted, &job, error);
    printf("after 1 s a signal handler cancelled the wait: %s\n", acclient_status_name(status));
    if (status == ACCLIENT_CANCELLED) {
        acclient_error_free(*error);
        status = acclient_command_kill(command, 10000, NULL, error);
    }
    if (status == ACCLIENT_OK) {
        status = acclient_command_next_result(command, 10000, NULL, &job, error);
    }
    if (status == ACCLIENT_OK) {
        printf("2:1 %s\n", acclient_job_state(job, NULL));
        acclient_job_free(job);
    }
    acclient_command_free(command);
    return status;
}

int main(void) {
    const char *url = getenv("ACCLIENT_URL");
    acclient_error *error;
    acclient_client *client;

    printf("\n== The same from C, with acclient %s\n", acclient_version());
    if (acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
                               ACCLIENT_VERSION_PATCH) != ACCLIENT_OK) {
        fprintf(stderr, "this program was compiled with another version's acclient.h\n");
        return EXIT_FAILURE;
    }
    if (acclient_cancel_new(&interrupted, &error) != ACCLIENT_OK) {
        return failed("cannot make a cancel token", error);
    }
    if (acclient_client_connect(url ? url : "redis://127.0.0.1:6379", 5000, NULL, &client,
                                &error) != ACCLIENT_OK) {
        return failed("cannot connect", error);
    }
    if (greet(client, &error) != ACCLIENT_OK) {
        return failed("cannot greet", error);
    }
    if (interrupt(client, &error) != ACCLIENT_OK) {
        return failed("cannot run a long job", error);
    }
    acclient_client_free(client);
    acclient_cancel_free(interrupted);
    return EXIT_SUCCESS;
}
