/* Commands sent to agents in batches. Agent 3:1 is routable and does not answer. */
#define _GNU_SOURCE
#include "check.h"

/* How long to wait for the agent that does not answer; the others answer in that time. */
static int64_t patience(void) {
    return getenv("ACCLIENT_TEST_SLOW") != NULL ? 2500 : 1000;
}

/* File to which every agent that runs the script of write_here() adds a line. */
static char path[] = "/tmp/acclient-rollout-XXXXXX";

/* A script that writes the agent's id and then continues with another script. */
static const char *write_here(const char *then) {
    static char text[200];
    snprintf(text, sizeof text, "echo $AGENT_GID:$AGENT_NID >> %s; %s", path, then);
    return text;
}

/* Checks which agents have run it, in order, since forget(). */
static void check_ran(const char *expected) {
    char text[200];
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    if (strcmp(text, expected) != 0) {
        give_up(__FILE__, __LINE__, text, NULL);
    }
}

static void forget(void) {
    CHECK(truncate(path, 0) == 0);
}

static acclient_rollout *roll_out(acclient_request *request, int64_t batch, int64_t percent,
                                  int64_t stop_after, int64_t sample, int64_t timeout) {
    acclient_error *error;
    acclient_rollout *rollout = GARBAGE;
    EXPECT(ACCLIENT_OK, rollout_of(request, batch, percent, stop_after, sample, timeout, NULL,
                                   &rollout, &error));
    CHECK(rollout != NULL);
    acclient_request_free(request);
    return rollout;
}

/* Checks the number and agents of the commands in flight, and optionally kills them. */
static void check_in_flight(const acclient_rollout *rollout, const char *const *agents,
                            size_t count, bool kill) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    CHECK(acclient_rollout_in_flight_count(rollout) == count);
    for (size_t i = 0; i < count; i++) {
        command = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_rollout_in_flight(rollout, i, &command, &error));
        CHECK_TEXT(acclient_command_target, command, agents[i]);
        CHECK_TEXT(acclient_command_cmd, command, "bash");
        if (kill) {
            acclient_job *job = GARBAGE;
            EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
            EXPECT(ACCLIENT_OK, acclient_command_next_result(command, 10000, NULL, &job, &error));
            CHECK_TEXT(acclient_job_state, job, "KILLED");
            acclient_job_free(job);
        }
        acclient_command_free(command);
    }
    REFUSES(command, acclient_rollout_in_flight(rollout, count, &command, &error));
    REFUSES(command, acclient_rollout_in_flight(rollout, SIZE_MAX, &command, &error));
}

static acclient_job *next_of(acclient_rollout *rollout) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_rollout_next(rollout, &job, &error));
    return job;
}

/* Takes the next result and checks the state of the rollout. */
static void check_next(acclient_rollout *rollout, int64_t gid, int64_t nid, const char *state,
                       size_t not_started, size_t failures) {
    acclient_job *job = next_of(rollout);
    CHECK(job != NULL && job_gid(job) == gid && job_nid(job) == nid);
    CHECK_TEXT(acclient_job_state, job, state);
    acclient_job_free(job);
    CHECK(acclient_rollout_not_started_count(rollout) == not_started);
    CHECK(acclient_rollout_failures(rollout) == failures);
}

/* The rollout has ended, and reports so repeatedly. */
static void check_end(acclient_rollout *rollout, bool stopped) {
    for (int i = 0; i < 2; i++) {
        CHECK(next_of(rollout) == NULL);
        CHECK(acclient_rollout_is_stopped(rollout) == stopped);
    }
    acclient_rollout_free(rollout);
}

/* Kills the command that an error concerns. */
static void kill_of(const acclient_client *client, const acclient_error *about) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    const char *printed = acclient_error_command_handle(about, NULL);
    EXPECT(ACCLIENT_OK, acclient_client_get_by_handle(client, printed, &command, &error));
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    acclient_command_free(command);
}

