/* Many agents and many commands. The grid has a fourth agent, 3:1, which is routable and never
 * answers. */
#define _GNU_SOURCE
#include "check.h"

/* How long to wait for the agent that does not answer; the others answer in that time. */
static int64_t patience(void) {
    return getenv("ACCLIENT_TEST_SLOW") != NULL ? 2500 : 1000;
}

static const char *const slow_on_1_1 =
    "[ $AGENT_GID:$AGENT_NID = 1:1 ] && exec sleep 600; echo done";

static acclient_results *results_of(const acclient_command *command, int64_t timeout) {
    acclient_error *error;
    acclient_results *results = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_results(command, timeout, NULL, &results, &error));
    CHECK(results != NULL);
    return results;
}

static acclient_job *next_of(acclient_results *results) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_results_next(results, &job, &error));
    return job;
}

static void in_order_of_completion(const acclient_client *client) {
    acclient_error *error;
    SAY("results arrive in completion order");
    acclient_command *command = send_script(client, everyone("cpu"), slow_on_1_1);
    CHECK_TEXT(acclient_command_target, command, "all,role=cpu");
    acclient_results *results = results_of(command, LONG_MS);
    CHECK(acclient_results_method(results) == 0);
    acclient_job *job = next_of(results);
    CHECK(job_gid(job) == 2 && job_nid(job) == 1);
    CHECK_TEXT(acclient_job_stdout, job, "done\n");
    acclient_job_free(job);
    CHECK(acclient_results_remaining(results) == 1);
    const int32_t method = acclient_results_method(results);
    CHECK(method >= ACCLIENT_WAIT_BLOCKING && method <= ACCLIENT_WAIT_POLLING);
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    job = next_of(results);
    CHECK(job_gid(job) == 1);
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    for (int i = 0; i < 2; i++) {
        CHECK(next_of(results) == NULL);
    }
    CHECK(acclient_results_remaining(results) == 0);
    CHECK(acclient_results_method(results) == 0);
    acclient_results_free(results);

    SAY("results of the iterator do not count for the command");
    for (int i = 0; i < 2; i++) {
        acclient_job_free(next_job(command));
    }
    job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_next_result(command, 0, NULL, &job, &error));
    CHECK(job == NULL);
    acclient_command_free(command);
}

static void check_verdict(const acclient_error *error, int64_t gid, int64_t nid) {
    int64_t numbers[2] = {-1, -1};
    CHECK(acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_final(error));
    CHECK(acclient_error_agent(error, &numbers[0], &numbers[1]));
    CHECK(numbers[0] == gid && numbers[1] == nid);
    CHECK(acclient_error_agent(error, NULL, NULL));
    CHECK(acclient_error_job(error) == NULL);
}

static void verdicts(const acclient_client *client) {
    acclient_error *error;
    acclient_job *job;
    SAY("an error for each agent that did not answer");
    acclient_command *command = send_script(client, everyone(NULL), slow_on_1_1);
    acclient_jobs_free(jobs_in_state(command, 2, "SUCCESS"));
    acclient_results *results = results_of(command, patience());
    const int64_t begun = now_ms();
    for (int i = 0; i < 2; i++) {
        job = next_of(results);
        CHECK_TEXT(acclient_job_state, job, "SUCCESS");
        acclient_job_free(job);
    }
    CHECK(acclient_results_remaining(results) == 2);
    for (int i = 0; i < 2; i++) {
        job = GARBAGE;
        FAILS(ACCLIENT_TIMEOUT, acclient_results_next(results, &job, &error));
        CHECK(job == NULL);
        check_verdict(error, i == 0 ? 1 : 3, 1);
        CHECK_TEXT(acclient_error_command_handle, error, acclient_command_handle(command, NULL));
        acclient_error_free(error);
    }
    CHECK(now_ms() - begun >= patience() - 1);
    CHECK(next_of(results) == NULL);
    acclient_results_free(results);

    SAY("an error without an agent");
    int64_t numbers[2] = {-1, -1};
    FAILS(ACCLIENT_INVALID_ARGUMENT, acclient_client_ping(client, 0, NULL, &error));
    CHECK(acclient_error_is_final(error));
    CHECK(!acclient_error_agent(error, &numbers[0], &numbers[1]));
    CHECK(numbers[0] == 0 && numbers[1] == 0);
    acclient_error_free(error);
    acclient_command_free(command);
}

