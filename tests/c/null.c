/* NULL in every place, impossible lengths and numbers out of range fail with a message, and every
 * out parameter is set on entry. Here: tokens, connecting, commands, accessors; the rest is in
 * null_client.c, null_job.c and null_node.c. */
#define _GNU_SOURCE
#include "check.h"

static const char *const no_utf8 = "a\xff";

static void cancel_tokens(void) {
    acclient_error *error;
    acclient_cancel_token *cancel = GARBAGE;
    SAY("acclient_cancel_token_*");
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_cancel_token_new(NULL, &error));
    CHECK(acclient_cancel_token_new(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_cancel_token_new(&cancel, NULL) == ACCLIENT_OK && cancel != NULL);
    acclient_cancel_token_free(cancel);
    cancel = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    CHECK(!acclient_cancel_token_is_cancelled(cancel));
    acclient_cancel_token_free(cancel);
    CHECK(acclient_cancel_token_cancel(NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(!acclient_cancel_token_is_cancelled(NULL));
    acclient_cancel_token_free(NULL);
}

static void connecting(void) {
    acclient_error *error;
    acclient_client *client;
    const char *url = grid_url();
    SAY("acclient_client_connect");
    REFUSES(client, acclient_client_connect(NULL, 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_connect("", 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_connect(no_utf8, 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_connect("http://localhost", 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_connect(url, 0, NULL, &client, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_client_connect(url, 1000, NULL, NULL, &error));
    client = GARBAGE;
    CHECK(acclient_client_connect(NULL, 1000, NULL, &client, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(client == NULL);
    CHECK(acclient_client_connect(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_connect(url, INT64_MAX, NULL, &client, NULL) == ACCLIENT_OK);
    acclient_client_free(client);
    CHECK(acclient_client_connect(url, INT64_MIN, NULL, &client, NULL) == ACCLIENT_OK);
    acclient_client_free(client);
}

static void pinging(const acclient_client *client) {
    acclient_error *error;
    SAY("acclient_client_ping");
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_client_ping(NULL, 1000, NULL, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_client_ping(client, 0, NULL, &error));
    CHECK(acclient_client_ping(NULL, 0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_ping(client, 0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_ping(client, 10000, NULL, NULL) == ACCLIENT_OK);
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, INT64_MAX, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, INT64_MIN, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, -1, NULL, &error));
}

static void errors(void) {
    acclient_error *error;
    acclient_target *target = GARBAGE;
    SAY("the error of an invalid argument");
    FAILS(ACCLIENT_INVALID_ARGUMENT, acclient_target_agent(1, -7, &target, &error));
    CHECK(target == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "nid") != NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "-7") != NULL);
    CHECK_NO_TEXT(acclient_error_command_handle, error);
    CHECK_NO_TEXT(acclient_error_server_code, error);
    CHECK(!acclient_error_is_retriable(error));
    CHECK(!acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
}

static void ignoring(int32_t level, const char *target, const char *message, void *user_data) {
    (void)level;
    (void)target;
    (void)message;
    (void)user_data;
}

static void tokens_hooks_statistics(const acclient_client *client) {
    acclient_error *error;
    acclient_client *made;
    acclient_cancel_token *cancel = GARBAGE;
    acclient_answer *answer;
    SAY("acclient_client_with_cancel, acclient_client_statistics");
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    REFUSES(made, acclient_client_with_cancel(NULL, cancel, &made, &error));
    REFUSES(made, acclient_client_with_cancel(client, NULL, &made, &error));
    REFUSED(acclient_client_with_cancel(client, cancel, NULL, &error));
    CHECK(acclient_client_with_cancel(NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    acclient_cancel_token_free(cancel);
    REFUSES(answer, acclient_client_statistics(NULL, &answer, &error));
    REFUSED(acclient_client_statistics(client, NULL, &error));
    CHECK(acclient_client_statistics(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_set_log_hook");
    const int32_t levels[] = {INT32_MIN, -1, 0, 6, INT32_MAX};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        REFUSED(acclient_set_log_hook(ignoring, NULL, levels[i], &error));
        CHECK(acclient_set_log_hook(NULL, NULL, levels[i], NULL) == ACCLIENT_INVALID_ARGUMENT);
    }
    EXPECT(ACCLIENT_OK, acclient_set_log_hook(NULL, NULL, ACCLIENT_LOG_ERROR, &error));
}

static void finding(const acclient_client *client, const acclient_command *known) {
    acclient_error *error;
    acclient_command *command;
    const char *handle = acclient_command_handle(known, NULL);
    const char *const wrong[] = {"",
                                 "x",
                                 "acclient:1:",
                                 "acclient:1::1:1",
                                 "acclient:2:id:1:1",
                                 "acclient:1:id",
                                 "acclient:1:id:0:0:0",
                                 "acclient:1:%00:1:1",
                                 "acclient:1:%ff:1:1",
                                 no_utf8};
    SAY("acclient_client_get_by_handle");
    REFUSES(command, acclient_client_get_by_handle(NULL, handle, &command, &error));
    REFUSES(command, acclient_client_get_by_handle(client, NULL, &command, &error));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        REFUSES(command, acclient_client_get_by_handle(client, wrong[i], &command, &error));
    }
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_client_get_by_handle(client, handle, NULL, &error));
    command = GARBAGE;
    CHECK(acclient_client_get_by_handle(client, NULL, &command, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(command == NULL);
    CHECK(acclient_client_get_by_handle(NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_get_by_handle(client, handle, &command, NULL) == ACCLIENT_OK);
    acclient_command_free(command);
}

static void waiting(const acclient_command *command) {
    acclient_error *error;
    acclient_job *job;
    SAY("acclient_command_*");
    REFUSES(job, acclient_command_next_result(NULL, 1000, NULL, &job, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT,
           acclient_command_next_result(command, 1000, NULL, NULL, &error));
    job = GARBAGE;
    CHECK(acclient_command_next_result(NULL, 1000, NULL, &job, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(job == NULL);
    CHECK(acclient_command_next_result(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    CHECK_NO_TEXT(acclient_command_id, NULL);
    CHECK_NO_TEXT(acclient_command_handle, NULL);
    CHECK(acclient_command_id(command, NULL) != NULL);
    CHECK(acclient_command_handle(command, NULL) != NULL);

    job = GARBAGE;
    CHECK(acclient_command_next_result(command, INT64_MAX, NULL, &job, NULL) == ACCLIENT_OK);
    CHECK(job != NULL);
    acclient_job_free(job);
    job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_next_result(command, INT64_MIN, NULL, &job, &error));
    CHECK(job == NULL);
}

static void accessors(void) {
    SAY("accessors of NULL");
    CHECK(acclient_error_status(NULL) == ACCLIENT_OK);
    CHECK_NO_TEXT(acclient_error_message, NULL);
    CHECK_NO_TEXT(acclient_error_command_handle, NULL);
    CHECK_NO_TEXT(acclient_error_server_code, NULL);
    CHECK(!acclient_error_is_retriable(NULL));
    CHECK(!acclient_error_is_timeout(NULL));
    CHECK(!acclient_error_is_maybe_sent(NULL));
    CHECK(!acclient_error_is_final(NULL));
    int64_t gid = 12345;
    int64_t nid = 12345;
    CHECK(!acclient_error_agent(NULL, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_error_agent(NULL, NULL, NULL));
    CHECK(!acclient_error_gap(NULL, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_error_gap(NULL, NULL, NULL));
    CHECK(acclient_error_job(NULL) == NULL);
    CHECK_NO_TEXT(acclient_job_id, NULL);
    CHECK_NO_TEXT(acclient_job_state, NULL);
    CHECK_NO_TEXT(acclient_job_cmd, NULL);
    CHECK_NO_TEXT(acclient_job_args, NULL);
    CHECK_NO_TEXT(acclient_job_data, NULL);
    CHECK_NO_TEXT(acclient_job_stdout, NULL);
    CHECK_NO_TEXT(acclient_job_stderr, NULL);
    CHECK_NO_TEXT(acclient_job_critical, NULL);
    CHECK_NO_TEXT(acclient_job_tags, NULL);
    CHECK_NO_TEXT(acclient_job_dump, NULL);
    CHECK_NO_TEXT(acclient_job_raw, NULL);
    gid = nid = 12345;
    CHECK(!acclient_job_agent(NULL, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_job_agent(NULL, NULL, NULL));
    CHECK(!acclient_job_is_success(NULL));
    CHECK(acclient_job_level(NULL) == 0);
    CHECK(acclient_job_starttime_ms(NULL) == 0);
    CHECK(acclient_job_time_ms(NULL) == 0);
    acclient_client_close(NULL);
    acclient_client_free(NULL);
    acclient_command_free(NULL);
    acclient_error_free(NULL);
    acclient_job_free(NULL);
    CHECK(strcmp(acclient_status_name(INT32_MIN), "unknown status") == 0);
    CHECK(strcmp(acclient_stage_name(INT32_MIN), "unknown stage") == 0);
    CHECK(strcmp(acclient_outcome_name(INT32_MIN), "unknown outcome") == 0);
    CHECK(strcmp(acclient_kill_name(INT32_MIN), "unknown kill") == 0);
    CHECK(acclient_check_version(UINT32_MAX, UINT32_MAX, UINT32_MAX) == ACCLIENT_UNSUPPORTED);
}

int main(void) {
    acclient_client *client = connect_grid();
    acclient_command *command = shell(client, "true");
    cancel_tokens();
    connecting();
    pinging(client);
    errors();
    tokens_hooks_statistics(client);
    finding(client, command);
    waiting(command);
    accessors();
    acclient_command_free(command);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