static void in_batches(const acclient_client *client) {
    SAY("batches of one agent");
    acclient_rollout *rollout =
        roll_out(script(client, everyone("storage"), write_here("true")), 1, 0, 0, 0, LONG_MS);
    const int64_t agents[2][2] = {{1, 2}, {2, 1}};
    CHECK(acclient_rollout_agent_count(rollout) == 2);
    CHECK(acclient_rollout_not_started_count(rollout) == 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK(rollout_agent_gid(rollout, i) == agents[i][0]);
        CHECK(rollout_agent_nid(rollout, i) == agents[i][1]);
        CHECK(rollout_not_started_gid(rollout, i) == agents[i][0]);
        CHECK(rollout_not_started_nid(rollout, i) == agents[i][1]);
    }
    CHECK(!acclient_rollout_is_stopped(rollout) && acclient_rollout_failures(rollout) == 0);
    CHECK(acclient_rollout_batch_size(rollout) == 1);
    check_in_flight(rollout, NULL, 0, false);
    check_ran("");
    acclient_job *first = next_of(rollout);
    CHECK(job_gid(first) == 1 && job_nid(first) == 2);
    check_ran("1:2\n");
    CHECK(acclient_rollout_agent_count(rollout) == 2);
    CHECK(acclient_rollout_not_started_count(rollout) == 1);
    CHECK(rollout_not_started_gid(rollout, 0) == 2);
    CHECK(rollout_not_started_nid(rollout, 0) == 1);
    acclient_job *second = next_of(rollout);
    CHECK(job_gid(second) == 2 && job_nid(second) == 1);
    check_ran("1:2\n2:1\n");
    CHECK(strcmp(acclient_job_id(first, NULL), acclient_job_id(second, NULL)) != 0);
    acclient_job_free(first);
    acclient_job_free(second);
    CHECK(acclient_rollout_not_started_count(rollout) == 0);
    check_end(rollout, false);

    SAY("batches of a percentage");
    for (int64_t percent = 50; percent <= 100; percent += 50) {
        rollout = roll_out(script(client, everyone("cpu"), "true"), 0, percent, 0, 0, LONG_MS);
        CHECK(acclient_rollout_batch_size(rollout) == (percent == 50 ? 1 : 2));
        acclient_job_free(next_of(rollout));
        CHECK(acclient_rollout_not_started_count(rollout) == (percent == 50 ? 1 : 0));
        CHECK(acclient_rollout_in_flight_count(rollout) == (percent == 50 ? 0 : 1));
        acclient_job_free(next_of(rollout));
        check_in_flight(rollout, NULL, 0, false);
        check_end(rollout, false);
    }

    SAY("a sample");
    rollout = roll_out(script(client, everyone("storage"), "true"), 5, 0, 0, 1, LONG_MS);
    CHECK(acclient_rollout_agent_count(rollout) == 1);
    const int64_t gid = rollout_agent_gid(rollout, 0);
    check_next(rollout, gid, gid == 1 ? 2 : 1, "SUCCESS", 0, 0);
    check_end(rollout, false);

    SAY("one agent");
    rollout = roll_out(script(client, agent(1, 2), "exit 1"), 0, 1, 1, 0, -1);
    check_next(rollout, 1, 2, "ERROR", 0, 1);
    check_end(rollout, false);
}

