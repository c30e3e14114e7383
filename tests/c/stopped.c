/* Deadlines with a stopped server, which accepts connections and never replies: ACCLIENT_REDIS_PID.
 */
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>

#define TIME 100

/* A call that times out, not before its deadline and without hanging. */
#define ENDS_IN_TIME(call)                                                                         \
    do {                                                                                           \
        error = GARBAGE;                                                                           \
        const int64_t call_begun = now_ms();                                                       \
        const acclient_status ended = (call);                                                      \
        const int64_t late = now_ms() - call_begun - TIME;                                         \
        check_status(__FILE__, __LINE__, #call, ended, ended, error);                              \
        CHECK(acclient_error_is_timeout(error) && late >= 0);                                      \
        acclient_error_free(error);                                                                \
        SAY("  late by %2" PRId64 " ms: %.40s", late, #call);                                      \
        CHECK(late < LATE_MS);                                                                     \
    } while (0)

static void calls(const acclient_client *client, const acclient_command *command) {
    acclient_error *error;
    acclient_client *other;
    acclient_command *sent;
    acclient_job *job;
    acclient_jobs *jobs;
    acclient_answer *answer;
    acclient_outcomes *outcomes;
    acclient_progress *progress;
    acclient_results *results;
    acclient_collected *all;
    acclient_request *request = script(client, agent(1, 1), "true");
    SAY("calls of %d ms, while the server is stopped", TIME);
    ENDS_IN_TIME(acclient_client_ping(client, TIME, NULL, &error));
    ENDS_IN_TIME(acclient_client_connect(grid_url(), TIME, NULL, &other, &error));
    ENDS_IN_TIME(execute(client, 1, 1, "true", NULL, 0, NULL, 0, TIME, NULL, &sent, &error));
    ENDS_IN_TIME(acclient_request_submit(request, TIME, NULL, &sent, &error));
    ENDS_IN_TIME(acclient_request_submit_once(request, TIME, NULL, &sent, &error));
    ENDS_IN_TIME(acclient_request_run(request, TIME, NULL, &job, &error));
    ENDS_IN_TIME(acclient_request_run_all(request, false, TIME, NULL, &all, &error));
    ENDS_IN_TIME(acclient_command_next_result(command, TIME, NULL, &job, &error));
    ENDS_IN_TIME(acclient_command_jobs(command, TIME, NULL, &jobs, &error));
    ENDS_IN_TIME(kill_everywhere(command, TIME, NULL, &error));
    ENDS_IN_TIME(acclient_command_get_stats(command, TIME, NULL, &outcomes, &error));
    ENDS_IN_TIME(acclient_command_progress(command, TIME, NULL, &progress, &error));
    ENDS_IN_TIME(acclient_command_retract(command, TIME, NULL, NULL, &error));
    ENDS_IN_TIME(acclient_client_list_agents(client, TIME, NULL, &answer, &error));
    ENDS_IN_TIME(acclient_client_get_os_info(client, 1, 1, TIME, NULL, &answer, &error));
    ENDS_IN_TIME(acclient_client_schedule_list(client, TIME, NULL, &answer, &error));

    SAY("results, whose deadline was set when they were created");
    const int64_t begun = now_ms();
    EXPECT(ACCLIENT_OK, acclient_command_results(command, TIME, NULL, &results, &error));
    EXPECT(ACCLIENT_TIMEOUT, acclient_results_next(results, &job, &error));
    CHECK(now_ms() - begun >= TIME && now_ms() - begun < TIME + LATE_MS);
    acclient_results_free(results);

    SAY("doctor, which diagnoses this before its deadline");
    const int64_t called = now_ms();
    EXPECT(ACCLIENT_OK, acclient_client_doctor(client, TIME, NULL, &answer, &error));
    CHECK(now_ms() - called < TIME + LATE_MS);
    CHECK(strcmp(acclient_answer_text(answer, 0, "verdict", NULL), "bad") == 0);
    acclient_answer_free(answer);
    acclient_request_free(request);
}

int main(void) {
    acclient_error *error;
    acclient_client *client = connect_grid();
    const char *pid = getenv("ACCLIENT_REDIS_PID");
    CHECK(pid != NULL && atoi(pid) > 1);
    acclient_command *command = shell(client, "true");
    CHECK(kill(atoi(pid), SIGSTOP) == 0);
    calls(client, command);
    CHECK(kill(atoi(pid), SIGCONT) == 0);
    SAY("calls succeed once the server continues");
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    acclient_command_free(command);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
