/* Progress of commands, retracting them, and submitting them once. Agent 3:1 is routable and does
 * not answer; ACCLIENT_QUEUE_URL is a Redis that no controller drains. */
#define _GNU_SOURCE
#include "check.h"

static acclient_client *connect_queue(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    const char *url = getenv("ACCLIENT_QUEUE_URL");
    CHECK(url != NULL);
    EXPECT(ACCLIENT_OK, acclient_client_connect(url, 10000, NULL, &client, &error));
    return client;
}

static acclient_progress *progress_of(const acclient_command *command) {
    acclient_error *error;
    acclient_progress *progress = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_command_progress(command, 5000, NULL, &progress, &error));
    CHECK(progress != NULL);
    return progress;
}

/* The stage of a command for which no agent is known. */
static int32_t stage_without_agents(const acclient_command *command) {
    acclient_progress *progress = progress_of(command);
    const int32_t stage = acclient_progress_stage(progress);
    CHECK(acclient_progress_count(progress) == 0);
    CHECK(acclient_progress_stage_at(progress, 0) == 0);
    acclient_progress_free(progress);
    return stage;
}

static bool retract(const acclient_command *command) {
    acclient_error *error;
    bool retracted = true;
    EXPECT(ACCLIENT_OK, acclient_command_retract(command, 10000, NULL, &retracted, &error));
    return retracted;
}

/* The same command by its id alone. */
static acclient_command *again(const acclient_client *client, const acclient_command *command) {
    acclient_error *error;
    acclient_command *found = GARBAGE;
    const char *printed = acclient_command_handle(command, NULL);
    EXPECT(ACCLIENT_OK, acclient_client_get_by_handle(client, printed, &found, &error));
    return found;
}

static void names(void) {
    SAY("names of stages");
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_IN_QUEUE), "in queue") == 0);
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_ROUTED), "routed") == 0);
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_RUNNING), "running") == 0);
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_DONE), "done") == 0);
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_LOST), "lost") == 0);
    CHECK(strcmp(acclient_stage_name(ACCLIENT_STAGE_UNKNOWN), "unknown") == 0);
    CHECK(strcmp(acclient_stage_name(0), "unknown stage") == 0);
}

static void in_the_queue(void) {
    acclient_error *error;
    SAY("retracting a command from a queue that no controller drains");
    acclient_client *client = connect_queue();
    acclient_command *command = shell(client, "true # \xc3\xbc");
    acclient_command *other = shell(client, "true");
    acclient_command *found = again(client, other);
    CHECK(stage_without_agents(command) == ACCLIENT_STAGE_IN_QUEUE);
    CHECK(stage_without_agents(found) == ACCLIENT_STAGE_IN_QUEUE);
    CHECK(retract(command));
    CHECK(!retract(command));
    CHECK(stage_without_agents(command) == ACCLIENT_STAGE_LOST);
    CHECK(stage_without_agents(other) == ACCLIENT_STAGE_IN_QUEUE);
    CHECK(retract(found));
    CHECK(stage_without_agents(found) == ACCLIENT_STAGE_UNKNOWN);
    /* Retracted by another handle; no controller confirms that it does not have it. */
    CHECK(stage_without_agents(other) == ACCLIENT_STAGE_UNKNOWN);
    acclient_command_free(found);
    acclient_command_free(other);
    other = shell(client, "true");
    EXPECT(ACCLIENT_OK, acclient_command_retract(other, 10000, NULL, NULL, &error));
    CHECK(!retract(other));
    acclient_command_free(other);
    acclient_command_free(command);
    acclient_client_free(client);
}

/* The stage of one agent, or 0 if the agent is not listed. */
static int32_t stage_on(const acclient_progress *progress, int64_t gid, int64_t nid) {
    for (size_t i = 0; i < acclient_progress_count(progress); i++) {
        if (progress_agent_gid(progress, i) == gid && progress_agent_nid(progress, i) == nid) {
            return acclient_progress_stage_at(progress, i);
        }
    }
    return 0;
}

