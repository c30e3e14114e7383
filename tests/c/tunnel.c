/* Tunnels that carry data to a server of this program. */
#define _GNU_SOURCE
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Echo server, until the listener is shut down. */
static void *echo(void *argument) {
    const int listener = *(int *)argument;
    int connection;
    while ((connection = accept(listener, NULL, NULL)) >= 0) {
        char bytes[64];
        ssize_t count;
        while ((count = read(connection, bytes, sizeof bytes)) > 0) {
            if (write(connection, bytes, (size_t)count) != count) {
                break;
            }
        }
        close(connection);
    }
    return NULL;
}

static int listen_somewhere(uint16_t *port) {
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener >= 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 5) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return listener;
}

/* Whether a port echoes what is sent to it. */
static bool passes(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    char answer[6] = "";
    const int connection = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connection >= 0);
    bool passed = connect(connection, (struct sockaddr *)&address, sizeof address) == 0 &&
                  send(connection, "hello", 5, MSG_NOSIGNAL) == 5 &&
                  recv(connection, answer, 5, MSG_WAITALL) == 5 && strcmp(answer, "hello") == 0;
    close(connection);
    return passed;
}

static acclient_tunnel *new_tunnel(uint16_t local, const char *gateway, uint16_t remote) {
    acclient_error *error;
    acclient_tunnel *tunnel = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_tunnel_new(local, gateway, "127.0.0.1", remote, &tunnel, &error));
    CHECK(acclient_tunnel_local(tunnel) == local);
    CHECK(acclient_tunnel_remote(tunnel) == remote);
    CHECK_TEXT(acclient_tunnel_gateway, tunnel, gateway);
    CHECK_TEXT(acclient_tunnel_ip, tunnel, "127.0.0.1");
    return tunnel;
}

static acclient_tunnel *open_tunnel(const acclient_client *client, uint16_t local,
                                    const char *gateway, uint16_t remote) {
    acclient_error *error;
    acclient_tunnel *opened = GARBAGE;
    acclient_tunnel *tunnel = new_tunnel(local, gateway, remote);
    EXPECT(ACCLIENT_OK,
           acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));
    CHECK(acclient_tunnel_local(tunnel) == local);
    acclient_tunnel_free(tunnel);
    CHECK(acclient_tunnel_local(opened) > 0 && acclient_tunnel_remote(opened) == remote);
    CHECK_TEXT(acclient_tunnel_gateway, opened, gateway);
    CHECK_TEXT(acclient_tunnel_ip, opened, "127.0.0.1");
    return opened;
}

/* Creates a tunnel from the listed one on a port; NULL if there is none. */
static acclient_tunnel *listed_tunnel(const acclient_client *client, uint16_t port) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    acclient_tunnel *tunnel = NULL;
    EXPECT(ACCLIENT_OK, acclient_client_tunnel_list(client, 1, 1, 10000, NULL, &answer, &error));
    for (size_t row = 0; row < acclient_answer_count(answer); row++) {
        if (acclient_answer_int(answer, row, "local") == port) {
            EXPECT(ACCLIENT_OK,
                   acclient_tunnel_new(port, acclient_answer_text(answer, row, "gateway", NULL),
                                       acclient_answer_text(answer, row, "ip", NULL),
                                       (uint16_t)acclient_answer_int(answer, row, "remote"),
                                       &tunnel, &error));
            break;
        }
    }
    acclient_answer_free(answer);
    return tunnel;
}

static void passing(const acclient_client *client, const char *gateway, uint16_t remote) {
    acclient_error *error;
    acclient_tunnel *opened = open_tunnel(client, 0, gateway, remote);
    const uint16_t port = acclient_tunnel_local(opened);
    bool still_listed = true;
    SAY("a tunnel to %s", gateway);
    CHECK(passes(port));

    acclient_tunnel *again = GARBAGE;
    EXPECT(ACCLIENT_TUNNEL_EXISTS,
           acclient_client_tunnel_open(client, 1, 1, opened, 10000, NULL, &again, &error));
    CHECK(again == NULL && passes(port));

    acclient_tunnel *listed = listed_tunnel(client, port);
    CHECK_TEXT(acclient_tunnel_gateway, listed, gateway);
    CHECK_TEXT(acclient_tunnel_ip, listed, "127.0.0.1");
    CHECK(acclient_tunnel_remote(listed) == remote);
    EXPECT(ACCLIENT_OK,
           acclient_client_tunnel_close(client, 1, 1, listed, &still_listed, 10000, NULL, &error));
    CHECK(!still_listed && !passes(port));
    CHECK(listed_tunnel(client, port) == NULL);
    EXPECT(ACCLIENT_NO_SUCH_TUNNEL,
           acclient_client_tunnel_close(client, 1, 1, opened, NULL, 10000, NULL, &error));
    acclient_tunnel_free(listed);
    acclient_tunnel_free(opened);
}