static void several_commands(const acclient_client *client) {
    acclient_error *error;
    acclient_results *results = GARBAGE;
    SAY("several commands: results in completion order");
    acclient_command *commands[] = {
        send_script(client, agent(1, 1), "exec sleep 600"),
        send_script(client, agent(1, 2), "echo quick"),
        send_script(client, agent(9, 9), "true"),
    };
    EXPECT(ACCLIENT_OK, acclient_client_wait_any(client, (const acclient_command *const *)commands,
                                                 3, LONG_MS, NULL, &results, &error));
    int given = 0;
    int nobody = 0;
    while (given + nobody < 2) {
        acclient_job *job = GARBAGE;
        error = GARBAGE;
        if (acclient_results_next(results, &job, &error) == ACCLIENT_OK) {
            CHECK_TEXT(acclient_job_id, job, acclient_command_id(commands[1], NULL));
            CHECK_TEXT(acclient_job_stdout, job, "quick\n");
            acclient_job_free(job);
            given++;
        } else {
            CHECK(acclient_error_status(error) == ACCLIENT_NO_SUCH_AGENT);
            CHECK_TEXT(acclient_error_command_handle, error,
                       acclient_command_handle(commands[2], NULL));
            acclient_error_free(error);
            nobody++;
        }
    }
    CHECK(given == 1 && nobody == 1);
    EXPECT(ACCLIENT_OK, kill_everywhere(commands[0], 10000, NULL, &error));
    acclient_job *job = next_of(results);
    CHECK_TEXT(acclient_job_id, job, acclient_command_id(commands[0], NULL));
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    CHECK(next_of(results) == NULL);
    acclient_results_free(results);
    for (int i = 0; i < 3; i++) {
        acclient_command_free(commands[i]);
    }

    SAY("no commands");
    EXPECT(ACCLIENT_OK, acclient_client_wait_any(client, NULL, 0, -1, NULL, &results, &error));
    CHECK(next_of(results) == NULL);
    acclient_results_free(results);
}

static void many_at_once(const acclient_client *client) {
    acclient_error *error;
    acclient_target *target = agent(1, 1);
    acclient_request *bad = GARBAGE;
    SAY("many in one pipeline, one of which is rejected");
    EXPECT(ACCLIENT_OK, acclient_request_new(client, target, "", &bad, &error));
    acclient_target_free(target);
    acclient_request *requests[] = {script(client, agent(1, 1), "echo first"), bad,
                                    script(client, agent(1, 2), "echo third")};
    acclient_command *commands[] = {GARBAGE, GARBAGE, GARBAGE};
    acclient_error *errors[] = {GARBAGE, GARBAGE, GARBAGE};
    const acclient_request *const *sent = (const acclient_request *const *)requests;
    EXPECT(ACCLIENT_OK,
           acclient_client_submit_many(client, sent, 3, 10000, NULL, commands, errors, &error));
    CHECK(errors[0] == NULL && errors[2] == NULL && commands[1] == NULL);
    CHECK(acclient_error_status(errors[1]) == ACCLIENT_INVALID_ARGUMENT);
    acclient_error_free(errors[1]);
    for (int i = 0; i < 3; i += 2) {
        acclient_job *job = next_job(commands[i]);
        CHECK_TEXT(acclient_job_stdout, job, i == 0 ? "first\n" : "third\n");
        acclient_job_free(job);
        acclient_command_free(commands[i]);
    }
    EXPECT(ACCLIENT_OK,
           acclient_client_submit_many(client, sent, 3, 10000, NULL, commands, NULL, &error));
    CHECK(commands[0] != NULL && commands[1] == NULL && commands[2] != NULL);
    acclient_command_free(commands[0]);
    acclient_command_free(commands[2]);
    for (int i = 0; i < 3; i++) {
        acclient_request_free(requests[i]);
    }
    EXPECT(ACCLIENT_OK,
           acclient_client_submit_many(client, NULL, 0, 10000, NULL, NULL, NULL, &error));
}

static acclient_collected *run_all(acclient_request *request, bool stop, int64_t timeout) {
    acclient_error *error;
    acclient_collected *collected = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_request_run_all(request, stop, timeout, NULL, &collected, &error));
    CHECK(collected != NULL);
    acclient_request_free(request);
    return collected;
}

