/* As null.c, for commands, results, jobs, lists, outcomes, collected results and following. */
#define _GNU_SOURCE
#include "check.h"

static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / sizeof(void *)};

static void finding(const acclient_client *client) {
    acclient_error *error;
    acclient_command *command;
    acclient_commands *commands;
    SAY("acclient_client_get_by_id, acclient_client_get_cmds");
    REFUSES(command, acclient_client_get_by_id(NULL, "id", &command, &error));
    REFUSES(command, acclient_client_get_by_id(client, NULL, &command, &error));
    REFUSES(command, acclient_client_get_by_id(client, "", &command, &error));
    REFUSES(command, acclient_client_get_by_id(client, "\xff", &command, &error));
    REFUSED(acclient_client_get_by_id(client, "id", NULL, &error));
    CHECK(acclient_client_get_by_id(NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(commands, acclient_client_get_cmds(NULL, 0, 1, 1000, NULL, &commands, &error));
    REFUSES(commands, acclient_client_get_cmds(client, 0, 0, 1000, NULL, &commands, &error));
    REFUSES(commands,
            acclient_client_get_cmds(client, 0, UINT32_MAX, 1000, NULL, &commands, &error));
    REFUSES(commands, acclient_client_get_cmds(client, 0, 1, 0, NULL, &commands, &error));
    REFUSED(acclient_client_get_cmds(client, 0, 1, 1000, NULL, NULL, &error));
    CHECK(acclient_client_get_cmds(NULL, 0, 0, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    commands = GARBAGE;
    EXPECT(ACCLIENT_UNSUPPORTED,
           acclient_client_get_cmds(client, UINT32_MAX, 1, 10000, NULL, &commands, &error));
    CHECK(commands == NULL);
    CHECK(acclient_commands_count(NULL) == 0);
    CHECK(acclient_commands_at(NULL, 0) == NULL);
    acclient_commands_free(NULL);
}

static void commands(const acclient_command *command) {
    acclient_error *error;
    acclient_job *job;
    acclient_jobs *jobs;
    SAY("acclient_command_job");
    REFUSES(job, acclient_command_job(NULL, 1, 1, 1000, NULL, &job, &error));
    REFUSES(job, acclient_command_job(command, 1, 1, 0, NULL, &job, &error));
    REFUSES(job, acclient_command_job(command, -1, 1, 1000, NULL, &job, &error));
    REFUSES(job, acclient_command_job(command, 1, 4294967296, 1000, NULL, &job, &error));
    REFUSED(acclient_command_job(command, 1, 1, 1000, NULL, NULL, &error));
    SAY("acclient_command_jobs");
    REFUSES(jobs, acclient_command_jobs(NULL, 1000, NULL, &jobs, &error));
    REFUSES(jobs, acclient_command_jobs(command, 0, NULL, &jobs, &error));
    REFUSED(acclient_command_jobs(command, 1000, NULL, NULL, &error));
    CHECK(acclient_command_jobs(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_jobs_count(NULL) == 0);
    CHECK(acclient_jobs_at(NULL, 0) == NULL);
    acclient_jobs_free(NULL);

    SAY("acclient_command_progress, acclient_command_retract, acclient_progress_*");
    acclient_progress *progress;
    REFUSES(progress, acclient_command_progress(NULL, 1000, NULL, &progress, &error));
    REFUSES(progress, acclient_command_progress(command, 0, NULL, &progress, &error));
    REFUSED(acclient_command_progress(command, 1000, NULL, NULL, &error));
    CHECK(acclient_command_progress(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_command_progress(command, INT64_MAX, NULL, &progress, NULL) == ACCLIENT_OK);
    CHECK(acclient_progress_count(progress) == 1);
    int64_t gid = 12345;
    int64_t nid = 12345;
    CHECK(!acclient_progress_agent(progress, 1, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_progress_agent(progress, SIZE_MAX, NULL, NULL));
    CHECK(acclient_progress_stage_at(progress, 1) == 0);
    CHECK(acclient_progress_stage_at(progress, SIZE_MAX) == 0);
    acclient_progress_free(progress);
    CHECK(acclient_command_progress(command, INT64_MIN, NULL, &progress, NULL) == ACCLIENT_OK);
    acclient_progress_free(progress);
    CHECK(acclient_progress_stage(NULL) == 0);
    CHECK(!acclient_progress_redis_lost_data(NULL));
    CHECK(acclient_progress_count(NULL) == 0);
    CHECK(!acclient_progress_agent(NULL, 0, NULL, NULL));
    CHECK(acclient_progress_stage_at(NULL, 0) == 0);
    acclient_progress_free(NULL);
    bool retracted = true;
    REFUSED(acclient_command_retract(NULL, 1000, NULL, &retracted, &error));
    CHECK(!retracted);
    retracted = true;
    REFUSED(acclient_command_retract(command, 0, NULL, &retracted, &error));
    CHECK(!retracted);
    CHECK(acclient_command_retract(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_command_retract(command, INT64_MIN, NULL, NULL, NULL) == ACCLIENT_OK);

    SAY("accessors of a NULL command");
    CHECK_NO_TEXT(acclient_command_target, NULL);
    CHECK_NO_TEXT(acclient_command_cmd, NULL);
    CHECK_NO_TEXT(acclient_command_args, NULL);
    CHECK_NO_TEXT(acclient_command_data, NULL);
    CHECK_NO_TEXT(acclient_command_tags, NULL);
    CHECK_NO_TEXT(acclient_command_dump, NULL);
}

static void results(const acclient_client *client, const acclient_command *command) {
    acclient_error *error;
    acclient_results *results;
    acclient_job *job;
    const acclient_command *several[] = {command, command};
    const acclient_command *holed[] = {command, NULL};
    SAY("acclient_command_results, acclient_client_wait_any");
    REFUSES(results, acclient_command_results(NULL, 1000, NULL, &results, &error));
    REFUSES(results, acclient_command_results(command, 0, NULL, &results, &error));
    REFUSED(acclient_command_results(command, 1000, NULL, NULL, &error));
    CHECK(acclient_command_results(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
#define ANY(client, commands, count, timeout)                                                      \
    REFUSES(results,                                                                               \
            acclient_client_wait_any(client, commands, count, timeout, NULL, &results, &error))
    ANY(NULL, several, 2, 1000);
    ANY(client, NULL, 2, 1000);
    ANY(client, holed, 2, 1000);
    ANY(client, several, 2, 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        ANY(client, several, counts[i], 1000);
        ANY(client, NULL, counts[i], 1000);
    }
    REFUSED(acclient_client_wait_any(client, several, 2, 1000, NULL, NULL, &error));
    CHECK(acclient_client_wait_any(NULL, NULL, 1, 0, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_results_*");
    REFUSES(job, acclient_results_next(NULL, &job, &error));
    CHECK(acclient_results_next(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_command_results(command, LONG_MS, NULL, &results, &error));
    REFUSED(acclient_results_next(results, NULL, &error));
    CHECK(acclient_results_next(results, &job, NULL) == ACCLIENT_OK && job != NULL);
    acclient_job_free(job);
    bool pending = true;
    REFUSED(acclient_results_poll_next(results, NULL, &pending, &error));
    CHECK(!pending);
    CHECK(acclient_results_poll_next(results, &job, NULL, NULL) == ACCLIENT_OK && job == NULL);
    acclient_results_free(results);
    pending = true;
    REFUSES(job, acclient_results_poll_next(NULL, &job, &pending, &error));
    CHECK(!pending);
    CHECK(acclient_results_poll_next(NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_results_poll_fd(NULL) == -1);
    CHECK(acclient_results_poll_ms(NULL) == 0);
    CHECK(acclient_results_remaining(NULL) == 0);
    CHECK(acclient_results_method(NULL) == 0);
    acclient_results_free(NULL);
}

static void jobs(const acclient_job *job) {
    acclient_error *error;
    acclient_job *other;
    acclient_answer *answer;
    SAY("acclient_job_refresh, acclient_job_wait, acclient_job_kill");
    REFUSES(other, acclient_job_refresh(NULL, 1000, NULL, &other, &error));
    REFUSES(other, acclient_job_refresh(job, 0, NULL, &other, &error));
    REFUSED(acclient_job_refresh(job, 1000, NULL, NULL, &error));
    CHECK(acclient_job_refresh(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(other, acclient_job_wait(NULL, 1000, NULL, &other, &error));
    REFUSED(acclient_job_wait(job, 1000, NULL, NULL, &error));
    CHECK(acclient_job_wait(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSED(acclient_job_kill(NULL, 1000, NULL, NULL, &error));
    REFUSED(acclient_job_kill(job, 0, NULL, NULL, &error));
    CHECK(acclient_job_kill(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_job_get_stats, acclient_job_get_msgs");
    REFUSES(answer, acclient_job_get_stats(NULL, 1000, NULL, &answer, &error));
    REFUSES(answer, acclient_job_get_stats(job, 0, NULL, &answer, &error));
    REFUSED(acclient_job_get_stats(job, 1000, NULL, NULL, &error));
    CHECK(acclient_job_get_stats(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(answer, acclient_job_get_msgs(NULL, NULL, 1000, NULL, &answer, &error));
    REFUSES(answer, acclient_job_get_msgs(job, NULL, 0, NULL, &answer, &error));
    REFUSED(acclient_job_get_msgs(job, NULL, 1000, NULL, NULL, &error));
    CHECK(acclient_job_get_msgs(NULL, NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    answer = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_job_get_msgs(job, NULL, 10000, NULL, &answer, &error));
    acclient_answer_free(answer);

    SAY("acclient_job_follow, acclient_follow_*");
    acclient_follow *follow;
    REFUSES(follow, acclient_job_follow(NULL, NULL, 1000, NULL, &follow, &error));
    REFUSES(follow, acclient_job_follow(job, NULL, 0, NULL, &follow, &error));
    REFUSED(acclient_job_follow(job, NULL, 1000, NULL, NULL, &error));
    CHECK(acclient_job_follow(NULL, NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(answer, acclient_follow_next(NULL, &answer, &error));
    CHECK(acclient_follow_next(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_job_follow(job, NULL, INT64_MAX, NULL, &follow, &error));
    REFUSED(acclient_follow_next(follow, NULL, &error));
    acclient_follow_free(follow);
    acclient_follow_free(NULL);
}

typedef acclient_status ask_command(const acclient_command *, int64_t,
                                    const acclient_cancel_token *, acclient_outcomes **,
                                    acclient_error **);

static acclient_status first_msgs(const acclient_command *command, int64_t timeout,
                                  const acclient_cancel_token *cancel, acclient_outcomes **outcomes,
                                  acclient_error **error) {
    return acclient_command_get_msgs(command, NULL, timeout, cancel, outcomes, error);
}

static void outcomes(const acclient_client *client, const acclient_command *command) {
    acclient_error *error;
    acclient_outcomes *outcomes;
    ask_command *const functions[] = {acclient_command_kill, acclient_command_get_stats,
                                      first_msgs};
    SAY("acclient_command_kill, ..._get_stats, ..._get_msgs");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        REFUSES(outcomes, functions[i](NULL, 1000, NULL, &outcomes, &error));
        REFUSES(outcomes, functions[i](command, 0, NULL, &outcomes, &error));
        REFUSED(functions[i](command, 1000, NULL, NULL, &error));
        CHECK(functions[i](NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    }

    SAY("acclient_client_get_all_processes");
    REFUSES(outcomes, acclient_client_get_all_processes(NULL, NULL, 1000, NULL, &outcomes, &error));
    REFUSES(outcomes, acclient_client_get_all_processes(client, NULL, 0, NULL, &outcomes, &error));
    REFUSED(acclient_client_get_all_processes(client, NULL, 1000, NULL, NULL, &error));
    CHECK(acclient_client_get_all_processes(NULL, NULL, 0, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_outcomes_*, acclient_collected_*");
    CHECK(acclient_outcomes_count(NULL) == 0);
    CHECK(!acclient_outcomes_agent(NULL, 0, NULL, NULL));
    CHECK(acclient_outcomes_failure(NULL) == NULL);
    CHECK(acclient_outcomes_kind(NULL, 0) == 0);
    CHECK(acclient_outcomes_kill(NULL, 0) == 0);
    CHECK(acclient_outcomes_answer(NULL, 0) == NULL);
    CHECK(acclient_outcomes_job(NULL, 0) == NULL);
    CHECK(acclient_outcomes_error(NULL, 0) == NULL);
    acclient_outcomes_free(NULL);
    CHECK(acclient_collected_command(NULL) == NULL);
    CHECK(acclient_collected_job_count(NULL) == 0);
    CHECK(acclient_collected_job(NULL, 0) == NULL);
    CHECK(acclient_collected_error_count(NULL) == 0);
    CHECK(acclient_collected_error(NULL, 0) == NULL);
    CHECK(!acclient_collected_is_stopped(NULL));
    acclient_collected_free(NULL);
}

int main(void) {
    acclient_client *client = connect_grid();
    acclient_command *command = shell(client, "true");
    acclient_job *job = next_job(command);
    finding(client);
    commands(command);
    outcomes(client, command);
    jobs(job);
    acclient_job_free(job);
    acclient_command_free(command);
    command = shell(client, "true");
    results(client, command);
    acclient_command_free(command);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