/* Whether these are the stages of agents 1:1, 1:2, 2:1 and 3:1. */
static bool stands(const acclient_command *command, int32_t stage_of_all, int32_t one, int32_t two,
                   int32_t three, int32_t silent) {
    acclient_progress *progress = progress_of(command);
    const bool so = acclient_progress_stage(progress) == stage_of_all &&
                    stage_on(progress, 1, 1) == one && stage_on(progress, 1, 2) == two &&
                    stage_on(progress, 2, 1) == three && stage_on(progress, 3, 1) == silent;
    acclient_progress_free(progress);
    return so;
}

struct wait {
    const acclient_command *command;
    _Atomic long thread;
};

static void *wait_for_result(void *argument) {
    struct wait *wait = argument;
    wait->thread = thread_id();
    acclient_job *job = next_job(wait->command);
    CHECK_TEXT(acclient_job_state, job, "KILLED");
    acclient_job_free(job);
    return NULL;
}

static void lost_data(void) {
    acclient_error *error;
    acclient_client *client = GARBAGE;
    SAY("a Redis that loses its data");
    const char *url = getenv("ACCLIENT_FORGETFUL_URL");
    CHECK(url != NULL);
    EXPECT(ACCLIENT_OK, acclient_client_connect(url, 10000, NULL, &client, &error));
    acclient_command *command = send_script(client, agent(1, 1), "true");
    acclient_progress *progress = progress_of(command);
    CHECK(!acclient_progress_redis_lost_data(progress));
    acclient_progress_free(progress);
    CHECK(system(getenv("ACCLIENT_FORGET")) == 0);
    WAIT_UNTIL(acclient_client_ping(client, 10000, NULL, NULL) == ACCLIENT_OK);
    acclient_job *job = GARBAGE;
    FAILS(ACCLIENT_TIMEOUT, acclient_command_next_result(command, 2000, NULL, &job, &error));
    CHECK(strstr(acclient_error_message(error, NULL), "Redis lost its data") != NULL);
    acclient_error_free(error);
    progress = progress_of(command);
    CHECK(acclient_progress_redis_lost_data(progress));
    acclient_progress_free(progress);
    acclient_command_free(command);
    acclient_client_free(client);
}

static void on_agents(const acclient_client *client) {
    const int32_t routed = ACCLIENT_STAGE_ROUTED;
    const int32_t running = ACCLIENT_STAGE_RUNNING;
    const int32_t done = ACCLIENT_STAGE_DONE;
    acclient_error *error;
    SAY("agents that run it, have run it, and do not fetch it");
    acclient_command *command =
        send_script(client, everyone(NULL), "[ $AGENT_NID = 2 ] || exec sleep 600");
    WAIT_UNTIL(stands(command, routed, running, done, running, routed));
    acclient_command *found = again(client, command);
    CHECK(stands(found, routed, running, done, running, routed));
    CHECK(!retract(command));
    acclient_jobs *jobs = jobs_in_state(command, 2, "RUNNING");
    for (size_t i = 0; i < acclient_jobs_count(jobs); i++) {
        const acclient_job *job = acclient_jobs_at(jobs, i);
        if (strcmp(acclient_job_state(job, NULL), "RUNNING") == 0) {
            EXPECT(ACCLIENT_OK, acclient_job_kill(job, 10000, NULL, NULL, &error));
        }
    }
    acclient_jobs_free(jobs);
    WAIT_UNTIL(stands(command, routed, done, done, done, routed));
    acclient_command_free(found);
    acclient_command_free(command);

    SAY("while another thread waits with the command");
    command = send_script(client, everyone("storage"), "exec sleep 600");
    struct wait wait = {.command = command};
    const pthread_t thread = start_thread(wait_for_result, &wait);
    wait_until_asleep(&wait.thread);
    WAIT_UNTIL(stands(command, running, 0, running, running, 0));
    CHECK(!retract(command));
    found = again(client, command);
    EXPECT(ACCLIENT_OK, kill_everywhere(found, 10000, NULL, &error));
    CHECK(pthread_join(thread, NULL) == 0);
    WAIT_UNTIL(stands(command, done, 0, done, done, 0));
    acclient_command_free(found);
    acclient_command_free(command);

    SAY("a target without matching agents");
    command = send_script(client, everyone("no such role"), "true");
    acclient_status status;
    do {
        acclient_progress *progress = GARBAGE;
        status = acclient_command_progress(command, 5000, NULL, &progress, NULL);
        CHECK(status == ACCLIENT_OK ? acclient_progress_count(progress) == 0 : progress == NULL);
        acclient_progress_free(progress);
    } while (status == ACCLIENT_OK);
    CHECK(status == ACCLIENT_NO_SUCH_AGENT);
    acclient_command_free(command);
}

