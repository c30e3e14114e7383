/* Operations on the job of one agent, while it runs and after it has ended. */
#define _GNU_SOURCE
#include "check.h"

/* Waits until the job of one agent runs, and returns it. */
static acclient_jobs *running(const acclient_command *command) {
    acclient_error *error;
    acclient_jobs *jobs = GARBAGE;
    acclient_jobs_free(jobs_in_state(command, 1, "RUNNING"));
    EXPECT(ACCLIENT_OK, acclient_command_jobs(command, 10000, NULL, &jobs, &error));
    CHECK(acclient_jobs_count(jobs) == 1);
    CHECK(acclient_jobs_at(jobs, 0) != NULL);
    CHECK(acclient_jobs_at(jobs, 1) == NULL);
    int64_t gid = 0, nid = 0;
    CHECK(acclient_job_agent(acclient_jobs_at(jobs, 0), &gid, &nid));
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_job(command, gid, nid, 10000, NULL, &job, &error));
    CHECK_TEXT(acclient_job_state, job, "RUNNING");
    acclient_job_free(job);
    EXPECT(ACCLIENT_PROTOCOL, acclient_command_job(command, 9, 9, 10000, NULL, &job, &error));
    return jobs;
}

static void at_work(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    SAY("resource usage of a job");
    acclient_command *command = shell(client, "echo one; echo two >&2; exec sleep 600");
    acclient_jobs *jobs = running(command);
    const acclient_job *job = acclient_jobs_at(jobs, 0);
    CHECK_TEXT(acclient_job_state, job, "RUNNING");
    CHECK(!acclient_job_is_success(job));
    /* A process that was just forked has no memory yet. */
    WAIT_UNTIL(
        (acclient_job_get_stats(job, 10000, NULL, &answer, NULL),
         acclient_answer_int(answer, 0, "rss") > 0 || (acclient_answer_free(answer), false)));
    CHECK(acclient_answer_count(answer) == 1);
    CHECK(acclient_answer_text(answer, 0, "cpu", NULL) != NULL);
    acclient_answer_free(answer);

    SAY("its log");
    WAIT_UNTIL((acclient_job_get_msgs(job, NULL, 10000, NULL, &answer, NULL),
                acclient_answer_count(answer) == 2 || (acclient_answer_free(answer), false)));
    int seen = 0;
    for (size_t row = 0; row < 2; row++) {
        const int64_t level = acclient_answer_int(answer, row, "level");
        const char *data = acclient_answer_text(answer, row, "data", NULL);
        CHECK(strcmp(data, level == 1 ? "one" : "two") == 0);
        CHECK(acclient_answer_int(answer, row, "epoch") > 0);
        seen += (int)level;
    }
    CHECK(seen == 3);
    acclient_answer_free(answer);
    acclient_msg_query *query = msg_query("2", 10);
    EXPECT(ACCLIENT_OK, acclient_msg_query_set_from(query, 0, &error));
    EXPECT(ACCLIENT_OK, acclient_job_get_msgs(job, query, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 1);
    CHECK(strcmp(acclient_answer_text(answer, 0, "data", NULL), "two") == 0);
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK, acclient_msg_query_set_levels(query, "*", &error));
    EXPECT(ACCLIENT_OK, acclient_msg_query_set_to(query, 1, &error));
    EXPECT(ACCLIENT_OK, acclient_job_get_msgs(job, query, 10000, NULL, &answer, &error));
    acclient_msg_query_free(query);
    CHECK(acclient_answer_count(answer) == 0);
    CHECK_TEXT(acclient_answer_json, answer, "[]");
    acclient_answer_free(answer);

    SAY("a wait that times out, a kill, a wait");
    acclient_job *ended = GARBAGE;
    FAILS(ACCLIENT_TIMEOUT, acclient_job_wait(job, 50, NULL, &ended, &error));
    CHECK(ended == NULL && acclient_error_is_timeout(error));
    acclient_error_free(error);
    EXPECT(ACCLIENT_TIMEOUT, acclient_job_wait(job, 0, NULL, &ended, &error));
    EXPECT(ACCLIENT_OK, acclient_job_kill(job, 10000, NULL, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_job_wait(job, LONG_MS, NULL, &ended, &error));
    CHECK_TEXT(acclient_job_state, ended, "KILLED");
    CHECK_TEXT(acclient_job_stdout, ended, "one\n");
    CHECK_TEXT(acclient_job_state, job, "RUNNING");
    acclient_job *refreshed = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_job_refresh(job, 10000, NULL, &refreshed, &error));
    CHECK_TEXT(acclient_job_dump, refreshed, acclient_job_dump(ended, NULL));
    acclient_jobs_free(jobs);
    acclient_job_free(refreshed);

    SAY("a job that has ended");
    acclient_job *again = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_job_wait(ended, 0, NULL, &again, &error));
    CHECK_TEXT(acclient_job_state, again, "KILLED");
    acclient_job_free(again);
    answer = GARBAGE;
    FAILS(ACCLIENT_JOB_FAILED, acclient_job_get_stats(ended, 10000, NULL, &answer, &error));
    CHECK(answer == NULL);
    const acclient_job *failed = acclient_error_job(error);
    CHECK_TEXT(acclient_job_state, failed, "ERROR");
    CHECK_TEXT(acclient_job_cmd, failed, "get_process_stats");
    CHECK(acclient_error_job(error) == failed);
    acclient_error_free(error);
    acclient_job_free(ended);
    acclient_command_free(command);
}

