/* Runs a program on an agent, from connecting to the last accessor. */
#define _GNU_SOURCE
#include "check.h"

static void versions_and_names(void) {
    const char *names[] = {"OK",
                           "INVALID_ARGUMENT",
                           "CONNECT",
                           "AUTHENTICATION",
                           "TIMEOUT",
                           "CANCELLED",
                           "SERVER",
                           "PROTOCOL",
                           "NO_SUCH_AGENT",
                           "JOB_FAILED",
                           "UNKNOWN_COMMAND",
                           "UNSUPPORTED",
                           "MAYBE_SENT",
                           "POOL_EXHAUSTED",
                           "CLOSED",
                           "FORKED_HANDLE",
                           "PANIC",
                           "SYSTEM",
                           "NO_SUCH_TUNNEL",
                           "TUNNEL_EXISTS",
                           "NOT_RUNNING",
                           "LOST",
                           "GAP",
                           "ID_IN_USE"};
    const int count = sizeof names / sizeof *names;
    char text[64];
    SAY("version and status names");
    snprintf(text, sizeof text, "%d.%d.%d", ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
             ACCLIENT_VERSION_PATCH);
    CHECK(strcmp(acclient_version(), text) == 0);
    CHECK(acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
                                 ACCLIENT_VERSION_PATCH) == ACCLIENT_OK);
    CHECK(acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
                                 ACCLIENT_VERSION_PATCH + 1) == ACCLIENT_UNSUPPORTED);
    CHECK(acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR + 1,
                                 ACCLIENT_VERSION_PATCH) == ACCLIENT_UNSUPPORTED);
    CHECK(acclient_check_version(ACCLIENT_VERSION_MAJOR + 1, ACCLIENT_VERSION_MINOR,
                                 ACCLIENT_VERSION_PATCH) == ACCLIENT_UNSUPPORTED);
    for (int status = 0; status < count; status++) {
        snprintf(text, sizeof text, "ACCLIENT_%s", names[status]);
        CHECK(strcmp(acclient_status_name(status), text) == 0);
    }
    CHECK(strcmp(acclient_status_name(count), "unknown status") == 0);
    CHECK(strcmp(acclient_status_name(-1), "unknown status") == 0);
}

/* URL of the same server with another prefix and suffix. */
static const char *other_url(const char *before, const char *behind) {
    static char url[200];
    const char *host = strstr(grid_url(), "://");
    CHECK(host != NULL);
    snprintf(url, sizeof url, "redis://%s%.*s%s", before, (int)strcspn(host + 3, "/"), host + 3,
             behind);
    return url;
}

static void connecting(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    SAY("failures to connect");
    FAILS(ACCLIENT_CONNECT,
          acclient_client_connect("redis://:sesame@127.0.0.1:1", 5000, NULL, &client, &error));
    CHECK(client == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "127.0.0.1:1") != NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "sesame") == NULL);
    CHECK_NO_TEXT(acclient_error_command_handle, error);
    CHECK_NO_TEXT(acclient_error_server_code, error);
    CHECK(acclient_error_is_retriable(error));
    CHECK(!acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);

    client = GARBAGE;
    FAILS(ACCLIENT_AUTHENTICATION,
          acclient_client_connect(other_url("nobody:sesame@", "/0"), 5000, NULL, &client, &error));
    CHECK(client == NULL);
    CHECK(!acclient_error_is_retriable(error));
    CHECK(strstr(acclient_error_message(error, NULL), "sesame") == NULL);
    acclient_error_free(error);

    FAILS(ACCLIENT_SERVER,
          acclient_client_connect(other_url("", "/99"), 5000, NULL, &client, &error));
    CHECK_TEXT(acclient_error_server_code, error, "ERR");
    acclient_error_free(error);
    EXPECT(ACCLIENT_CONNECT,
           acclient_client_connect("rediss://127.0.0.1:1", 5000, NULL, &client, &error));
    EXPECT(ACCLIENT_TIMEOUT,
           acclient_client_connect("redis+sentinel://127.0.0.1:1/x", 100, NULL, &client, &error));
    EXPECT(ACCLIENT_CONNECT,
           acclient_client_connect("redis+unix:///nowhere/x", 5000, NULL, &client, &error));
    CHECK(client == NULL);
}

