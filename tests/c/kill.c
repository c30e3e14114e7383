/* Kills: their reach, their results, and jobs that they do not reach. */
#define _GNU_SOURCE
#include "check.h"

static bool has_printed(const acclient_command *command) {
    acclient_error *error;
    acclient_outcomes *outcomes = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_get_msgs(command, NULL, 10000, NULL, &outcomes, &error));
    const size_t rows = acclient_answer_count(acclient_outcomes_answer(outcomes, 0));
    acclient_outcomes_free(outcomes);
    return rows > 0;
}

/* Waits until the job of one agent has printed a line, so that its script has started. */
static void wait_until_it_printed(const acclient_command *command) {
    WAIT_UNTIL(has_printed(command));
}

/* Kills the job of one agent and returns the outcome. */
static int32_t killed(const acclient_command *command) {
    acclient_error *error;
    acclient_outcomes *outcomes = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_kill(command, 60000, NULL, &outcomes, &error));
    CHECK(acclient_outcomes_failure(outcomes) == NULL);
    CHECK(acclient_outcomes_count(outcomes) == 1);
    const int32_t kill = acclient_outcomes_kill(outcomes, 0);
    const bool is_done = acclient_outcomes_kind(outcomes, 0) == ACCLIENT_OUTCOME_DONE;
    CHECK(is_done == (kill != 0));
    if (is_done) {
        char expected[32];
        snprintf(expected, sizeof expected, "\"%s\"", acclient_kill_name(kill));
        CHECK_TEXT(acclient_answer_json, acclient_outcomes_answer(outcomes, 0), expected);
    }
    CHECK(acclient_outcomes_kill(outcomes, 1) == 0);
    acclient_outcomes_free(outcomes);
    return kill;
}

static acclient_command *sent(acclient_request *request) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_request_submit(request, 10000, NULL, &command, &error));
    acclient_request_free(request);
    return command;
}

static void names(void) {
    SAY("names");
    CHECK(strcmp(acclient_kill_name(ACCLIENT_KILL_ENDED), "ended") == 0);
    CHECK(strcmp(acclient_kill_name(ACCLIENT_KILL_ORDERED), "ordered") == 0);
    CHECK(strcmp(acclient_kill_name(0), "unknown kill") == 0);
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_QUEUED_ON_AGENT), "queued on agent") == 0);
    CHECK(strcmp(acclient_status_name(ACCLIENT_NOT_RUNNING), "ACCLIENT_NOT_RUNNING") == 0);
}

static void scripts(const acclient_client *client) {
    acclient_error *error;
    char path[64];
    char text[256];
    snprintf(path, sizeof path, "/tmp/acclient-kill-c-%ld", (long)getpid());
    snprintf(text, sizeof text, "echo started; while [ ! -e %s ]; do sleep 0.02; done", path);
    SAY("a script continues after its kill and is not killed twice");
    acclient_command *command = sent(plain_script(client, agent(1, 1), text));
    wait_until_it_printed(command);
    CHECK(killed(command) == ACCLIENT_KILL_ORDERED);
    CHECK(killed(command) == ACCLIENT_KILL_ORDERED);
    acclient_jobs *jobs = jobs_in_state(command, 1, "RUNNING");
    const acclient_job *job = acclient_jobs_at(jobs, 0);
    int32_t kill = 0;
    EXPECT(ACCLIENT_OK, acclient_job_kill(job, 60000, NULL, &kill, &error));
    CHECK(kill == ACCLIENT_KILL_ORDERED);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fclose(file);
    acclient_job_free(next_job(command));
    EXPECT(ACCLIENT_OK, acclient_job_kill(job, 60000, NULL, &kill, &error));
    CHECK(kill == ACCLIENT_KILL_ENDED);
    CHECK(unlink(path) == 0);
    acclient_jobs_free(jobs);
    acclient_command_free(command);

    SAY("a killable script ends with its kill");
    acclient_request *request = plain_script(client, agent(1, 1), "echo started; exec sleep 600");
    EXPECT(ACCLIENT_OK, acclient_request_set_killable(request, &error));
    command = sent(request);
    wait_until_it_printed(command);
    CHECK(killed(command) == ACCLIENT_KILL_ENDED);
    CHECK(killed(command) == 0);
    acclient_command_free(command);

    SAY("only a shell script can be killable");
    request = plain_script(client, agent(1, 1), "#!/bin/sh\n");
    EXPECT(ACCLIENT_OK, acclient_request_set_killable(request, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT,
           acclient_request_submit(request, 10000, NULL, &command, &error));
    acclient_request_free(request);
}

/* A script in a queue of agent 1:1. */
static acclient_command *in_queue(const acclient_client *client, const char *text) {
    acclient_error *error;
    acclient_run_args *args = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_queue(args, "a queue", &error));
    acclient_request *request = plain_script(client, agent(1, 1), text);
    EXPECT(ACCLIENT_OK, acclient_request_set_run_args(request, args, &error));
    acclient_run_args_free(args);
    acclient_command *command = sent(request);
    acclient_jobs_free(jobs_in_state(command, 1, "RUNNING"));
    return command;
}

static void queues(const acclient_client *client) {
    acclient_error *error;
    SAY("a job that waits in a queue of its agent");
    acclient_command *first = in_queue(client, "echo started; exec sleep 600");
    acclient_command *second = in_queue(client, "true");
    acclient_progress *progress = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_progress(second, 60000, NULL, &progress, &error));
    CHECK(acclient_progress_stage(progress) == ACCLIENT_STAGE_QUEUED_ON_AGENT);
    CHECK(acclient_progress_stage_at(progress, 0) == ACCLIENT_STAGE_QUEUED_ON_AGENT);
    acclient_progress_free(progress);
    acclient_outcomes *outcomes = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_kill(second, 60000, NULL, &outcomes, &error));
    const acclient_error *failure = acclient_outcomes_failure(outcomes);
    CHECK(acclient_error_status(failure) == ACCLIENT_NOT_RUNNING);
    acclient_outcomes_free(outcomes);
    wait_until_it_printed(first);
    const int32_t kill = killed(first);
    CHECK(kill == ACCLIENT_KILL_ENDED || kill == ACCLIENT_KILL_ORDERED);
    acclient_command_free(first);
    acclient_command_free(second);
}

static void nobody(const acclient_client *client) {
    acclient_error *error;
    SAY("a target that no agent matches");
    acclient_command *command = send_script(client, everyone("none"), "true");
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT,
           acclient_command_next_result(command, LONG_MS, NULL, &job, &error));
    acclient_jobs *jobs = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT, acclient_command_jobs(command, 10000, NULL, &jobs, &error));
    acclient_progress *progress = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT,
           acclient_command_progress(command, 10000, NULL, &progress, &error));
    acclient_outcomes *outcomes = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT, acclient_command_kill(command, 10000, NULL, &outcomes, &error));
    EXPECT(ACCLIENT_NO_SUCH_AGENT,
           acclient_command_get_stats(command, 10000, NULL, &outcomes, &error));
    acclient_command_free(command);
}

int main(void) {
    acclient_client *client = connect_grid();
    names();
    scripts(client);
    nobody(client);
    queues(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