/* Follows a job to its end and returns the number of messages, which arrive in the order in which
 * they become visible. */
static size_t follow(const acclient_job *job, const char *levels, const char *expected) {
    acclient_error *error;
    acclient_follow *follow = GARBAGE;
    acclient_msg_query *query = msg_query(levels, 1);
    EXPECT(ACCLIENT_OK, acclient_job_follow(job, query, LONG_MS, NULL, &follow, &error));
    acclient_msg_query_free(query);
    size_t count = 0;
    while (true) {
        acclient_answer *message = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_follow_next(follow, &message, &error));
        if (message == NULL) {
            break;
        }
        CHECK(acclient_answer_count(message) == 1);
        CHECK(acclient_answer_int(message, 0, "epoch") > 0);
        CHECK(strstr(expected, acclient_answer_text(message, 0, "data", NULL)) != NULL);
        acclient_answer_free(message);
        count++;
    }
    acclient_answer *message = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_follow_next(follow, &message, &error));
    CHECK(message == NULL);
    acclient_follow_free(follow);
    return count;
}

static void following(const acclient_client *client) {
    acclient_error *error;
    SAY("following a job");
    acclient_command *command = shell(client, "echo a; echo 7::b; sleep 0.3; echo c");
    acclient_jobs *jobs = jobs_in_state(command, 1, "RUNNING");
    const acclient_job *job = acclient_jobs_at(jobs, 0);
    CHECK(follow(job, "*", "abc") == 3);
    CHECK(follow(job, "7", "b") == 1);
    acclient_jobs_free(jobs);
    acclient_command_free(command);

    SAY("following until the deadline, or until cancelled");
    command = shell(client, "echo a; exec sleep 600");
    jobs = running(command);
    job = acclient_jobs_at(jobs, 0);
    acclient_follow *handle = GARBAGE;
    acclient_cancel_token *cancel = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    acclient_msg_query *query = msg_query("9", 1);
    EXPECT(ACCLIENT_OK, acclient_job_follow(job, query, 200, NULL, &handle, &error));
    acclient_msg_query_free(query);
    acclient_answer *message = GARBAGE;
    EXPECT(ACCLIENT_TIMEOUT, acclient_follow_next(handle, &message, &error));
    CHECK(message == NULL);
    acclient_follow_free(handle);
    EXPECT(ACCLIENT_OK, acclient_job_follow(job, NULL, -1, cancel, &handle, &error));
    EXPECT(ACCLIENT_OK, acclient_follow_next(handle, &message, &error));
    CHECK(strcmp(acclient_answer_text(message, 0, "data", NULL), "a") == 0);
    CHECK(strchr(acclient_answer_json(message, NULL), '{') != NULL);
    acclient_answer_free(message);
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    acclient_cancel_token_free(cancel);
    EXPECT(ACCLIENT_CANCELLED, acclient_follow_next(handle, &message, &error));
    CHECK(message == NULL);
    acclient_follow_free(handle);
    EXPECT(ACCLIENT_OK, acclient_job_kill(job, 10000, NULL, NULL, &error));
    acclient_jobs_free(jobs);
    acclient_command_free(command);
}