/* All accessors of a successful job. */
static void successful(const acclient_client *client) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    const char *args[] = {"-c", "cat; echo \"$1 on $AGENT_GID:$AGENT_NID\"; sleep 0.1", "sh",
                          "an \"argument\"\n"};
    const char data[] = "first line\nsecond line, \xc3\xbc\n";
    char text[200];
    size_t length;
    SAY("a program with arguments and standard input");
    const int64_t before = milliseconds(CLOCK_REALTIME);
    EXPECT(ACCLIENT_OK,
           execute(client, 2, 1, "sh", args, 4, data, strlen(data), 10000, NULL, &command, &error));
    const char *id = acclient_command_id(command, &length);
    CHECK(id != NULL && length == strlen(id) && length > 0);
    snprintf(text, sizeof text, "acclient:1:%s:2:1", id);
    CHECK_TEXT(acclient_command_handle, command, text);

    acclient_job *job = next_job(command);
    const int64_t after = milliseconds(CLOCK_REALTIME);
    CHECK_TEXT(acclient_job_state, job, "SUCCESS");
    CHECK(acclient_job_is_success(job));
    CHECK_TEXT(acclient_job_id, job, id);
    CHECK_TEXT(acclient_job_cmd, job, "execute");
    CHECK_TEXT(acclient_job_stdout, job,
               "first line\nsecond line, \xc3\xbc\nan \"argument\"\n on 2:1\n");
    CHECK_TEXT(acclient_job_stderr, job, "");
    CHECK_TEXT(acclient_job_data, job, "");
    CHECK_NO_TEXT(acclient_job_critical, job);
    CHECK_NO_TEXT(acclient_job_tags, job);
    CHECK(job_gid(job) == 2);
    CHECK(job_nid(job) == 1);
    CHECK(acclient_job_level(job) == 0);
    CHECK(acclient_job_starttime_ms(job) >= before);
    CHECK(acclient_job_starttime_ms(job) <= after);
    CHECK(acclient_job_time_ms(job) >= 100);
    CHECK(acclient_job_time_ms(job) <= after - before);
    const char *json = acclient_job_args(job, &length);
    CHECK(json != NULL && length == strlen(json));
    CHECK(strstr(json, "\"name\":\"sh\"") != NULL);
    CHECK(strstr(json, "\"an \\\"argument\\\"\\n\"") != NULL);
    const char *dump = acclient_job_dump(job, &length);
    CHECK(dump != NULL && length == strlen(dump) && dump[0] == '{' && dump[length - 1] == '}');
    CHECK(strstr(dump, id) != NULL);
    CHECK(strstr(dump, "\"state\":\"SUCCESS\"") != NULL);

    SAY("all results have been returned");
    for (int i = 0; i < 2; i++) {
        acclient_job *none = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_command_next_result(command, -1, NULL, &none, &error));
        CHECK(none == NULL);
        none = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_command_next_result(command, 0, NULL, &none, &error));
        CHECK(none == NULL);
    }
    acclient_command_free(command);
    CHECK_TEXT(acclient_job_state, job, "SUCCESS");
    acclient_job_free(job);
}

static void levels_and_nuls(const acclient_client *client) {
    const char expected[] = "{\"a\0b\":1}";
    size_t length;
    SAY("data with a NUL, a level and a critical message");
    acclient_command *command =
        shell(client, "printf 'x\\0y\\n20::{\"a\\0b\":1}\\n9::it burns\\n'; printf 'e\\0\\n' >&2");
    acclient_job *job = next_job(command);
    const char *data = acclient_job_data(job, &length);
    CHECK(length == sizeof expected - 1 && memcmp(data, expected, sizeof expected) == 0);
    const char *out = acclient_job_stdout(job, &length);
    CHECK(length == 4 && memcmp(out, "x\0y\n", 5) == 0);
    const char *err = acclient_job_stderr(job, &length);
    CHECK(length == 3 && memcmp(err, "e\0\n", 4) == 0);
    CHECK(acclient_job_level(job) == 20);
    CHECK_TEXT(acclient_job_critical, job, "it burns");
    acclient_job_free(job);
    acclient_command_free(command);

    SAY("standard input with a NUL");
    acclient_error *error;
    EXPECT(ACCLIENT_OK,
           execute(client, 1, 1, "cat", NULL, 0, "a\0b", 3, 10000, NULL, &command, &error));
    job = next_job(command);
    out = acclient_job_stdout(job, &length);
    CHECK(length == 4 && memcmp(out, "a\0b\n", 5) == 0);
    acclient_job_free(job);
    acclient_command_free(command);
}

