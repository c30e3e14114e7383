/* Results in a program with an event loop. */
#define _GNU_SOURCE
#include "check.h"

#include <poll.h>

/* Takes results until there are no more; returns the number of agents that answered. */
static int drive(acclient_results *results, int *failed) {
    int done = 0;
    for (;;) {
        acclient_job *job = GARBAGE;
        acclient_error *error = GARBAGE;
        bool pending = true;
        const acclient_status status = acclient_results_poll_next(results, &job, &pending, &error);
        if (status != ACCLIENT_OK) {
            CHECK(job == NULL && !pending);
            CHECK(!acclient_error_is_final(error));
            acclient_error_free(error);
            (*failed)++;
            continue;
        }
        if (job != NULL) {
            CHECK(!pending);
            CHECK_TEXT(acclient_job_state, job, "SUCCESS");
            acclient_job_free(job);
            done++;
            continue;
        }
        if (!pending) {
            return done;
        }
        struct pollfd polled = {.fd = acclient_results_poll_fd(results), .events = POLLIN};
        const int64_t wait = acclient_results_poll_ms(results);
        CHECK(wait >= 0 && wait <= 60000);
        CHECK(poll(&polled, 1, (int)wait) >= 0);
    }
}

int main(void) {
    acclient_error *error;
    acclient_client *client = connect_grid();
    acclient_results *results = GARBAGE;
    SAY("a fan-out in which one agent does not answer");
    acclient_command *command =
        send_script(client, everyone(NULL), "[ $AGENT_GID = 2 ] || sleep 0.3");
    EXPECT(ACCLIENT_OK, acclient_command_results(command, 8000, NULL, &results, &error));
    int failed = 0;
    CHECK(drive(results, &failed) == 3);
    CHECK(failed == 1);
    CHECK(acclient_results_poll_fd(results) == -1 && acclient_results_poll_ms(results) == 0);
    acclient_results_free(results);
    acclient_command_free(command);

    SAY("one agent");
    command = shell(client, "sleep 0.2");
    EXPECT(ACCLIENT_OK, acclient_command_results(command, LONG_MS, NULL, &results, &error));
    failed = 0;
    CHECK(drive(results, &failed) == 1);
    CHECK(failed == 0);
    acclient_results_free(results);
    acclient_command_free(command);

    SAY("poll_next and next in turn");
    command = send_script(client, agent(1, 1), "sleep 0.2");
    EXPECT(ACCLIENT_OK, acclient_command_results(command, LONG_MS, NULL, &results, &error));
    bool pending = false;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_results_poll_next(results, &job, &pending, &error));
    CHECK(job == NULL && pending);
    EXPECT(ACCLIENT_OK, acclient_results_next(results, &job, &error));
    CHECK(job != NULL);
    acclient_job_free(job);
    acclient_results_free(results);
    acclient_command_free(command);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