/* Follows a job that has logged more than an agent returns per request. */
static void missing(const acclient_client *client) {
    acclient_error *error;
    SAY("a gap in a log");
    acclient_command *command = shell(client, "seq 3000");
    acclient_jobs *jobs = jobs_in_state(command, 1, "SUCCESS");
    const acclient_job *job = acclient_jobs_at(jobs, 0);
    acclient_follow *handle = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_job_follow(job, NULL, LONG_MS, NULL, &handle, &error));
    size_t gaps = 0;
    size_t messages = 0;
    while (true) {
        acclient_answer *message = GARBAGE;
        acclient_status status = acclient_follow_next(handle, &message, &error);
        if (status == ACCLIENT_GAP) {
            int64_t after = 12345;
            int64_t before = 0;
            CHECK(message == NULL && !acclient_error_is_final(error));
            CHECK(acclient_error_gap(error, &after, &before) && before > after && after >= 0);
            CHECK(acclient_error_gap(error, NULL, NULL));
            acclient_error_free(error);
            gaps++;
            continue;
        }
        CHECK(status == ACCLIENT_OK);
        if (message == NULL) {
            break;
        }
        acclient_answer_free(message);
        messages++;
    }
    CHECK(gaps > 0 && messages >= 1000 && messages < 3000);
    acclient_follow_free(handle);
    acclient_jobs_free(jobs);
    acclient_command_free(command);
}

static void outliving(void) {
    acclient_error *error;
    SAY("a job outlives its client, command and list");
    acclient_client *client = connect_grid();
    acclient_command *command = shell(client, "exec sleep 600");
    acclient_jobs *jobs = running(command);
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_job_refresh(acclient_jobs_at(jobs, 0), 10000, NULL, &job, &error));
    acclient_jobs_free(jobs);
    acclient_command_free(command);
    acclient_client_free(client);
    acclient_job *ended = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_job_kill(job, 10000, NULL, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_job_wait(job, LONG_MS, NULL, &ended, &error));
    CHECK_TEXT(acclient_job_state, ended, "KILLED");
    acclient_job_free(ended);
    acclient_job_free(job);
}

static void text_that_is_none(const acclient_client *client) {
    static const char mended[] = "caf\xef\xbf\xbd \0 \xef\xbf\xbd\n";
    acclient_error *error;
    acclient_command *command = GARBAGE;
    size_t length = 12345;
    SAY("invalid UTF-8, a lone surrogate and a NUL");
    EXPECT(ACCLIENT_OK,
           acclient_client_get_by_handle(client, "acclient:1:broken:1:1", &command, &error));
    acclient_job *job = next_job(command);
    const char *out = acclient_job_stdout(job, &length);
    CHECK(length == sizeof mended - 1 && memcmp(out, mended, sizeof mended) == 0);
    CHECK(strstr(acclient_job_raw(job, &length), "caf\xe9 \\u0000 \\ud800") != NULL);
    CHECK(strlen(acclient_job_raw(job, NULL)) == length);
    SAY("acclient_job_dropped_fields_*");
    CHECK(acclient_job_starttime_ms(job) == 1 && acclient_job_time_ms(job) == 1000);
    CHECK(acclient_job_tags(job, NULL) == NULL && acclient_job_critical(job, NULL) == NULL);
    CHECK(acclient_job_dropped_fields_count(job) == 2);
    CHECK(strcmp(acclient_job_dropped_fields_at(job, 0, &length), "critical") == 0 && length == 8);
    CHECK(strcmp(acclient_job_dropped_fields_at(job, 1, NULL), "tags") == 0);
    CHECK(acclient_job_dropped_fields_at(job, 2, &length) == NULL && length == 0);
    CHECK(acclient_job_dropped_fields_count(NULL) == 0);
    acclient_job_free(job);
    acclient_command_free(command);
    SAY("a result that is valid text");
    command = shell(client, "echo all text");
    job = next_job(command);
    CHECK_NO_TEXT(acclient_job_raw, job);
    acclient_job_free(job);
    acclient_command_free(command);
}

int main(void) {
    acclient_client *client = connect_grid();
    at_work(client);
    following(client);
    missing(client);
    text_that_is_none(client);
    acclient_client_free(client);
    outliving();
    return EXIT_SUCCESS;
}