static void failing(const acclient_client *client) {
    acclient_error *error;
    SAY("a program that fails");
    acclient_command *command = shell(client, "echo said; echo moaned >&2; exit 3");
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_state, job, "ERROR");
    CHECK(!acclient_job_is_success(job));
    CHECK_TEXT(acclient_job_stdout, job, "said\n");
    CHECK_TEXT(acclient_job_stderr, job, "moaned\n");
    acclient_job_free(job);
    acclient_command_free(command);

    SAY("a program that does not exist");
    EXPECT(ACCLIENT_OK, execute(client, 1, 1, "no-such-program", NULL, 0, NULL, 0, 10000, NULL,
                                &command, &error));
    job = next_job(command);
    CHECK_TEXT(acclient_job_state, job, "ERROR");
    CHECK_TEXT(acclient_job_stdout, job, "");
    CHECK_TEXT(acclient_job_stderr, job, "");
    CHECK(strstr(acclient_job_data(job, NULL), "no-such-program") != NULL);
    acclient_job_free(job);
    acclient_command_free(command);

    SAY("an agent that does not exist");
    EXPECT(ACCLIENT_OK,
           execute(client, 9, 9, "true", NULL, 0, NULL, 0, 10000, NULL, &command, &error));
    job = GARBAGE;
    FAILS(ACCLIENT_NO_SUCH_AGENT, acclient_command_next_result(command, 10000, NULL, &job, &error));
    CHECK(job == NULL);
    CHECK_TEXT(acclient_error_command_handle, error, acclient_command_handle(command, NULL));
    CHECK(strstr(acclient_error_message(error, NULL), "9") != NULL);
    CHECK(!acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
    acclient_command_free(command);
}

static void check_timeout(const acclient_command *command, int64_t timeout) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    const int64_t begun = now_ms();
    FAILS(ACCLIENT_TIMEOUT, acclient_command_next_result(command, timeout, NULL, &job, &error));
    const int64_t took = now_ms() - begun;
    CHECK(job == NULL);
    CHECK(took >= timeout && took < timeout + LATE_MS);
    CHECK_TEXT(acclient_error_command_handle, error, acclient_command_handle(command, NULL));
    CHECK(acclient_error_is_timeout(error));
    CHECK(acclient_error_is_retriable(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
}

static void timing_out_and_killing(const acclient_client *client) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    const char *args[] = {"600"};
    SAY("waits that time out");
    EXPECT(ACCLIENT_OK,
           execute(client, 1, 2, "sleep", args, 1, NULL, 0, 10000, NULL, &command, &error));
    check_timeout(command, 0);
    check_timeout(command, 50);
    check_timeout(command, 1);
    SAY("killing");
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    CHECK(!acclient_job_is_success(job));
    CHECK(job_nid(job) == 2);
    acclient_job_free(job);
    acclient_command_free(command);
}

static void found_again(acclient_client *client) {
    acclient_error *error;
    acclient_command *found = GARBAGE;
    SAY("another client looks up a command after its client and handle are freed");
    acclient_command *command = shell(client, "echo here I am");
    acclient_client *second = connect_grid();
    EXPECT(ACCLIENT_OK, acclient_client_get_by_handle(
                            second, acclient_command_handle(command, NULL), &found, &error));
    CHECK_TEXT(acclient_command_id, found, acclient_command_id(command, NULL));
    CHECK_TEXT(acclient_command_handle, found, acclient_command_handle(command, NULL));
    acclient_client_free(second);
    acclient_job *job = next_job(command);
    acclient_job *again = next_job(found);
    CHECK_TEXT(acclient_job_stdout, job, "here I am\n");
    CHECK_TEXT(acclient_job_dump, again, acclient_job_dump(job, NULL));
    acclient_command_free(command);
    acclient_command_free(found);
    acclient_job_free(job);
    CHECK_TEXT(acclient_job_stdout, again, "here I am\n");
    acclient_job_free(again);
}

static void freed_early(void) {
    SAY("handles outlive their client");
    acclient_client *client = connect_grid();
    acclient_command *command = shell(client, "echo late");
    acclient_client_free(client);
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_stdout, job, "late\n");
    acclient_command_free(command);
    acclient_job_free(job);
}

int main(void) {
    acclient_client *client = connect_grid();
    acclient_error *error;
    versions_and_names();
    connecting();
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 5000, NULL, &error));
    successful(client);
    levels_and_nuls(client);
    failing(client);
    timing_out_and_killing(client);
    found_again(client);
    freed_early();
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
