/* Closing a client ends the calls of other threads. */
#define _GNU_SOURCE
#include "check.h"

#define WAITS 8

struct wait {
    acclient_command *command;
    _Atomic long thread;
    int64_t ended;
};

static void *wait_without_timeout(void *argument) {
    struct wait *wait = argument;
    acclient_error *error;
    acclient_job *job = GARBAGE;
    wait->thread = thread_id();
    FAILS(ACCLIENT_CLOSED, acclient_command_next_result(wait->command, -1, NULL, &job, &error));
    wait->ended = now_ms();
    CHECK(job == NULL);
    CHECK(!acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_retriable(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
    return NULL;
}

int main(void) {
    acclient_error *error;
    struct wait waits[WAITS] = {0};
    pthread_t threads[WAITS];
    acclient_command *none = GARBAGE;
    acclient_job *job = GARBAGE;

    acclient_client *client = connect_grid();
    SAY("%d threads wait without a timeout", WAITS);
    for (int i = 0; i < WAITS; i++) {
        waits[i].command = shell(client, "exec sleep 600");
        threads[i] = start_thread(wait_without_timeout, &waits[i]);
    }
    /* Each waits on a separate connection. */
    WAIT_UNTIL(descriptors(true) == WAITS);
    for (int i = 0; i < WAITS; i++) {
        wait_until_asleep(&waits[i].thread);
    }
    const int64_t begun = now_ms();
    acclient_client_close(client);
    SAY("closing took %" PRId64 " ms", now_ms() - begun);
    CHECK(now_ms() - begun < LATE_MS);
    for (int i = 0; i < WAITS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(waits[i].ended - begun < LATE_MS);
    }
    CHECK(descriptors(true) == 0);

    SAY("later calls fail with ACCLIENT_CLOSED");
    acclient_client_close(client);
    EXPECT(ACCLIENT_CLOSED, acclient_client_ping(client, 10000, NULL, &error));
    EXPECT(ACCLIENT_CLOSED,
           execute(client, 1, 1, "true", NULL, 0, NULL, 0, 10000, NULL, &none, &error));
    CHECK(none == NULL);
    EXPECT(ACCLIENT_CLOSED,
           acclient_command_next_result(waits[0].command, 1000, NULL, &job, &error));
    EXPECT(ACCLIENT_CLOSED, acclient_command_next_result(waits[0].command, 0, NULL, &job, &error));
    CHECK(job == NULL);
    EXPECT(ACCLIENT_CLOSED, kill_everywhere(waits[0].command, 10000, NULL, &error));

    SAY("the jobs continue to run: another client kills one");
    acclient_client *other = connect_grid();
    acclient_command *found = GARBAGE;
    EXPECT(ACCLIENT_OK,
           acclient_client_get_by_handle(other, acclient_command_handle(waits[0].command, NULL),
                                         &found, &error));
    EXPECT(ACCLIENT_OK, kill_everywhere(found, 10000, NULL, &error));
    job = next_job(found);
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    acclient_command_free(found);
    acclient_client_free(other);

    acclient_client_free(client);
    for (int i = 0; i < WAITS; i++) {
        acclient_command_free(waits[i].command);
    }
    CHECK(descriptors(true) == 0);
    return EXIT_SUCCESS;
}
