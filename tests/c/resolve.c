/* A name server that does not answer, simulated by replacing getaddrinfo(). */
#define _GNU_SOURCE
#include "check.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/wait.h>

/* Documented maximum number of concurrent lookups. */
#define LOOKUPS 32

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool answers;
static int asked;

/* Replaces that of the C library. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    (void)name;
    (void)service;
    (void)hints;
    pthread_mutex_lock(&mutex);
    asked++;
    while (!answers) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    struct sockaddr_in *address = calloc(1, sizeof *address);
    struct addrinfo *info = calloc(1, sizeof *info);
    CHECK(address != NULL && info != NULL);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    info->ai_family = AF_INET;
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)address;
    info->ai_addrlen = sizeof *address;
    *found = info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info) {
    free(info->ai_addr);
    free(info);
}

static void *cancel_soon(void *cancel) {
    WAIT_UNTIL(asked >= 2);
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    return NULL;
}

int main(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    acclient_cancel_token *cancel = GARBAGE;
    char url[100];
    snprintf(url, sizeof url, "redis://grid.example%s", strrchr(grid_url(), ':'));

    SAY("a deadline ends a lookup");
    const int64_t begun = now_ms();
    EXPECT(ACCLIENT_TIMEOUT, acclient_client_connect(url, 100, NULL, &client, &error));
    CHECK(now_ms() - begun >= 100 && now_ms() - begun < 100 + LATE_MS);
    CHECK(client == NULL);
    WAIT_UNTIL(asked == 1);

    SAY("a token ends a lookup");
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    pthread_t canceller = start_thread(cancel_soon, cancel);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_connect(url, -1, cancel, &client, &error));
    CHECK(pthread_join(canceller, NULL) == 0);
    acclient_cancel_token_free(cancel);

    SAY("concurrent lookups are limited");
    /* A call whose deadline has passed before it begins starts no lookup, so there may be more
     * calls. */
    acclient_status status = ACCLIENT_TIMEOUT;
    WAIT_UNTIL((status = acclient_client_connect(url, 1, NULL, &client, NULL)) != ACCLIENT_TIMEOUT);
    CHECK(status == ACCLIENT_CONNECT);
    WAIT_UNTIL(asked == LOOKUPS);
    FAILS(ACCLIENT_CONNECT, acclient_client_connect(url, 1000, NULL, &client, &error));
    CHECK(strstr(acclient_error_message(error, NULL), "look-ups are in progress") != NULL);
    acclient_error_free(error);
    acclient_client *direct = connect_grid();
    EXPECT(ACCLIENT_OK, acclient_client_ping(direct, 10000, NULL, &error));
    acclient_client_free(direct);

    SAY("a forked child has its own limit");
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60);
        asked = 0;
        WAIT_UNTIL((status = acclient_client_connect(url, 1, NULL, &client, NULL)) !=
                   ACCLIENT_TIMEOUT);
        CHECK(status == ACCLIENT_CONNECT && client == NULL);
        WAIT_UNTIL(asked == LOOKUPS);
        _exit(EXIT_SUCCESS);
    }
    int ended;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0);

    SAY("calls succeed once the name server answers");
    pthread_mutex_lock(&mutex);
    answers = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    WAIT_UNTIL(acclient_client_connect(url, 10000, NULL, &client, NULL) == ACCLIENT_OK);
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    acclient_client_free(client);
    /* Threads that are about to exit would be leaks to valgrind. */
    char tasks[40];
    snprintf(tasks, sizeof tasks, "/proc/%d/task", (int)getpid());
    struct stat task;
    WAIT_UNTIL(stat(tasks, &task) == 0 && task.st_nlink == 3);
    return EXIT_SUCCESS;
}
