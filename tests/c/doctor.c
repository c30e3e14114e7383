/* Clients built without connecting, and diagnoses of a grid. ACCLIENT_FEW_URL is a Redis whose user
 * has few permissions. */
#define _GNU_SOURCE
#include "check.h"

/* A client that has not connected. */
static acclient_client *build(const char *url) {
    acclient_error *error;
    acclient_options *options = GARBAGE;
    acclient_client *client = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_options_new(&options, &error));
    EXPECT(ACCLIENT_OK, acclient_options_set_url(options, url, &error));
    EXPECT(ACCLIENT_OK, acclient_client_build(options, &client, &error));
    CHECK(client != NULL);
    acclient_options_free(options);
    return client;
}

static acclient_answer *doctor(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_doctor(client, 10000, NULL, &answer, &error));
    for (size_t row = 0; row < acclient_answer_count(answer); row++) {
        SAY("  %s %s: %s: %s", acclient_answer_text(answer, row, "verdict", NULL),
            acclient_answer_text(answer, row, "name", NULL),
            acclient_answer_text(answer, row, "found", NULL),
            acclient_answer_text(answer, row, "advice", NULL));
    }
    return answer;
}

/* Returns the verdict of a check, and checks that it has advice if and only if it is not good. */
static const char *verdict(const acclient_answer *answer, const char *name) {
    for (size_t row = 0; row < acclient_answer_count(answer); row++) {
        if (strcmp(acclient_answer_text(answer, row, "name", NULL), name) == 0) {
            const char *found = acclient_answer_text(answer, row, "verdict", NULL);
            const char *advice = acclient_answer_text(answer, row, "advice", NULL);
            CHECK((advice[0] == '\0') == (strcmp(found, "good") == 0));
            CHECK(acclient_answer_text(answer, row, "found", NULL)[0] != '\0');
            return found;
        }
    }
    return "not looked at";
}

static void well(void) {
    const char *const names[] = {"redis",     "login",     "resp3",       "tracking", "scripts",
                                 "memory",    "eviction",  "persistence", "queue",    "controller",
                                 "agent 1:1", "agent 1:2", "agent 2:1"};
    SAY("a healthy grid, with a client that has not connected");
    acclient_client *client = build(grid_url());
    acclient_answer *answer = doctor(client);
    CHECK(acclient_answer_count(answer) == sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(strcmp(acclient_answer_text(answer, i, "name", NULL), names[i]) == 0);
        CHECK(strcmp(verdict(answer, names[i]), "good") == 0);
    }
    acclient_answer_free(answer);
    acclient_command *command = shell(client, "echo hello");
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_stdout, job, "hello\n");
    acclient_job_free(job);
    acclient_command_free(command);
    acclient_client_free(client);
}

static void nowhere(void) {
    acclient_error *error;
    SAY("an unreachable Redis");
    acclient_client *client = build("redis://:sesame@127.0.0.1:1");
    acclient_answer *answer = doctor(client);
    CHECK(acclient_answer_count(answer) == 1);
    CHECK(strcmp(verdict(answer, "redis"), "bad") == 0);
    CHECK(strstr(acclient_answer_json(answer, NULL), "127.0.0.1:1") != NULL);
    CHECK(strstr(acclient_answer_json(answer, NULL), "sesame") == NULL);
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_CONNECT, acclient_client_ping(client, 5000, NULL, &error));

    SAY("the end of the call is not a finding");
    acclient_cancel_token *cancel = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_doctor(client, 10000, cancel, &answer, &error));
    CHECK(answer == NULL);
    acclient_cancel_token_free(cancel);
    acclient_client_close(client);
    EXPECT(ACCLIENT_CLOSED, acclient_client_doctor(client, 10000, NULL, &answer, &error));
    acclient_client_free(client);
}

static void few_rights(void) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    acclient_commands *commands = GARBAGE;
    SAY("a user with few permissions");
    const char *url = getenv("ACCLIENT_FEW_URL");
    CHECK(url != NULL);
    acclient_client *client = build(url);
    EXPECT(ACCLIENT_OK, acclient_client_doctor(client, 500, NULL, &answer, &error));
    CHECK(strcmp(verdict(answer, "redis"), "good") == 0);
    CHECK(strcmp(verdict(answer, "scripts"), "weak") == 0);
    CHECK(strcmp(verdict(answer, "queue"), "bad") == 0);
    CHECK(strcmp(verdict(answer, "controller"), "unknown") == 0);
    size_t queue = 0;
    while (strcmp(acclient_answer_text(answer, queue, "name", NULL), "queue") != 0) {
        queue++;
    }
    CHECK(acclient_answer_int(answer, queue, "code") == ACCLIENT_SERVER);
    CHECK(strcmp(acclient_answer_text(answer, queue, "kind", NULL), "Server") == 0);
    acclient_answer_free(answer);
    FAILS(ACCLIENT_SERVER, acclient_client_get_cmds(client, 0, 1, 5000, NULL, &commands, &error));
    CHECK_TEXT(acclient_error_server_code, error, "NOPERM");
    acclient_error_free(error);
    acclient_client_free(client);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    well();
    nowhere();
    few_rights();
    return EXIT_SUCCESS;
}
