/* Results of a fan-out in a program with an event loop: poll(2) waits for the library's descriptor
 * together with the program's own.
 *
 *   make lib
 *   cc -Iinclude examples/event_loop.c -Ltarget/capi/release -lacclient -o event_loop
 *   ACCLIENT_URL=redis://host LD_LIBRARY_PATH=target/capi/release ./event_loop
 */
#define _POSIX_C_SOURCE 200809L

#include <acclient.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEN_SECONDS 10000

/* Exits with the message of the library if a call failed. Takes the address of the error: C does
 * not specify the order in which arguments are evaluated, so the error itself could be read before
 * the call sets it. */
static void check(acclient_status status, acclient_error **error) {
    if (status != ACCLIENT_OK) {
        fprintf(stderr, "%s\n", acclient_error_message(*error, NULL));
        exit(EXIT_FAILURE);
    }
}

/* Sends a script to all agents. */
static acclient_results *start(const acclient_client *client, const char *script) {
    acclient_error *error = NULL;
    acclient_target *target = NULL;
    acclient_request *request = NULL;
    acclient_command *command = NULL;
    acclient_results *results = NULL;
    check(acclient_target_all(&target, &error), &error);
    check(acclient_request_bash(client, target, script, strlen(script), &request, &error), &error);
    check(acclient_request_submit(request, TEN_SECONDS, NULL, &command, &error), &error);
    check(acclient_command_results(command, TEN_SECONDS, NULL, &results, &error), &error);
    acclient_command_free(command);
    acclient_request_free(request);
    acclient_target_free(target);
    return results;
}

/* Prints the available results; returns whether more may follow. */
static bool take(acclient_results *results) {
    for (;;) {
        acclient_error *error = NULL;
        acclient_job *job = NULL;
        bool pending = false;
        if (acclient_results_poll_next(results, &job, &pending, &error) != ACCLIENT_OK) {
            fprintf(stderr, "%s\n", acclient_error_message(error, NULL));
            const bool is_final = acclient_error_is_final(error);
            acclient_error_free(error);
            if (is_final) {
                return false;
            }
        } else if (job != NULL) {
            int64_t gid = 0;
            int64_t nid = 0;
            acclient_job_agent(job, &gid, &nid);
            printf("%" PRId64 ":%" PRId64 ": %s", gid, nid, acclient_job_stdout(job, NULL));
            acclient_job_free(job);
        } else {
            return pending;
        }
    }
}

int main(void) {
    const char *url = getenv("ACCLIENT_URL");
    acclient_error *error = NULL;
    acclient_client *client = NULL;
    check(acclient_client_connect(url ? url : "redis://127.0.0.1:6379", TEN_SECONDS, NULL, &client,
                                  &error),
          &error);
    acclient_results *results = start(client, "sleep 1; uname -s");
    while (take(results)) {
        /* The program's other descriptors go into the same array. */
        struct pollfd polled = {.fd = acclient_results_poll_fd(results), .events = POLLIN};
        poll(&polled, 1, (int)acclient_results_poll_ms(results));
    }
    acclient_results_free(results);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