static void sliding(const acclient_client *client) {
    acclient_error *error;
    SAY("a sliding window");
    acclient_rollout_plan *plan = GARBAGE;
    acclient_rollout *rollout = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_agents(2, &plan, &error));
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_set_sliding(plan, &error));
    /* The first agent waits for the last. */
    static char text[300];
    snprintf(
        text, sizeof text,
        "if [ $AGENT_GID:$AGENT_NID = 1:1 ]; then until grep -q last %s; do sleep 0.02; done; fi;"
        "if [ $AGENT_GID = 2 ]; then echo last >> %s; fi",
        path, path);
    forget();
    acclient_target *listed = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_target_agents(&listed, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_agent(listed, 1, 1, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_agent(listed, 1, 2, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_agent(listed, 2, 1, &error));
    acclient_request *request = script(client, listed, text);
    EXPECT(ACCLIENT_OK, acclient_request_rollout(request, plan, LONG_MS, NULL, &rollout, &error));
    acclient_request_free(request);
    acclient_rollout_plan_free(plan);
    CHECK(acclient_rollout_batch_size(rollout) == 2);
    check_next(rollout, 1, 2, "SUCCESS", 1, 0);
    acclient_job_free(next_of(rollout));
    CHECK(acclient_rollout_not_started_count(rollout) == 0);
    acclient_job_free(next_of(rollout));
    check_end(rollout, false);
}

static void failures(const acclient_client *client) {
    const char *fails_on_1_1 = "[ $AGENT_GID = 2 ]";
    SAY("a failure stops the rollout");
    forget();
    acclient_rollout *rollout =
        roll_out(script(client, everyone("cpu"), write_here(fails_on_1_1)), 1, 0, 1, 0, LONG_MS);
    check_next(rollout, 1, 1, "ERROR", 1, 1);
    CHECK(acclient_rollout_is_stopped(rollout));
    check_in_flight(rollout, NULL, 0, false);
    CHECK(rollout_not_started_gid(rollout, 0) == 2);
    CHECK(rollout_not_started_nid(rollout, 0) == 1);
    check_end(rollout, true);
    /* A further batch would have run before this command. */
    acclient_job_free(run(script(client, agent(2, 1), "true")));
    check_ran("1:1\n");

    SAY("a failure below the limit does not");
    for (int64_t stop_after = 0; stop_after <= 2; stop_after += 2) {
        rollout =
            roll_out(script(client, everyone("cpu"), fails_on_1_1), 1, 0, stop_after, 0, LONG_MS);
        check_next(rollout, 1, 1, "ERROR", 1, 1);
        CHECK(!acclient_rollout_is_stopped(rollout));
        check_next(rollout, 2, 1, "SUCCESS", 0, 1);
        check_end(rollout, false);
    }

    SAY("a freed rollout sends no further batch");
    forget();
    rollout = roll_out(script(client, everyone("cpu"), write_here("true")), 1, 0, 0, 0, LONG_MS);
    check_next(rollout, 1, 1, "SUCCESS", 1, 0);
    acclient_rollout_free(rollout);
    acclient_job_free(run(script(client, agent(2, 1), "true")));
    check_ran("1:1\n");
}

/* An agent that does not answer by the deadline. */
static void check_verdict(const acclient_client *client, acclient_rollout *rollout, int64_t gid,
                          int64_t nid, bool kill) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    int64_t numbers[2] = {-1, -1};
    FAILS(ACCLIENT_TIMEOUT, acclient_rollout_next(rollout, &job, &error));
    CHECK(job == NULL);
    CHECK(acclient_error_agent(error, &numbers[0], &numbers[1]));
    CHECK(numbers[0] == gid && numbers[1] == nid);
    CHECK(acclient_rollout_failures(rollout) == 1);
    if (kill) {
        kill_of(client, error);
    }
    acclient_error_free(error);
}

static void deadlines(const acclient_client *client) {
    SAY("the deadline is for all agents");
    int64_t begun = now_ms();
    acclient_rollout *rollout =
        roll_out(script(client, everyone("cpu"), "exec sleep 600"), 1, 0, 0, 0, patience());
    check_verdict(client, rollout, 1, 1, true);
    CHECK(now_ms() - begun >= patience() - 1);
    CHECK(now_ms() - begun < patience() + LATE_MS);
    CHECK(acclient_rollout_is_stopped(rollout));
    check_end(rollout, true);

    SAY("commands without an answer can be killed");
    const char *const slow[] = {"1:1", "1:2"};
    rollout = roll_out(script(client, everyone(NULL), "[ $AGENT_GID = 2 ] || exec sleep 600"), 3, 0,
                       0, 0, 3 * patience());
    check_next(rollout, 2, 1, "SUCCESS", 1, 0);
    for (size_t failures = 1; failures <= 2; failures++) {
        acclient_error *error;
        acclient_job *job = GARBAGE;
        EXPECT(ACCLIENT_TIMEOUT, acclient_rollout_next(rollout, &job, &error));
        check_in_flight(rollout, slow, 2, false);
    }
    CHECK(next_of(rollout) == NULL);
    check_in_flight(rollout, slow, 2, true);
    check_end(rollout, true);

    SAY("the last agent does not answer");
    rollout = roll_out(script(client, everyone(NULL), "true"), 3, 0, 1, 0, 3 * patience());
    for (int i = 0; i < 3; i++) {
        acclient_job_free(next_of(rollout));
    }
    CHECK(rollout_not_started_gid(rollout, 0) == 3);
    check_verdict(client, rollout, 3, 1, false);
    const char *const silent[] = {"3:1"};
    check_in_flight(rollout, silent, 1, false);
    check_end(rollout, false);
}

struct wait {
    acclient_rollout *rollout;
    _Atomic long thread;
};

static void *wait_until_cancelled(void *argument) {
    struct wait *wait = argument;
    acclient_error *error;
    acclient_job *job = GARBAGE;
    wait->thread = thread_id();
    FAILS(ACCLIENT_CANCELLED, acclient_rollout_next(wait->rollout, &job, &error));
    CHECK(job == NULL && !acclient_error_agent(error, NULL, NULL));
    acclient_error_free(error);
    return NULL;
}

