/* TLS and Sentinels. The server at ACCLIENT_TLS_URL has a certificate of the authority in
 * ACCLIENT_TLS_CA and requires a client certificate: ACCLIENT_TLS_CERT, with ACCLIENT_TLS_KEY. The
 * Sentinel at ACCLIENT_SENTINEL reports the same server, without TLS, as "main". */
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
    return options;
}

/* Options with host and port of the server, without TLS. */
static acclient_options *by_port(void) {
    acclient_error *error;
    acclient_options *options = new_options();
    const char *colon = strrchr(variable("ACCLIENT_TLS_URL"), ':');
    EXPECT(ACCLIENT_OK, acclient_options_set_port(options, (uint16_t)atoi(colon + 1), &error));
    return options;
}

static void says_hello(const acclient_options *options) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_open(options, 10000, NULL, &client, &error));
    acclient_command *command = shell(client, "echo hello");
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_stdout, job, "hello\n");
    acclient_job_free(job);
    acclient_command_free(command);
    acclient_client_free(client);
}

/* Opening fails with a message that contains a word. */
static void does_not_open(const acclient_options *options, acclient_status status,
                          const char *word) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    FAILS(status, acclient_client_open(options, 10000, NULL, &client, &error));
    CHECK(client == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), word) != NULL);
    CHECK(!acclient_error_is_retriable(error));
    acclient_error_free(error);
}

static void tls(void) {
    acclient_error *error;
    const char *certificates = variable("ACCLIENT_TLS_CERT");
    const char *key = variable("ACCLIENT_TLS_KEY");
    SAY("a private authority and a client certificate");
    acclient_options *options = new_options();
    EXPECT(ACCLIENT_OK, acclient_options_set_url(options, variable("ACCLIENT_TLS_URL"), &error));
    does_not_open(options, ACCLIENT_CONNECT, "certificate");
    EXPECT(ACCLIENT_OK, acclient_options_set_tls_client_cert(options, certificates, key, &error));
    does_not_open(options, ACCLIENT_CONNECT, "certificate");
    EXPECT(ACCLIENT_OK,
           acclient_options_set_tls_ca_file(options, variable("ACCLIENT_TLS_CA"), &error));
    says_hello(options);
    acclient_options_free(options);

    SAY("by host and port");
    options = by_port();
    EXPECT(ACCLIENT_OK, acclient_options_set_tls(options, &error));
    does_not_open(options, ACCLIENT_CONNECT, "certificate");
    acclient_options_free(options);
    options = by_port();
    EXPECT(ACCLIENT_OK,
           acclient_options_set_tls_ca_file(options, variable("ACCLIENT_TLS_CA"), &error));
    EXPECT(ACCLIENT_OK, acclient_options_set_tls_client_cert(options, certificates, key, &error));
    says_hello(options);
    acclient_options_free(options);

    SAY("any certificate");
    options = by_port();
    EXPECT(ACCLIENT_OK, acclient_options_set_tls_client_cert(options, certificates, key, &error));
    EXPECT(ACCLIENT_OK, acclient_options_set_tls_insecure(options, &error));
    says_hello(options);
    acclient_options_free(options);

    SAY("unusable files");
    options = by_port();
    acclient_client *client = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_options_set_tls_ca_file(options, "/nowhere/ca.pem", &error));
    does_not_open(options, ACCLIENT_INVALID_ARGUMENT, "/nowhere/ca.pem");
    FAILS(ACCLIENT_INVALID_ARGUMENT, acclient_client_build(options, &client, &error));
    CHECK(client == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "/nowhere/ca.pem") != NULL);
    acclient_error_free(error);
    acclient_options_free(options);
}

static void sentinels(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    char url[200];
    const char *const places[] = {"127.0.0.1:1", variable("ACCLIENT_SENTINEL")};
    SAY("Sentinels, the first of which is down");
    acclient_options *options = new_options();
    EXPECT(ACCLIENT_OK, acclient_options_set_sentinels(options, "main", places, 2, &error));
    says_hello(options);
    EXPECT(ACCLIENT_OK, acclient_options_set_sentinels(options, "other", places, 2, &error));
    FAILS(ACCLIENT_TIMEOUT, acclient_client_open(options, 300, NULL, &client, &error));
    CHECK(strstr(acclient_error_message(error, NULL), "other") != NULL);
    acclient_error_free(error);
    EXPECT(ACCLIENT_OK, acclient_options_set_sentinels(options, "main", NULL, 0, &error));
    does_not_open(options, ACCLIENT_INVALID_ARGUMENT, "Sentinel");
    snprintf(url, sizeof url, "redis+sentinel://%s,%s/main", places[0], places[1]);
    EXPECT(ACCLIENT_OK, acclient_options_set_url(options, url, &error));
    says_hello(options);
    acclient_options_free(options);
    EXPECT(ACCLIENT_OK, acclient_client_connect(url, 10000, NULL, &client, &error));
    acclient_client_free(client);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    tls();
    sentinels();
    return EXIT_SUCCESS;
}