static void all_at_once(const acclient_client *client) {
    acclient_error *error;
    SAY("all results at once");
    acclient_collected *all =
        run_all(script(client, everyone("cpu"), "[ $AGENT_GID = 1 ] && exit 1; echo $AGENT_GID"),
                false, LONG_MS);
    CHECK(acclient_collected_job_count(all) == 2);
    CHECK(acclient_collected_error_count(all) == 0);
    CHECK(!acclient_collected_is_stopped(all));
    int seen = 0;
    for (size_t i = 0; i < 2; i++) {
        const acclient_job *job = acclient_collected_job(all, i);
        seen += (int)job_gid(job);
        CHECK_TEXT(acclient_job_stdout, job, job_gid(job) == 1 ? "" : "2\n");
        CHECK(acclient_job_is_success(job) == (job_gid(job) == 2));
    }
    CHECK(seen == 3);
    CHECK(acclient_collected_job(all, 2) == NULL);
    CHECK(acclient_collected_error(all, 0) == NULL);
    CHECK_TEXT(acclient_command_target, acclient_collected_command(all), "all,role=cpu");
    acclient_collected_free(all);

    SAY("errors beside results");
    /* Retries with a longer timeout until it suffices for the agents that answer. */
    all = NULL;
    for (int64_t time = patience(); all == NULL || acclient_collected_job_count(all) < 2;
         time *= 2) {
        CHECK(time < LONG_MS);
        acclient_collected_free(all);
        all = run_all(script(client, everyone(NULL), slow_on_1_1), false, time);
    }
    CHECK(acclient_collected_job_count(all) == 2);
    CHECK(acclient_collected_error_count(all) == 2);
    check_verdict(acclient_collected_error(all, 0), 1, 1);
    check_verdict(acclient_collected_error(all, 1), 3, 1);
    CHECK(acclient_collected_error(all, 2) == NULL);
    acclient_collected_free(all);

    SAY("stopping at the first failure, then waiting for the rest");
    all = run_all(script(client, everyone("cpu"), "[ $AGENT_GID = 2 ] && exit 1; exec sleep 600"),
                  true, LONG_MS);
    CHECK(acclient_collected_is_stopped(all));
    CHECK(acclient_collected_job_count(all) == 1);
    CHECK(job_gid(acclient_collected_job(all, 0)) == 2);
    CHECK_TEXT(acclient_job_state, acclient_collected_job(all, 0), "ERROR");
    const acclient_command *rest = acclient_collected_command(all);
    EXPECT(ACCLIENT_OK, kill_everywhere(rest, 10000, NULL, &error));
    acclient_job *job = next_job(rest);
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    SAY("collected results are not returned again");
    EXPECT(ACCLIENT_OK, acclient_command_next_result(rest, LONG_MS, NULL, &job, &error));
    CHECK(job == NULL);
    acclient_collected_free(all);
}

/* A command to all agents: 1:1 is running, two have ended, 3:1 does not answer. */
static void check_kinds(acclient_outcomes *outcomes, bool with_answer) {
    const int64_t agents[4][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 1}};
    const int32_t kinds[] = {ACCLIENT_OUTCOME_DONE, ACCLIENT_OUTCOME_OVER, ACCLIENT_OUTCOME_OVER,
                             ACCLIENT_OUTCOME_FAILED};
    CHECK(acclient_outcomes_count(outcomes) == 4);
    for (size_t i = 0; i < 4; i++) {
        const int32_t kind = acclient_outcomes_kind(outcomes, i);
        const acclient_job *job = acclient_outcomes_job(outcomes, i);
        const acclient_error *error = acclient_outcomes_error(outcomes, i);
        CHECK(outcomes_agent_gid(outcomes, i) == agents[i][0]);
        CHECK(outcomes_agent_nid(outcomes, i) == agents[i][1]);
        if (kind != kinds[i]) {
            give_up(__FILE__, __LINE__, "the kind of an outcome", error);
        }
        CHECK((acclient_outcomes_answer(outcomes, i) != NULL) ==
              (kind == ACCLIENT_OUTCOME_DONE && with_answer));
        CHECK((job != NULL) == (kind == ACCLIENT_OUTCOME_OVER));
        CHECK((error != NULL) == (kind == ACCLIENT_OUTCOME_FAILED));
        if (job != NULL) {
            CHECK_TEXT(acclient_job_state, job, "SUCCESS");
            CHECK(job_gid(job) == agents[i][0]);
        }
        if (error != NULL) {
            check_verdict(error, 3, 1);
        }
    }
    CHECK(acclient_outcomes_kind(outcomes, 4) == 0);
    CHECK(outcomes_agent_gid(outcomes, 4) == 0);
    CHECK(outcomes_agent_nid(outcomes, 4) == 0);
    CHECK(acclient_outcomes_answer(outcomes, 4) == NULL);
    CHECK(acclient_outcomes_job(outcomes, SIZE_MAX) == NULL);
    CHECK(acclient_outcomes_error(outcomes, 4) == NULL);
}