static void from_other_threads(acclient_client *client) {
    acclient_error *error;
    acclient_cancel_token *cancel = GARBAGE;
    acclient_rollout *rollout = GARBAGE;
    acclient_job *job = GARBAGE;
    SAY("a second thread gets an error at once");
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&cancel, &error));
    acclient_request *request = script(client, everyone("cpu"), "exec sleep 600");
    EXPECT(ACCLIENT_OK, rollout_of(request, 1, 0, 0, 0, -1, cancel, &rollout, &error));
    struct wait wait = {.rollout = rollout};
    const pthread_t thread = start_thread(wait_until_cancelled, &wait);
    wait_until_asleep(&wait.thread);
    REFUSES(job, acclient_rollout_next(rollout, &job, &error));
    CHECK(acclient_rollout_not_started_count(rollout) == 0);
    CHECK(rollout_not_started_gid(rollout, 0) == 0);
    CHECK(rollout_not_started_nid(rollout, 0) == 0);
    CHECK(acclient_rollout_failures(rollout) == 0 && !acclient_rollout_is_stopped(rollout));
    CHECK(acclient_rollout_in_flight_count(rollout) == 0);
    acclient_command *command = GARBAGE;
    REFUSES(command, acclient_rollout_in_flight(rollout, 0, &command, &error));
    CHECK(acclient_rollout_batch_size(rollout) == 1);
    CHECK(acclient_rollout_agent_count(rollout) == 2);
    CHECK(rollout_agent_gid(rollout, 1) == 2);

    SAY("a token ends the rollout");
    CHECK(acclient_cancel_token_cancel(cancel) == ACCLIENT_OK);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(acclient_rollout_not_started_count(rollout) == 1);
    CHECK(acclient_rollout_in_flight_count(rollout) == 1);
    EXPECT(ACCLIENT_OK, acclient_rollout_in_flight(rollout, 0, &command, &error));
    check_end(rollout, true);
    /* It outlives the rollout, whose token does not apply to it. */
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_command_next_result(command, 10000, NULL, &job, &error));
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    acclient_command_free(command);
    rollout = GARBAGE;
    EXPECT(ACCLIENT_CANCELLED, rollout_of(request, 1, 0, 0, 0, -1, cancel, &rollout, &error));
    CHECK(rollout == NULL);
    acclient_request_free(request);
    acclient_cancel_token_free(cancel);
}

static void refusals(acclient_client *client) {
    acclient_error *error;
    acclient_rollout *rollout;
    acclient_target *any = GARBAGE;
    acclient_run_args *args = GARBAGE;
    SAY("requests that cannot be rolled out");
    EXPECT(ACCLIENT_OK, acclient_target_any(&any, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_recurring_period(args, 9, &error));
    acclient_request *request = script(client, any, "true");
    REFUSES(rollout, rollout_of(request, 1, 0, 0, 0, 10000, NULL, &rollout, &error));
    acclient_request_free(request);
    request = script(client, everyone(NULL), "true");
    EXPECT(ACCLIENT_OK, acclient_request_set_id(request, "one for all", &error));
    REFUSES(rollout, rollout_of(request, 1, 0, 0, 0, 10000, NULL, &rollout, &error));
    acclient_request_free(request);
    request = script(client, everyone(NULL), "true");
    EXPECT(ACCLIENT_OK, acclient_request_set_run_args(request, args, &error));
    REFUSES(rollout, rollout_of(request, 1, 0, 0, 0, -1, NULL, &rollout, &error));
    acclient_request_free(request);
    acclient_run_args_free(args);
    request = script(client, everyone("no such role"), "true");
    rollout = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT, rollout_of(request, 1, 0, 0, 0, 10000, NULL, &rollout, &error));
    CHECK(rollout == NULL);
    acclient_request_free(request);

    SAY("a closed client");
    acclient_job *job = GARBAGE;
    rollout = roll_out(script(client, everyone("cpu"), "true"), 1, 0, 0, 0, -1);
    acclient_client_close(client);
    EXPECT(ACCLIENT_CLOSED, acclient_rollout_next(rollout, &job, &error));
    CHECK(job == NULL && acclient_rollout_not_started_count(rollout) == 2);
    check_end(rollout, true);
}

int main(void) {
    acclient_client *client = connect_grid();
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    in_batches(client);
    sliding(client);
    failures(client);
    deadlines(client);
    from_other_threads(client);
    refusals(client);
    CHECK(unlink(path) == 0);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