/* Number of lines in a file. */
static int lines(const char *path) {
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    int count = 0;
    for (int c; (c = fgetc(file)) != EOF;) {
        count += c == '\n';
    }
    fclose(file);
    return count;
}

static void once(const acclient_client *client) {
    acclient_error *error;
    acclient_command *command = GARBAGE;
    char path[] = "/tmp/acclient-once-XXXXXX";
    char text[100];
    SAY("submitting a command once, twice");
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    snprintf(text, sizeof text, "echo here >> %s", path);
    acclient_request *request = script(client, agent(1, 1), text);
    snprintf(text, sizeof text, "once, %ld", (long)getpid());
    EXPECT(ACCLIENT_OK, acclient_request_set_id(request, text, &error));
    for (int i = 0; i < 2; i++) {
        EXPECT(ACCLIENT_OK, acclient_request_submit_once(request, 10000, NULL, &command, &error));
        CHECK_TEXT(acclient_command_id, command, text);
        acclient_job *job = next_job(command);
        CHECK(acclient_job_is_success(job));
        acclient_job_free(job);
        acclient_command_free(command);
    }
    /* A duplicate would have run before this command. */
    acclient_job_free(run(script(client, agent(1, 1), "true")));
    CHECK(lines(path) == 1);
    SAY("another command under its id fails");
    acclient_request *other_script = script(client, agent(1, 1), "false");
    EXPECT(ACCLIENT_OK, acclient_request_set_id(other_script, text, &error));
    command = GARBAGE;
    EXPECT(ACCLIENT_ID_IN_USE,
           acclient_request_submit_once(other_script, 10000, NULL, &command, &error));
    CHECK(command == NULL && !acclient_error_is_maybe_sent(error));
    acclient_error_free(error);
    acclient_request_free(other_script);
    SAY("submitting it normally");
    EXPECT(ACCLIENT_OK, acclient_request_submit(request, 10000, NULL, &command, &error));
    WAIT_UNTIL(lines(path) == 2);
    acclient_command_free(command);
    acclient_request_free(request);
    CHECK(unlink(path) == 0);

    SAY("a retracted command can be submitted again");
    acclient_client *other = connect_queue();
    request = script(other, agent(1, 1), "true");
    EXPECT(ACCLIENT_OK, acclient_request_set_id(request, text, &error));
    for (int i = 0; i < 2; i++) {
        EXPECT(ACCLIENT_OK, acclient_request_submit_once(request, 10000, NULL, &command, &error));
        CHECK(stage_without_agents(command) == ACCLIENT_STAGE_IN_QUEUE);
        CHECK(retract(command));
        acclient_command_free(command);
    }
    acclient_request_free(request);
    acclient_client_free(other);
}

int main(void) {
    acclient_client *client = connect_grid();
    names();
    in_the_queue();
    lost_data();
    on_agents(client);
    once(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
