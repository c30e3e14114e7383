/* Forks during calls of other threads: the child uses the same client, and the parent is
 * unaffected. */
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

#define WAITS 8
#define BUSY 2
#define FORKS 100
#define CHILD_SECONDS 20

static acclient_client *client;
static acclient_cancel_token *cancel;
static acclient_rollout *rollout;
static atomic_bool forking_is_over;
static atomic_int waits_ended;

/* Waits for the result of a job that runs until all forks are done. */
static void *wait_for_result(void *argument) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_next_result(argument, -1, cancel, &job, &error));
    CHECK(job != NULL);
    waits_ended++;
    CHECK_TEXT(acclient_job_stdout, job, "done\n");
    acclient_job_free(job);
    return NULL;
}

/* Takes and releases all locks, so that some forks happen while they are held. */
static void *keep_busy(void *argument) {
    (void)argument;
    acclient_error *error;
    while (!forking_is_over) {
        EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, cancel, &error));
    }
    return NULL;
}

static void use_in_child(int number) {
    acclient_error *error;
    acclient_command *none = GARBAGE;
    char script[60];
    char expected[60];
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    snprintf(script, sizeof script, "echo child %d", number);
    snprintf(expected, sizeof expected, "child %d\n", number);
    acclient_command *command = shell(client, script);
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_stdout, job, expected);
    acclient_job_free(job);
    acclient_command_free(command);

    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_FORKED_HANDLE);
    CHECK(!acclient_cancel_token_is_cancelled(cancel));
    EXPECT(ACCLIENT_FORKED_HANDLE, acclient_client_ping(client, 10000, cancel, &error));
    EXPECT(ACCLIENT_FORKED_HANDLE,
           execute(client, 1, 1, "true", NULL, 0, NULL, 0, 10000, cancel, &none, &error));
    CHECK(none == NULL);
    command = shell(client, "true");
    job = GARBAGE;
    EXPECT(ACCLIENT_FORKED_HANDLE,
           acclient_command_next_result(command, 10000, cancel, &job, &error));
    CHECK(job == NULL);
    acclient_command_free(command);
    /* The parent continues the rollout: commands sent by a child would run twice. */
    EXPECT(ACCLIENT_FORKED_HANDLE, acclient_rollout_next(rollout, &job, &error));
    CHECK(job == NULL && acclient_rollout_not_started_count(rollout) == 1);
    acclient_cancel_token *own = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&own, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, own, &error));
    CHECK(acclient_cancel_token_cancel(own) == ACCLIENT_OK);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_ping(client, 10000, own, &error));
    acclient_cancel_token_free(own);
}

static void child(int number) {
    alarm(CHILD_SECONDS);
    switch (number % 5) {
    case 0: /* exits without freeing anything */
        use_in_child(number);
        break;
    case 1: /* frees everything */
        use_in_child(number);
        acclient_rollout_free(rollout);
        acclient_client_free(client);
        acclient_cancel_token_free(cancel);
        break;
    case 2: /* closes the client, then frees it */
        use_in_child(number);
        acclient_client_close(client);
        CHECK(acclient_client_ping(client, 10000, NULL, NULL) == ACCLIENT_CLOSED);
        acclient_client_free(client);
        break;
    case 3: /* frees the client without using it */
        acclient_client_free(client);
        acclient_cancel_token_free(cancel);
        break;
    default: /* closes the client without using it */
        acclient_client_close(client);
        CHECK(acclient_client_ping(client, 10000, NULL, NULL) == ACCLIENT_CLOSED);
        break;
    }
    _exit(EXIT_SUCCESS);
}

static void fork_once(int number) {
    int status;
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        child(number);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status)) {
        SAY("child %d ended by signal %d%s", number, WTERMSIG(status),
            WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

int main(void) {
    acclient_error *error;
    acclient_command *commands[WAITS];
    pthread_t waits[WAITS];
    pthread_t busy[BUSY];
    char flag[] = "/tmp/acclient-fork-XXXXXX";
    char text[200];

    client = connect_grid();
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    const int fd = mkstemp(flag);
    CHECK(fd >= 0 && close(fd) == 0);
    SAY("%d threads wait for jobs, %d ping", WAITS, BUSY);
    snprintf(text, sizeof text, "while [ -e %s ]; do sleep 0.1; done; echo done", flag);
    for (int i = 0; i < WAITS; i++) {
        commands[i] = shell(client, text);
        waits[i] = start_thread(wait_for_result, commands[i]);
    }
    for (int i = 0; i < BUSY; i++) {
        busy[i] = start_thread(keep_busy, NULL);
    }
    acclient_request *request = script(client, agent(1, 1), "echo rolled out");
    EXPECT(ACCLIENT_OK, rollout_of(request, 1, 0, 0, 0, -1, NULL, &rollout, &error));
    acclient_request_free(request);
    WAIT_UNTIL(descriptors(true) == WAITS + BUSY);
    const int before = descriptors(false);

    const int64_t begun = now_ms();
    for (int i = 0; i < FORKS; i++) {
        fork_once(i);
        CHECK(waits_ended == 0);
        CHECK(!acclient_cancel_token_is_cancelled(cancel));
    }
    SAY("%d forks in %" PRId64 " ms", FORKS, now_ms() - begun);
    CHECK(descriptors(false) <= before);

    SAY("the waits of the parent return their results");
    CHECK(unlink(flag) == 0);
    for (int i = 0; i < WAITS; i++) {
        CHECK(pthread_join(waits[i], NULL) == 0);
        acclient_command_free(commands[i]);
    }
    forking_is_over = true;
    for (int i = 0; i < BUSY; i++) {
        CHECK(pthread_join(busy[i], NULL) == 0);
    }
    CHECK(waits_ended == WAITS);
    CHECK(descriptors(false) <= before);
    SAY("its rollout continues");
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_rollout_next(rollout, &job, &error));
    CHECK_TEXT(acclient_job_stdout, job, "rolled out\n");
    acclient_job_free(job);
    acclient_rollout_free(rollout);
    SAY("its token works");
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_ping(client, 10000, cancel, &error));
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
    acclient_client_free(client);
    acclient_cancel_token_free(cancel);
    CHECK(descriptors(true) == 0);
    return EXIT_SUCCESS;
}