/* Opens a tunnel as another program may, with a port chosen by the agent, and returns the port. */
static uint16_t opened_by_another_program(const acclient_client *client, uint16_t remote) {
    acclient_error *error;
    acclient_target *target = agent(1, 1);
    acclient_request *request = GARBAGE;
    acclient_job *job = GARBAGE;
    char data[100];
    snprintf(data, sizeof data,
             "{\"local\":0,\"gateway\":\"2.1\",\"ip\":\"127.0.0.1\",\"remote\":%u}", remote);
    EXPECT(ACCLIENT_OK,
           acclient_request_new(client, target, "hubble_open_tunnel", &request, &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_data(request, data, strlen(data), &error));
    EXPECT(ACCLIENT_OK, acclient_request_run(request, 10000, NULL, &job, &error));
    unsigned port = 0;
    CHECK(sscanf(acclient_job_data(job, NULL), "{\"local\":%u", &port) == 1);
    acclient_job_free(job);
    acclient_request_free(request);
    acclient_target_free(target);
    return (uint16_t)port;
}

static void chosen_by_the_agent(const acclient_client *client, uint16_t remote) {
    acclient_error *error;
    bool still_listed = false;
    SAY("a tunnel whose port the agent chose stays listed");
    const uint16_t port = opened_by_another_program(client, remote);
    acclient_tunnel *listed = listed_tunnel(client, port);
    CHECK(passes(port));
    EXPECT(ACCLIENT_OK,
           acclient_client_tunnel_close(client, 1, 1, listed, &still_listed, 10000, NULL, &error));
    CHECK(still_listed && !passes(port));
    acclient_tunnel_free(listed);
}

static void refused(const acclient_client *client, uint16_t remote) {
    acclient_error *error;
    acclient_tunnel *opened = GARBAGE;
    const struct {
        const char *gateway, *ip;
        uint16_t remote;
    } wrong[] = {{"1.1", "127.0.0.1", 1}, {"controller", "127.0.0.1", 0},
                 {"x", "127.0.0.1", 1},   {"", "127.0.0.1", 1},
                 {"2.1", "1.2.3", 1},     {"2.1", "", 1}};
    acclient_tunnel *tunnel;
    SAY("tunnels that cannot be opened");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        EXPECT(ACCLIENT_OK, acclient_tunnel_new(0, wrong[i].gateway, wrong[i].ip, wrong[i].remote,
                                                &tunnel, &error));
        EXPECT(ACCLIENT_INVALID_ARGUMENT,
               acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));
        CHECK(opened == NULL);
        acclient_tunnel_free(tunnel);
    }
    SAY("a port in use");
    tunnel = new_tunnel(remote, "controller", remote);
    for (int i = 0; i < 2; i++) {
        FAILS(ACCLIENT_JOB_FAILED,
              acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));
        CHECK(strstr(acclient_error_message(error, NULL), "the port is in use") != NULL);
        acclient_error_free(error);
        CHECK(listed_tunnel(client, remote) == NULL);
    }

    SAY("tunnels from the controller, unsupported by this controller");
    acclient_answer *answer = GARBAGE;
    bool still_listed = true;
    opened = GARBAGE;
    EXPECT(ACCLIENT_UNSUPPORTED,
           acclient_client_reverse_tunnel_open(client, tunnel, 10000, NULL, &opened, &error));
    CHECK(opened == NULL);
    EXPECT(ACCLIENT_UNSUPPORTED, acclient_client_reverse_tunnel_close(client, tunnel, &still_listed,
                                                                      10000, NULL, &error));
    CHECK(!still_listed);
    EXPECT(ACCLIENT_UNSUPPORTED,
           acclient_client_reverse_tunnel_list(client, 10000, NULL, &answer, &error));
    CHECK(answer == NULL);
    acclient_tunnel_free(tunnel);
}

int main(void) {
    acclient_client *client = connect_grid();
    uint16_t port;
    int listener = listen_somewhere(&port);
    pthread_t server = start_thread(echo, &listener);
    passing(client, "2.1", port);
    passing(client, "controller", port);
    chosen_by_the_agent(client, port);
    refused(client, port);
    acclient_client_free(client);
    CHECK(shutdown(listener, SHUT_RDWR) == 0);
    CHECK(pthread_join(server, NULL) == 0);
    close(listener);
    return EXIT_SUCCESS;
}
