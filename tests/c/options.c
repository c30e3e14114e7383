/* Options of a client, each with an observable effect, and named instances. */
#define _GNU_SOURCE
#include "check.h"

static const char *variable(const char *name) {
    const char *value = getenv(name);
    CHECK(value != NULL);
    return value;
}

static acclient_options *new_options(void) {
    acclient_error *error;
    acclient_options *options = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_options_new(&options, &error));
    CHECK(options != NULL);
    return options;
}

static acclient_client *opened(const acclient_options *options) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_open(options, 10000, NULL, &client, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    return client;
}

/* Opening fails with a message that contains a word. */
static void does_not_open(const acclient_options *options, acclient_status status,
                          const char *word) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    FAILS(status, acclient_client_open(options, 10000, NULL, &client, &error));
    CHECK(client == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), word) != NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "sesame") == NULL);
    acclient_error_free(error);
}

static void says_hello(acclient_client *client) {
    acclient_command *command = shell(client, "echo hello");
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_stdout, job, "hello\n");
    acclient_job_free(job);
    acclient_command_free(command);
    acclient_client_free(client);
}

static void addresses(void) {
    acclient_error *error;
    SAY("url");
    acclient_options *options = new_options();
    EXPECT(ACCLIENT_OK, acclient_options_set_url(options, grid_url(), &error));
    says_hello(opened(options));
    EXPECT(ACCLIENT_INVALID_ARGUMENT,
           acclient_options_set_url(options, "http://127.0.0.1", &error));
    says_hello(opened(options));

    SAY("host and port");
    EXPECT(ACCLIENT_OK, acclient_options_set_port(options, 1, &error));
    does_not_open(options, ACCLIENT_CONNECT, "127.0.0.1:1");
    acclient_options_free(options);
    options = new_options();
    const uint16_t port = (uint16_t)atoi(variable("ACCLIENT_PORT"));
    EXPECT(ACCLIENT_OK, acclient_options_set_port(options, port, &error));
    EXPECT(ACCLIENT_OK, acclient_options_set_host(options, "host.invalid", &error));
    does_not_open(options, ACCLIENT_CONNECT, "host.invalid");
    EXPECT(ACCLIENT_OK, acclient_options_set_host(options, "localhost", &error));
    acclient_client *client = opened(options);
    acclient_options_free(options);
    says_hello(client);
}

static void passwords(void) {
    acclient_error *error;
    SAY("a unix socket, user and password");
    acclient_options *options = new_options();
    EXPECT(ACCLIENT_OK, acclient_options_set_unix_socket(options, "/nowhere/x", &error));
    does_not_open(options, ACCLIENT_CONNECT, "/nowhere/x");
    EXPECT(ACCLIENT_OK,
           acclient_options_set_unix_socket(options, variable("ACCLIENT_SOCKET"), &error));
    does_not_open(options, ACCLIENT_AUTHENTICATION, "");
    EXPECT(ACCLIENT_OK, acclient_options_set_password(options, "sesame?", &error));
    does_not_open(options, ACCLIENT_AUTHENTICATION, "");
    EXPECT(ACCLIENT_OK, acclient_options_set_password(options, "sesame", &error));
    acclient_client_free(opened(options));
    EXPECT(ACCLIENT_OK, acclient_options_set_user(options, "nobody", &error));
    does_not_open(options, ACCLIENT_AUTHENTICATION, "");
    EXPECT(ACCLIENT_OK, acclient_options_set_user(options, "default", &error));
    acclient_client_free(opened(options));
    acclient_options_free(options);
}

static void limits(void) {
    acclient_error *error;
    acclient_options *options = new_options();
    SAY("database");
    EXPECT(ACCLIENT_OK, acclient_options_set_url(options, grid_url(), &error));
    EXPECT(ACCLIENT_OK, acclient_options_set_db(options, 99, &error));
    does_not_open(options, ACCLIENT_SERVER, "");
    EXPECT(ACCLIENT_OK, acclient_options_set_db(options, 0, &error));

    SAY("one connection");
    EXPECT(ACCLIENT_OK, acclient_options_set_max_connections(options, 0, &error));
    does_not_open(options, ACCLIENT_INVALID_ARGUMENT, "maximum number of connections");
    EXPECT(ACCLIENT_OK, acclient_options_set_max_connections(options, 1, &error));
    acclient_client *client = opened(options);
    acclient_command *command = send_script(
        client, everyone("cpu"), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && exec sleep 600; true");
    acclient_results *results = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_results(command, -1, NULL, &results, &error));
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_results_next(results, &job, &error));
    CHECK(job_gid(job) == 2);
    acclient_job_free(job);
    EXPECT(ACCLIENT_POOL_EXHAUSTED, acclient_command_next_result(command, 50, NULL, &job, &error));
    CHECK(job == NULL);
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping_agent(client, 1, 2, 10000, NULL, &error));
    acclient_results_free(results);
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    acclient_command_free(command);
    acclient_client_free(client);

    SAY("maximum size of a reply");
    EXPECT(ACCLIENT_OK, acclient_options_set_max_reply(options, 0, &error));
    does_not_open(options, ACCLIENT_INVALID_ARGUMENT, "maximum reply size");
    EXPECT(ACCLIENT_OK, acclient_options_set_max_reply(options, 3000, &error));
    client = opened(options);
    acclient_options_free(options);
    command = shell(client, "printf %4000d 1");
    FAILS(ACCLIENT_PROTOCOL, acclient_command_next_result(command, 10000, NULL, &job, &error));
    CHECK(job == NULL);
    acclient_error_free(error);
    acclient_command_free(command);
    says_hello(client);
}

static void does_not_name(const char *name, acclient_status status, const char *word) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    FAILS(status, acclient_client_instance(name, 10000, NULL, &client, &error));
    CHECK(client == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), word) != NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "sesame") == NULL);
    acclient_error_free(error);
}

static void instances(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    SAY("named instances");
    const char *const by_url_and_port[] = {"grid", "parts"};
    for (int i = 0; i < 2; i++) {
        EXPECT(ACCLIENT_OK,
               acclient_client_instance(by_url_and_port[i], 10000, NULL, &client, &error));
        says_hello(client);
    }
    client = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_instance("locked", 10000, NULL, &client, &error));
    acclient_client_free(client);
    does_not_name("forgotten", ACCLIENT_AUTHENTICATION, "");
    does_not_name("both", ACCLIENT_INVALID_ARGUMENT, "url");
    does_not_name("unknown", ACCLIENT_INVALID_ARGUMENT, "parts");
    CHECK(setenv("ACCLIENT_CONFIG", "/nowhere/instances.toml", 1) == 0);
    does_not_name("grid", ACCLIENT_SYSTEM, "/nowhere/instances.toml");
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    addresses();
    passwords();
    limits();
    instances();
    return EXIT_SUCCESS;
}
