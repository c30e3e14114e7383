/* Tunnels, with bytes that go through them to a server of this program. */
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

/* Answers each connection with what it is sent, until the listener is shut down. */
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

/* Whether what is sent to a port comes back. */
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

static void passing(const acclient_client *client, const char *gateway, uint16_t remote) {
    acclient_error *error;
    acclient_tunnel *opened = GARBAGE;
    acclient_answer *answer = GARBAGE;
    SAY("a tunnel that comes out at %s", gateway);
    acclient_tunnel *tunnel = new_tunnel(0, gateway, remote);
    EXPECT(ACCLIENT_OK,
           acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));
    CHECK(acclient_tunnel_local(tunnel) == 0);
    acclient_tunnel_free(tunnel);
    const uint16_t port = acclient_tunnel_local(opened);
    CHECK(port > 0 && acclient_tunnel_remote(opened) == remote);
    CHECK_TEXT(acclient_tunnel_gateway, opened, gateway);
    CHECK_TEXT(acclient_tunnel_ip, opened, "127.0.0.1");
    CHECK(passes(port));

    EXPECT(ACCLIENT_OK, acclient_client_tunnel_list(client, 1, 1, 10000, NULL, &answer, &error));
    size_t row = 0;
    while (acclient_answer_int(answer, row, "local") != port) {
        row++;
        CHECK(row < acclient_answer_count(answer));
    }
    CHECK(strcmp(acclient_answer_text(answer, row, "gateway", NULL), gateway) == 0);
    CHECK(strcmp(acclient_answer_text(answer, row, "ip", NULL), "127.0.0.1") == 0);
    CHECK(acclient_answer_int(answer, row, "remote") == remote);
    acclient_answer_free(answer);

    EXPECT(ACCLIENT_OK, acclient_client_tunnel_close(client, 1, 1, opened, 10000, NULL, &error));
    WAIT_UNTIL(!passes(port));
    EXPECT(ACCLIENT_OK, acclient_client_tunnel_close(client, 1, 1, opened, 10000, NULL, &error));
    acclient_tunnel_free(opened);
}

static void refused(const acclient_client *client, uint16_t remote) {
    acclient_error *error;
    acclient_tunnel *opened = GARBAGE;
    SAY("tunnels that cannot be");
    acclient_tunnel *tunnel = new_tunnel(0, "1.1", remote);
    EXPECT(ACCLIENT_INVALID_ARGUMENT,
           acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));
    CHECK(opened == NULL);
    acclient_tunnel_free(tunnel);
    tunnel = new_tunnel(0, "controller", 0);
    EXPECT(ACCLIENT_INVALID_ARGUMENT,
           acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));
    acclient_tunnel_free(tunnel);
    /* The port is that of our server. */
    tunnel = new_tunnel(remote, "controller", remote);
    EXPECT(ACCLIENT_JOB_FAILED,
           acclient_client_tunnel_open(client, 1, 1, tunnel, 10000, NULL, &opened, &error));

    SAY("tunnels from the controller, which this one does not offer");
    acclient_answer *answer = GARBAGE;
    opened = GARBAGE;
    EXPECT(ACCLIENT_UNSUPPORTED,
           acclient_client_reverse_tunnel_open(client, tunnel, 10000, NULL, &opened, &error));
    CHECK(opened == NULL);
    EXPECT(ACCLIENT_UNSUPPORTED,
           acclient_client_reverse_tunnel_close(client, tunnel, 10000, NULL, &error));
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
    refused(client, port);
    acclient_client_free(client);
    CHECK(shutdown(listener, SHUT_RDWR) == 0);
    CHECK(pthread_join(server, NULL) == 0);
    close(listener);
    return EXIT_SUCCESS;
}