static void outcomes(const acclient_client *client) {
    acclient_error *error;
    acclient_outcomes *outcomes = GARBAGE;
    SAY("the jobs of a command");
    acclient_command *command =
        send_script(client, everyone(NULL),
                    "echo out; [ $AGENT_GID:$AGENT_NID = 1:1 ] && exec sleep 600; true");
    acclient_jobs *jobs = jobs_in_state(command, 2, "SUCCESS");
    const size_t count = acclient_jobs_count(jobs);
    for (size_t i = 0; i < count; i++) {
        CHECK_TEXT(acclient_job_id, acclient_jobs_at(jobs, i), acclient_command_id(command, NULL));
    }
    CHECK(count >= 3 && acclient_jobs_at(jobs, count) == NULL);
    acclient_jobs_free(jobs);
    acclient_jobs_free(jobs_in_state(command, 1, "RUNNING"));

    SAY("its resource usage");
    EXPECT(ACCLIENT_OK,
           acclient_command_get_stats(command, 3 * patience(), NULL, &outcomes, &error));
    check_kinds(outcomes, true);
    const acclient_answer *answer = acclient_outcomes_answer(outcomes, 0);
    CHECK(acclient_answer_count(answer) == 1);
    CHECK(strcmp(acclient_answer_text(answer, 0, "cmd.id", NULL),
                 acclient_command_id(command, NULL)) == 0);
    acclient_outcomes_free(outcomes);

    SAY("its log");
    /* Agents write logs with a delay. */
    acclient_msg_query *query = msg_query("1", 10);
    size_t rows = 0;
    for (int looks = 0; rows == 0 && looks < 50; looks++) {
        EXPECT(ACCLIENT_OK,
               acclient_command_get_msgs(command, query, patience(), NULL, &outcomes, &error));
        rows = acclient_answer_count(acclient_outcomes_answer(outcomes, 0));
        if (rows == 0) {
            acclient_outcomes_free(outcomes);
        }
    }
    acclient_msg_query_free(query);
    CHECK(rows == 1);
    answer = acclient_outcomes_answer(outcomes, 0);
    CHECK(strcmp(acclient_answer_text(answer, 0, "data", NULL), "out") == 0);
    CHECK(acclient_outcomes_kind(outcomes, 3) == ACCLIENT_OUTCOME_FAILED);
    acclient_outcomes_free(outcomes);

    SAY("killing it on all agents");
    EXPECT(ACCLIENT_OK, acclient_command_kill(command, 3 * patience(), NULL, &outcomes, &error));
    check_kinds(outcomes, acclient_outcomes_answer(outcomes, 0) != NULL);
    CHECK(acclient_outcomes_failure(outcomes) == acclient_outcomes_error(outcomes, 3));
    CHECK(strcmp(acclient_outcome_name(acclient_outcomes_kind(outcomes, 3)), "failed") == 0);
    CHECK(strcmp(acclient_outcome_name(ACCLIENT_OUTCOME_DONE), "done") == 0);
    CHECK(strcmp(acclient_outcome_name(ACCLIENT_OUTCOME_OVER), "over") == 0);
    acclient_outcomes_free(outcomes);
    acclient_jobs_free(jobs_in_state(command, 1, "KILLED"));
    acclient_command_free(command);
}

int main(void) {
    acclient_client *client = connect_grid();
    in_order_of_completion(client);
    verdicts(client);
    several_commands(client);
    many_at_once(client);
    all_at_once(client);
    outcomes(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
