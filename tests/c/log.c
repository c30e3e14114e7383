/* The log hook, statistics, and a client that carries a cancel token. */
#define _GNU_SOURCE
#include "check.h"

enum { MOST = 200 };

/* Messages that the hook received, and its thread. */
struct entries {
    int count;
    int warnings;
    pthread_t thread;
    char targets[MOST][40];
    char messages[MOST][400];
    const acclient_client *client;
};

static void hook(int32_t level, const char *target, const char *message, void *user_data) {
    struct entries *entries = user_data;
    CHECK(pthread_equal(pthread_self(), entries->thread));
    CHECK(level >= ACCLIENT_LOG_ERROR && level <= ACCLIENT_LOG_DEBUG);
    CHECK(strncmp(target, "acclient::", 10) == 0);
    CHECK(strchr(message, '\n') == NULL);
    entries->warnings += level <= ACCLIENT_LOG_INFO;
    if (entries->count < MOST) {
        snprintf(entries->targets[entries->count], 40, "%s", target);
        snprintf(entries->messages[entries->count], 400, "%s", message);
        entries->count++;
    }
    if (entries->client != NULL) {
        /* The hook may use the library, which does not invoke it again. */
        CHECK(acclient_client_ping(entries->client, 10000, NULL, NULL) == ACCLIENT_OK);
    }
}

static bool has(const struct entries *entries, const char *target, const char *words) {
    for (int i = 0; i < entries->count; i++) {
        if (strcmp(entries->targets[i], target) == 0 &&
            strstr(entries->messages[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static struct entries logged;

static void logging(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    SAY("the log hook");
    logged.thread = pthread_self();
    EXPECT(ACCLIENT_OK, acclient_set_log_hook(hook, &logged, ACCLIENT_LOG_DEBUG, &error));
    client = connect_grid();
    CHECK(has(&logged, "acclient::connection", "connected to 127.0.0.1"));
    logged.client = client;
    acclient_command *command = shell(client, "echo secret-data");
    CHECK(has(&logged, "acclient::command", acclient_command_handle(command, NULL)));
    acclient_job_free(next_job(command));
    acclient_command_free(command);
    command = send_script(client, everyone(NULL), "true");
    acclient_results *results = GARBAGE;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_results(command, LONG_MS, NULL, &results, &error));
    EXPECT(ACCLIENT_OK, acclient_results_next(results, &job, &error));
    acclient_job_free(job);
    acclient_results_free(results);
    acclient_command_free(command);
    CHECK(has(&logged, "acclient::wait", "waiting for"));
    CHECK(!has(&logged, "acclient::command", "secret-data"));
    CHECK(logged.warnings == 0);

    SAY("levels, and removing the hook");
    int count = logged.count;
    EXPECT(ACCLIENT_OK, acclient_set_log_hook(hook, &logged, ACCLIENT_LOG_WARN, &error));
    acclient_job_free(run(script(client, agent(1, 1), "true")));
    CHECK(logged.count == count);
    EXPECT(ACCLIENT_OK, acclient_set_log_hook(NULL, NULL, ACCLIENT_LOG_TRACE, &error));
    acclient_job_free(run(script(client, agent(1, 1), "true")));
    CHECK(logged.count == count);
    logged.client = NULL;
    acclient_client_free(client);
}

static void statistics(void) {
    acclient_error *error;
    acclient_answer *statistics = GARBAGE;
    SAY("statistics");
    acclient_client *client = connect_grid();
    acclient_job_free(run(script(client, agent(1, 1), "true")));
    EXPECT(ACCLIENT_OK, acclient_client_statistics(client, &statistics, &error));
    CHECK(acclient_answer_count(statistics) == 1);
    CHECK(acclient_answer_int(statistics, 0, "open_connections") == 1);
    CHECK(acclient_answer_int(statistics, 0, "idle_connections") == 1);
    CHECK(acclient_answer_int(statistics, 0, "connected") == 1);
    CHECK(acclient_answer_int(statistics, 0, "pushed") == 1);
    CHECK(acclient_answer_int(statistics, 0, "blocking_waits") == 1);
    CHECK(acclient_answer_int(statistics, 0, "pool_waits") == 0);
    acclient_answer_free(statistics);
    acclient_client_free(client);
}

static void cancelled(void) {
    acclient_error *error;
    acclient_client *bound = GARBAGE;
    acclient_cancel_token *cancel = GARBAGE;
    SAY("a client that carries a cancel token");
    acclient_client *client = connect_grid();
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    EXPECT(ACCLIENT_OK, acclient_client_with_cancel(client, cancel, &bound, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping(bound, 10000, NULL, &error));
    acclient_command *command = shell(bound, "exec sleep 600");
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    acclient_cancel_token_free(cancel);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_ping(bound, 10000, NULL, &error));
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_CANCELLED, acclient_command_next_result(command, LONG_MS, NULL, &job, &error));
    acclient_command *found = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_get_by_handle(
                            client, acclient_command_handle(command, NULL), &found, &error));
    EXPECT(ACCLIENT_OK, kill_everywhere(found, 10000, NULL, &error));
    acclient_command_free(found);
    acclient_command_free(command);
    acclient_client_free(bound);
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    acclient_client_free(client);
}

int main(void) {
    logging();
    statistics();
    cancelled();
    return EXIT_SUCCESS;
}
