/* Cancelling from another thread and from a signal handler; and signals that must not affect calls.
 */
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <sys/time.h>

#define WAITS 4
#define STRANGE_ERRNO 4242

static acclient_cancel_token *new_token(void) {
    acclient_error *error;
    acclient_cancel_token *cancel = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    CHECK(cancel != NULL && !acclient_cancel_token_is_cancelled(cancel));
    return cancel;
}

struct wait {
    acclient_command *command;
    const acclient_cancel_token *cancel;
    _Atomic long thread;
    int64_t ended;
};

static void *wait_without_timeout(void *argument) {
    struct wait *wait = argument;
    acclient_error *error;
    acclient_job *job = GARBAGE;
    wait->thread = thread_id();
    FAILS(ACCLIENT_CANCELLED,
          acclient_command_next_result(wait->command, -1, wait->cancel, &job, &error));
    wait->ended = now_ms();
    CHECK(job == NULL);
    CHECK(!acclient_error_is_timeout(error));
    CHECK(!acclient_error_is_maybe_sent(error));
    CHECK_TEXT(acclient_error_command_handle, error, acclient_command_handle(wait->command, NULL));
    acclient_error_free(error);
    return NULL;
}

static void kill_job(acclient_command *command) {
    acclient_error *error;
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    acclient_job *job = next_job(command);
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    acclient_command_free(command);
}

static void from_a_thread(const acclient_client *client) {
    struct wait waits[WAITS] = {0};
    pthread_t threads[WAITS];
    SAY("a token ends %d waits without a timeout, from another thread", WAITS);
    acclient_cancel_token *cancel = new_token();
    for (int i = 0; i < WAITS; i++) {
        waits[i].command = shell(client, "exec sleep 600");
        waits[i].cancel = cancel;
        threads[i] = start_thread(wait_without_timeout, &waits[i]);
    }
    for (int i = 0; i < WAITS; i++) {
        wait_until_asleep(&waits[i].thread);
    }
    const int64_t begun = now_ms();
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    for (int i = 0; i < WAITS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(waits[i].ended - begun < LATE_MS);
    }
    CHECK(acclient_cancel_token_is_cancelled(cancel));
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    acclient_cancel_token_free(cancel);
    SAY("the commands continue to run and can be killed");
    for (int i = 0; i < WAITS; i++) {
        kill_job(waits[i].command);
    }
}

static acclient_cancel_token *interrupted;
static volatile sig_atomic_t signals;
static volatile sig_atomic_t errno_kept = 1;

static void cancel_on_signal(int number) {
    (void)number;
    const int before = errno;
    /* The first call writes, the second finds the token cancelled. */
    for (int i = 0; i < 2; i++) {
        errno = STRANGE_ERRNO;
        if (acclient_cancel_token_cancel(interrupted) != ACCLIENT_OK || errno != STRANGE_ERRNO ||
            !acclient_cancel_token_is_cancelled(interrupted) || errno != STRANGE_ERRNO) {
            errno_kept = 0;
        }
    }
    errno = before;
    signals++;
}

static void count_signal(int number) {
    (void)number;
    signals++;
}

static void handle_alarms(void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler; /* and no SA_RESTART */
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    signals = 0;
}

static void start_alarms(long first_us, long period_us) {
    struct itimerval timer = {.it_value = {0, first_us}, .it_interval = {0, period_us}};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void from_a_signal_handler(const acclient_client *client) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    SAY("a signal handler ends a wait without a timeout");
    acclient_command *command = shell(client, "exec sleep 600");
    interrupted = new_token();
    handle_alarms(cancel_on_signal);
    const int64_t begun = now_ms();
    start_alarms(200000, 0);
    EXPECT(ACCLIENT_CANCELLED,
           acclient_command_next_result(command, -1, interrupted, &job, &error));
    const int64_t took = now_ms() - begun;
    CHECK(job == NULL);
    CHECK(signals == 1);
    CHECK(errno_kept);
    CHECK(took >= 190 && took < 200 + LATE_MS);
    acclient_cancel_token_free(interrupted);
    kill_job(command);
}

static void before_the_call(const acclient_client *client) {
    acclient_error *error;
    acclient_client *other = GARBAGE;
    acclient_command *none = GARBAGE;
    acclient_job *job = GARBAGE;
    SAY("a cancelled token ends calls before they start");
    acclient_command *command = shell(client, "true");
    acclient_cancel_token *cancel = new_token();
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_connect(grid_url(), 10000, cancel, &other, &error));
    CHECK(other == NULL);
    EXPECT(ACCLIENT_CANCELLED, acclient_client_ping(client, 10000, cancel, &error));
    FAILS(ACCLIENT_CANCELLED,
          execute(client, 1, 1, "true", NULL, 0, NULL, 0, 10000, cancel, &none, &error));
    CHECK(none == NULL);
    CHECK(!acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
    EXPECT(ACCLIENT_CANCELLED, kill_everywhere(command, 10000, cancel, &error));
    const int64_t timeouts[] = {-1, 1, 10000, 0};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        SAY("  next_result with a timeout of %" PRId64, timeouts[i]);
        EXPECT(ACCLIENT_CANCELLED,
               acclient_command_next_result(command, timeouts[i], cancel, &job, &error));
        CHECK(job == NULL);
    }
    acclient_cancel_token_free(cancel);
    job = next_job(command);
    CHECK(acclient_job_is_success(job));
    acclient_job_free(job);
    acclient_command_free(command);
}

static void other_signals(const acclient_client *client) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    SAY("100 signals per second do not interrupt a wait of 3 s");
    acclient_command *command = shell(client, "exec sleep 600");
    handle_alarms(count_signal);
    start_alarms(10000, 10000);
    const int64_t begun = now_ms();
    FAILS(ACCLIENT_TIMEOUT, acclient_command_next_result(command, 3000, NULL, &job, &error));
    const int64_t took = now_ms() - begun;
    SAY("  it took %" PRId64 " ms, with %d signals", took, (int)signals);
    CHECK(took >= 3000 && took < 3000 + LATE_MS);
    CHECK(signals > 100);
    CHECK(job == NULL);
    CHECK(acclient_error_is_timeout(error));
    acclient_error_free(error);

    SAY("nor submitting, waiting and killing");
    acclient_command *quick = shell(client, "echo quick");
    job = next_job(quick);
    CHECK_TEXT(acclient_job_stdout, job, "quick\n");
    acclient_job_free(job);
    acclient_command_free(quick);
    kill_job(command);
    start_alarms(0, 0);
}

int main(void) {
    acclient_client *client = connect_grid();
    from_a_thread(client);
    from_a_signal_handler(client);
    other_signals(client);
    before_the_call(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
