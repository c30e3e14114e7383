/* NULL in every place, absurd lengths, numbers out of range: refused with a message, and every out
 * parameter set on entry. Here: tokens, connecting, executing, commands, accessors; the rest is in
 * null_client.c, null_job.c and null_node.c. */
#define _GNU_SOURCE
#include "check.h"

static const char *const no_utf8 = "a\xff";

static void cancel_tokens(void) {
    acclient_error *error;
    acclient_cancel *cancel = GARBAGE;
    SAY("acclient_cancel_*");
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_cancel_new(NULL, &error));
    CHECK(acclient_cancel_new(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_cancel_new(&cancel, NULL) == ACCLIENT_OK && cancel != NULL);
    acclient_cancel_free(cancel);
    cancel = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_new(&cancel, &error));
    CHECK(!acclient_cancel_is_cancelled(cancel));
    acclient_cancel_free(cancel);
    CHECK(acclient_cancel_cancel(NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(!acclient_cancel_is_cancelled(NULL));
    acclient_cancel_free(NULL);
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

static void executing(const acclient_client *client) {
    acclient_error *error;
    acclient_command *command;
    const char *args[] = {"a", "b"};
    const char *holed[] = {"a", NULL};
    const char *broken[] = {"a", no_utf8};
    const char data[] = "data";
    const int64_t numbers[] = {0, -1, INT64_MIN, INT64_C(1) << 32, INT64_MAX};

#define EXECUTE(client, gid, nid, program, args, args_count, data, data_length, timeout)           \
    acclient_client_execute(client, gid, nid, program, args, args_count, data, data_length,        \
                            timeout, NULL, &command, &error)

    SAY("acclient_client_execute: NULL");
    REFUSES(command, EXECUTE(NULL, 1, 1, "true", args, 2, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, NULL, args, 2, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", NULL, 2, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, 2, NULL, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", holed, 2, data, 4, 1000));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_client_execute(client, 1, 1, "true", args, 2, data,
                                                              4, 1000, NULL, NULL, &error));
    command = GARBAGE;
    CHECK(acclient_client_execute(client, 1, 1, NULL, args, 2, data, 4, 1000, NULL, &command,
                                  NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(command == NULL);
    CHECK(acclient_client_execute(NULL, 0, 0, NULL, NULL, 0, NULL, 0, 0, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_client_execute: lengths that cannot be");
    REFUSES(command, EXECUTE(client, 1, 1, "true", NULL, SIZE_MAX, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, SIZE_MAX, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, SIZE_MAX / 2, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, SIZE_MAX / sizeof *args, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, 2, NULL, SIZE_MAX, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, 2, data, SIZE_MAX, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, 2, data, SIZE_MAX / 2 + 1, 1000));

    SAY("acclient_client_execute: numbers, text, time");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        REFUSES(command, EXECUTE(client, numbers[i], 1, "true", args, 2, data, 4, 1000));
        REFUSES(command, EXECUTE(client, 1, numbers[i], "true", args, 2, data, 4, 1000));
    }
    FAILS(ACCLIENT_INVALID_ARGUMENT, EXECUTE(client, 1, -7, "true", args, 2, data, 4, 1000));
    CHECK(strstr(acclient_error_message(error, NULL), "nid") != NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "-7") != NULL);
    CHECK_NO_TEXT(acclient_error_command, error);
    CHECK_NO_TEXT(acclient_error_server_code, error);
    CHECK(!acclient_error_is_retriable(error));
    CHECK(!acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
    REFUSES(command, EXECUTE(client, 1, 1, no_utf8, args, 2, data, 4, 1000));
    REFUSES(command, EXECUTE(client, 1, 1, "true", broken, 2, data, 4, 1000));
    FAILS(ACCLIENT_INVALID_ARGUMENT, EXECUTE(client, 1, 1, "true", args, 2, "abc\xff", 4, 1000));
    CHECK(strchr(acclient_error_message(error, NULL), '3') != NULL);
    acclient_error_free(error);
    REFUSES(command, EXECUTE(client, 1, 1, "true", args, 2, data, 4, 0));

    SAY("acclient_client_execute: what is allowed");
    EXPECT(ACCLIENT_OK, EXECUTE(client, 1, 1, "true", NULL, 0, NULL, 0, 10000));
    acclient_command_free(command);
    EXPECT(ACCLIENT_OK, EXECUTE(client, 1, 1, "true", args, 0, data, 0, -1));
    acclient_command_free(command);
    command = GARBAGE;
    CHECK(acclient_client_execute(client, 1, 1, "true", NULL, 0, "a\0b", 3, INT64_MAX, NULL,
                                  &command, NULL) == ACCLIENT_OK);
    acclient_command_free(command);
#undef EXECUTE
}

static void finding(const acclient_client *client, const acclient_command *known) {
    acclient_error *error;
    acclient_command *command;
    const char *printed = acclient_command_printed(known, NULL);
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
    SAY("acclient_client_command_from");
    REFUSES(command, acclient_client_command_from(NULL, printed, &command, &error));
    REFUSES(command, acclient_client_command_from(client, NULL, &command, &error));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        REFUSES(command, acclient_client_command_from(client, wrong[i], &command, &error));
    }
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_client_command_from(client, printed, NULL, &error));
    command = GARBAGE;
    CHECK(acclient_client_command_from(client, NULL, &command, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(command == NULL);
    CHECK(acclient_client_command_from(NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_command_from(client, printed, &command, NULL) == ACCLIENT_OK);
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

    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_command_kill(NULL, 1000, NULL, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_command_kill(command, 0, NULL, &error));
    CHECK(acclient_command_kill(NULL, 1000, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    CHECK_NO_TEXT(acclient_command_id, NULL);
    CHECK_NO_TEXT(acclient_command_printed, NULL);
    CHECK(acclient_command_id(command, NULL) != NULL);
    CHECK(acclient_command_printed(command, NULL) != NULL);

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
    CHECK_NO_TEXT(acclient_error_command, NULL);
    CHECK_NO_TEXT(acclient_error_server_code, NULL);
    CHECK(!acclient_error_is_retriable(NULL));
    CHECK(!acclient_error_is_timeout(NULL));
    CHECK(!acclient_error_is_maybe_sent(NULL));
    CHECK(!acclient_error_is_final(NULL));
    int64_t gid = 12345;
    int64_t nid = 12345;
    CHECK(!acclient_error_agent(NULL, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_error_agent(NULL, NULL, NULL));
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
    CHECK(acclient_job_gid(NULL) == 0);
    CHECK(acclient_job_nid(NULL) == 0);
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
    CHECK(acclient_check_version(UINT32_MAX, UINT32_MAX, UINT32_MAX) == ACCLIENT_UNSUPPORTED);
}

int main(void) {
    acclient_client *client = connect_grid();
    acclient_command *command = shell(client, "true");
    cancel_tokens();
    connecting();
    pinging(client);
    executing(client);
    finding(client, command);
    waiting(command);
    accessors();
    acclient_command_free(command);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
