/* The server is killed while a large command is written: the program survives with default signal
 * dispositions. ACCLIENT_REDIS_PID is the server. A fake server on a Unix socket then closes after
 * the start of a reply, after which a write would certainly raise SIGPIPE if it were not
 * suppressed. */
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

/* More than the buffers of both sockets hold. */
#define SIZE (8 << 20)

static pid_t server;
static _Atomic long writer;

/* Waits until the other thread is blocked in a write, and kills the server. */
static void *kill_server(void *argument) {
    (void)argument;
    wait_until_asleep(&writer);
    CHECK(kill(server, SIGKILL) == 0);
    return NULL;
}

static void check_sigpipe_is_default(void) {
    struct sigaction action;
    sigset_t mask;
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
    CHECK(action.sa_handler == SIG_DFL);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
    CHECK(sigismember(&mask, SIGPIPE) == 0);
}

static void put(int fd, const char *text) {
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Replies like Redis until a command is pushed, and closes during that. */
static void *pretend_to_be_redis(void *argument) {
    const int listener = *(int *)argument;
    char text[1024];
    const int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    for (;;) {
        const ssize_t length = recv(fd, text, sizeof text - 1, 0);
        CHECK(length > 0);
        text[length] = '\0';
        if (strstr(text, "RPUSH") != NULL) {
            break;
        }
        put(fd, strstr(text, "HELLO") != NULL
                    ? "%2\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n+standalone\r\n"
                      "-NOPERM no INFO\r\n"
                    : "+PONG\r\n");
    }
    wait_until_asleep(&writer);
    CHECK(close(listener) == 0);
    put(fd, ":");
    CHECK(close(fd) == 0);
    return NULL;
}

static void fake_server(const char *data) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    acclient_command *command = GARBAGE;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/acclient-sigpipe-XXXXXX";
    char url[200];
    SAY("a server on a Unix socket closes after the start of a reply");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", dir);
    snprintf(url, sizeof url, "redis+unix://%s", address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(listener >= 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 1) == 0);
    writer = 0;
    pthread_t server_thread = start_thread(pretend_to_be_redis, &listener);
    EXPECT(ACCLIENT_OK, acclient_client_connect(url, 10000, NULL, &client, &error));
    writer = thread_id();
    EXPECT(ACCLIENT_CONNECT,
           execute(client, 1, 1, "cat", NULL, 0, data, SIZE, 60000, NULL, &command, &error));
    CHECK(command == NULL);
    CHECK(pthread_join(server_thread, NULL) == 0);
    EXPECT(ACCLIENT_CONNECT, acclient_client_ping(client, 10000, NULL, &error));
    acclient_client_free(client);
    CHECK(unlink(address.sun_path) == 0 && rmdir(dir) == 0);
}

int main(void) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    const char *pid = getenv("ACCLIENT_REDIS_PID");
    CHECK(pid != NULL);
    server = (pid_t)atol(pid);
    CHECK(server > 1);
    check_sigpipe_is_default();
    char *data = malloc(SIZE);
    CHECK(data != NULL);
    memset(data, 'x', SIZE);
    acclient_client *client = connect_grid();
    acclient_client *idle = connect_grid();

    SAY("a stopped server is killed while a command of %d MiB is written", SIZE >> 20);
    CHECK(kill(server, SIGSTOP) == 0);
    pthread_t killer = start_thread(kill_server, NULL);
    const int64_t begun = now_ms();
    error = GARBAGE;
    writer = thread_id();
    acclient_status status =
        execute(client, 1, 1, "cat", NULL, 0, data, SIZE, 60000, NULL, &command, &error);
    SAY("  %s after %" PRId64 " ms: %s", acclient_status_name(status), now_ms() - begun,
        acclient_error_message(error, NULL));
    CHECK(status == ACCLIENT_CONNECT || status == ACCLIENT_MAYBE_SENT);
    CHECK(acclient_error_status(error) == status);
    CHECK(acclient_error_is_maybe_sent(error) == (status == ACCLIENT_MAYBE_SENT));
    CHECK(command == NULL);
    acclient_error_free(error);
    CHECK(pthread_join(killer, NULL) == 0);

    SAY("later calls");
    EXPECT(ACCLIENT_CONNECT, acclient_client_ping(client, 10000, NULL, &error));
    EXPECT(ACCLIENT_CONNECT,
           execute(client, 1, 1, "cat", NULL, 0, data, 100, 10000, NULL, &command, &error));
    SAY("a client whose idle connection was closed");
    EXPECT(ACCLIENT_CONNECT,
           execute(idle, 1, 1, "cat", NULL, 0, data, SIZE, 10000, NULL, &command, &error));
    EXPECT(ACCLIENT_CONNECT, acclient_client_ping(idle, 10000, NULL, &error));
    acclient_client_free(client);
    acclient_client_free(idle);
    fake_server(data);
    check_sigpipe_is_default();
    free(data);
    return EXIT_SUCCESS;
}
