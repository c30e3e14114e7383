/* Requests to agents and the controller, and reading answers. The controller of this grid keeps a
 * history. */
#define _GNU_SOURCE
#include "check.h"

static bool is_field(const acclient_answer *answer, size_t row, const char *field,
                     const char *expected) {
    const char *text = acclient_answer_text(answer, row, field, NULL);
    return text != NULL && strcmp(text, expected) == 0;
}

/* The row in which a field has a value; the number of rows if there is none. */
static size_t row_with(const acclient_answer *answer, const char *field, const char *expected) {
    size_t row = 0;
    while (row < acclient_answer_count(answer) && !is_field(answer, row, field, expected)) {
        row++;
    }
    return row;
}

static void check_fields(const acclient_answer *answer, const char *const *fields, size_t count) {
    CHECK(acclient_answer_count(answer) > 0);
    for (size_t row = 0; row < acclient_answer_count(answer); row++) {
        for (size_t i = 0; i < count; i++) {
            CHECK(acclient_answer_text(answer, row, fields[i], NULL) != NULL);
        }
    }
}

#define CHECK_FIELDS(answer, ...)                                                                  \
    do {                                                                                           \
        const char *const fields_of_rows[] = {__VA_ARGS__};                                        \
        check_fields(answer, fields_of_rows, sizeof fields_of_rows / sizeof *fields_of_rows);      \
    } while (0)

static void machine(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    size_t length = 0;
    SAY("processors");
    EXPECT(ACCLIENT_OK, acclient_client_get_cpu_info(client, 1, 1, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == (size_t)sysconf(_SC_NPROCESSORS_ONLN));
    CHECK_FIELDS(answer, "cpu", "vendor_id", "model_name", "mhz", "cache_size", "flags");
    CHECK(acclient_answer_int(answer, 0, "cores") == 1);
    acclient_answer_free(answer);

    SAY("file systems");
    EXPECT(ACCLIENT_OK, acclient_client_get_disk_info(client, 1, 2, 10000, NULL, &answer, &error));
    CHECK_FIELDS(answer, "device", "mountpoint", "fstype", "opts");
    CHECK(row_with(answer, "mountpoint", "/") < acclient_answer_count(answer));
    acclient_answer_free(answer);

    SAY("memory, and reading numbers");
    EXPECT(ACCLIENT_OK, acclient_client_get_mem_info(client, 2, 1, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 1);
    CHECK_FIELDS(answer, "total", "available", "used", "free", "active", "inactive", "buffers",
                 "cached", "wired", "shared", "used_percent");
    const int64_t total = acclient_answer_int(answer, 0, "total");
    const double used = acclient_answer_double(answer, 0, "used_percent");
    CHECK(total > acclient_answer_int(answer, 0, "available"));
    CHECK(acclient_answer_double(answer, 0, "total") == (double)total);
    CHECK(used > 0.0 && used < 100.0);
    CHECK(acclient_answer_int(answer, 0, "used_percent") == (int64_t)used);
    const char *text = acclient_answer_text(answer, 0, "total", &length);
    CHECK(length == strlen(text) && strtoll(text, NULL, 10) == total);
    CHECK(acclient_answer_text(answer, 0, "total", NULL) == text);
    const char *json = acclient_answer_json(answer, &length);
    CHECK(json != NULL && json[0] == '{' && length == strlen(json));
    CHECK(is_field(answer, 0, "", json) || strlen(acclient_answer_text(answer, 0, "", NULL)) > 0);

    SAY("absent rows and fields");
    length = 12345;
    CHECK(acclient_answer_text(answer, 0, "no.such", &length) == NULL && length == 0);
    length = 12345;
    CHECK(acclient_answer_text(answer, 1, "total", &length) == NULL && length == 0);
    CHECK(acclient_answer_int(answer, SIZE_MAX, "total") == 0);
    CHECK(acclient_answer_int(answer, 0, "none") == 0);
    CHECK(acclient_answer_double(answer, 1, "total") == 0.0);
    acclient_answer_free(answer);

    SAY("network");
    EXPECT(ACCLIENT_OK, acclient_client_get_nic_info(client, 1, 1, 10000, NULL, &answer, &error));
    CHECK_FIELDS(answer, "name", "mtu", "flags", "addrs");
    const size_t loopback = row_with(answer, "name", "lo");
    if (loopback < acclient_answer_count(answer)) {
        CHECK(acclient_answer_text(answer, loopback, "addrs.0.addr", NULL) != NULL);
        CHECK(acclient_answer_double(answer, loopback, "name") == 0.0);
        CHECK(acclient_answer_int(answer, loopback, "name") == 0);
    }
    acclient_answer_free(answer);

    SAY("system");
    char name[300];
    CHECK(gethostname(name, sizeof name) == 0);
    EXPECT(ACCLIENT_OK, acclient_client_get_os_info(client, 1, 1, 10000, NULL, &answer, &error));
    CHECK(is_field(answer, 0, "hostname", name));
    CHECK(is_field(answer, 0, "os", "linux"));
    CHECK(acclient_answer_int(answer, 0, "boot_time") > 0);
    acclient_answer_free(answer);

    SAY("resource usage of an agent");
    EXPECT(ACCLIENT_OK,
           acclient_client_get_aggregated_stats(client, 1, 1, 10000, NULL, &answer, &error));
    CHECK_FIELDS(answer, "cpu", "rss", "vms", "swap");
    CHECK(acclient_answer_int(answer, 0, "rss") > 0);
    acclient_answer_free(answer);

    SAY("an agent that does not exist");
    answer = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT,
           acclient_client_get_os_info(client, 9, 9, 10000, NULL, &answer, &error));
    CHECK(answer == NULL);
}

static void agents(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    SAY("agents");
    EXPECT(ACCLIENT_OK, acclient_client_list_agents(client, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 3);
    const size_t row = row_with(answer, "gid", "2");
    CHECK(row < 3 && acclient_answer_int(answer, row, "nid") == 1);
    CHECK(is_field(answer, row, "roles.0", "cpu") && is_field(answer, row, "roles.1", "storage"));
    CHECK(is_field(answer, row, "roles", "[\"cpu\",\"storage\"]"));
    CHECK(acclient_answer_text(answer, row, "roles.2", NULL) == NULL);
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK, acclient_client_ping_agent(client, 1, 2, 10000, NULL, &error));
    EXPECT(ACCLIENT_NO_SUCH_AGENT, acclient_client_ping_agent(client, 9, 9, 10000, NULL, &error));
}

static void resolution(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    acclient_target *target = GARBAGE;
    SAY("resolving expressions");
    EXPECT(ACCLIENT_OK, acclient_client_resolve(client, "1:1-9 or role=storage and not 1:*", 10000,
                                                NULL, &target, &error));
    CHECK(strcmp(acclient_target_text(target, NULL), "1:1,1:2,2:1") == 0);
    EXPECT(ACCLIENT_OK,
           acclient_client_waiting_commands(client, target, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 3 && acclient_answer_int(answer, 2, "gid") == 2);
    CHECK(is_field(answer, 0, "waiting", "0"));
    acclient_answer_free(answer);
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_client_resolve(client, "role=cpu and role=storage", 10000, NULL,
                                                &target, &error));
    CHECK(strcmp(acclient_target_text(target, NULL), "all,role=cpu,storage") == 0);
    EXPECT(ACCLIENT_OK,
           acclient_client_matching_agents(client, target, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 1 && acclient_answer_int(answer, 0, "gid") == 2);
    CHECK(is_field(answer, 0, "roles", "[\"cpu\",\"storage\"]"));
    acclient_answer_free(answer);
    acclient_target_free(target);
    target = GARBAGE;
    EXPECT(ACCLIENT_NO_SUCH_AGENT,
           acclient_client_resolve(client, "7:1-5", 10000, NULL, &target, &error));
    CHECK(target == NULL);
}

static void processes(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    acclient_outcomes *outcomes = GARBAGE;
    acclient_run_args *args = GARBAGE;
    acclient_command *command = GARBAGE;
    SAY("processes");
    acclient_request *request =
        script(client, agent(1, 1), "echo first; echo second; exec sleep 600");
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_domain(args, "tests", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_name(args, "sleeper", &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_run_args(request, args, &error));
    acclient_run_args_free(args);
    EXPECT(ACCLIENT_OK, acclient_request_submit(request, 10000, NULL, &command, &error));
    acclient_request_free(request);
    acclient_jobs_free(jobs_in_state(command, 1, "RUNNING"));
    const char *id = acclient_command_id(command, NULL);
    acclient_process_query *query = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_process_query_new(&query, &error));
    EXPECT(ACCLIENT_OK, acclient_process_query_set_name(query, "sleeper", &error));
    EXPECT(ACCLIENT_OK,
           acclient_client_get_all_processes(client, query, 10000, NULL, &outcomes, &error));
    EXPECT(ACCLIENT_OK, acclient_process_query_set_domain(query, "tests", &error));
    EXPECT(ACCLIENT_OK,
           acclient_client_get_processes(client, 1, 1, query, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 1 && is_field(answer, 0, "cmd.id", id));
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK,
           acclient_client_get_processes(client, 1, 1, NULL, 10000, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 2);
    CHECK(row_with(answer, "cmd.id", id) < 2);
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK, acclient_process_query_set_domain(query, "others", &error));
    EXPECT(ACCLIENT_OK,
           acclient_client_get_processes(client, 1, 1, query, 10000, NULL, &answer, &error));
    acclient_process_query_free(query);
    CHECK(acclient_answer_count(answer) == 0);
    acclient_answer_free(answer);

    SAY("processes of all agents");
    CHECK(acclient_outcomes_count(outcomes) == 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(acclient_outcomes_kind(outcomes, i) == ACCLIENT_OUTCOME_DONE);
        CHECK(acclient_answer_count(acclient_outcomes_answer(outcomes, i)) == (i == 0));
    }
    CHECK(is_field(acclient_outcomes_answer(outcomes, 0), 0, "cmd.id", id));
    acclient_outcomes_free(outcomes);

    SAY("messages by id");
    acclient_target *target = agent(1, 1);
    acclient_msg_query *last = msg_query("1", 1);
    WAIT_UNTIL((acclient_client_get_msgs(client, target, id, NULL, 10000, NULL, &answer, NULL),
                acclient_answer_count(answer) == 2 || (acclient_answer_free(answer), false)));
    CHECK(is_field(answer, 0, "data", "second") && is_field(answer, 1, "data", "first"));
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK,
           acclient_client_get_msgs(client, target, id, last, 10000, NULL, &answer, &error));
    acclient_msg_query_free(last);
    CHECK(acclient_answer_count(answer) == 1);
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK,
           acclient_client_get_msgs(client, target, "unknown", NULL, 10000, NULL, &answer, &error));
    acclient_target_free(target);
    CHECK(acclient_answer_count(answer) == 0);
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK, kill_everywhere(command, 10000, NULL, &error));
    acclient_command_free(command);
}

static acclient_answer *scheduled(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_schedule_list(client, 10000, NULL, &answer, &error));
    CHECK(answer != NULL);
    return answer;
}

static void schedule(const acclient_client *client) {
    acclient_error *error;
    const char *const ids[] = {"b.two", "a", "b.one"};
    SAY("schedule");
    acclient_request *request = script(client, agent(1, 2), "true");
    for (int i = 0; i < 3; i++) {
        EXPECT(ACCLIENT_OK, acclient_client_schedule_add(client, ids[i], "0 30 3 1 1 *", request,
                                                         10000, NULL, &error));
    }
    EXPECT(ACCLIENT_INVALID_ARGUMENT,
           acclient_client_schedule_add(client, "x", "at times", request, 10000, NULL, &error));
    acclient_request_free(request);
    acclient_answer *answer = scheduled(client);
    CHECK(acclient_answer_count(answer) == 3);
    CHECK(is_field(answer, 0, "id", "a") && is_field(answer, 2, "id", "b.two"));
    CHECK(is_field(answer, 1, "cron", "0 30 3 1 1 *") && is_field(answer, 1, "cmd.cmd", "bash"));
    CHECK(acclient_answer_int(answer, 1, "cmd.nid") == 2);
    acclient_answer_free(answer);
    bool removed = false;
    EXPECT(ACCLIENT_OK,
           acclient_client_schedule_remove(client, "a", &removed, 10000, NULL, &error));
    CHECK(removed);
    EXPECT(ACCLIENT_OK,
           acclient_client_schedule_remove(client, "a", &removed, 10000, NULL, &error));
    CHECK(!removed);
    EXPECT(ACCLIENT_OK, acclient_client_schedule_remove(client, "a", NULL, 10000, NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_client_schedule_remove_prefix(client, "b.o", 10000, NULL, &error));
    answer = scheduled(client);
    CHECK(acclient_answer_count(answer) == 1 && is_field(answer, 0, "id", "b.two"));
    acclient_answer_free(answer);
    EXPECT(ACCLIENT_OK, acclient_client_schedule_remove_prefix(client, "", 10000, NULL, &error));
    answer = scheduled(client);
    CHECK(acclient_answer_count(answer) == 0);
    acclient_answer_free(answer);
}

/* A generic command with a schedule entry that would make the controller exit when it is due. */
static void deadly(const acclient_client *client) {
    static const char data[] =
        "{\"id\":\"x\",\"cron\":\"@hourly\",\"cmd\":{\"cmd\":\"ping\",\"Roles\":\"cpu\"}}";
    static const char answered[] = "{\"id\":\"x\",\"cron\":\"@hourly\",\"cmd\":\"ping\"}";
    acclient_error *error;
    acclient_target *target = agent(1, 1);
    acclient_run_args *args = GARBAGE;
    acclient_request *request = GARBAGE;
    acclient_job *job = GARBAGE;
    SAY("a schedule entry in a generic command");
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_name(args, "scheduler_add", &error));
    EXPECT(ACCLIENT_OK, acclient_request_new(client, target, "controller", &request, &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_run_args(request, args, &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_data(request, data, sizeof data - 1, &error));
    FAILS(ACCLIENT_INVALID_ARGUMENT, acclient_request_run(request, 10000, NULL, &job, &error));
    CHECK(job == NULL);
    CHECK(strstr(acclient_error_message(error, NULL), "invalid cmd.Roles in a schedule entry") !=
          NULL);
    acclient_error_free(error);
    /* Entries that the controller rejects with an error are sent. */
    EXPECT(ACCLIENT_OK, acclient_request_set_data(request, answered, sizeof answered - 1, &error));
    EXPECT(ACCLIENT_OK, acclient_request_run(request, 10000, NULL, &job, &error));
    CHECK_TEXT(acclient_job_state, job, "ERROR");
    acclient_job_free(job);
    acclient_request_free(request);
    acclient_run_args_free(args);
    acclient_target_free(target);
    acclient_answer *answer = scheduled(client);
    CHECK(acclient_answer_count(answer) == 0);
    acclient_answer_free(answer);
}

static void history(const acclient_client *client) {
    acclient_error *error;
    acclient_commands *commands = GARBAGE;
    SAY("history");
    acclient_command *older = shell(client, "echo older");
    acclient_job_free(next_job(older));
    acclient_command *newer = shell(client, "echo newer");
    acclient_job_free(next_job(newer));
    EXPECT(ACCLIENT_OK, acclient_client_get_cmds(client, 0, 2, 10000, NULL, &commands, &error));
    CHECK(acclient_commands_count(commands) == 2);
    const acclient_command *found = acclient_commands_at(commands, 1);
    CHECK_TEXT(acclient_command_id, acclient_commands_at(commands, 0),
               acclient_command_id(newer, NULL));
    CHECK_TEXT(acclient_command_id, found, acclient_command_id(older, NULL));
    CHECK_TEXT(acclient_command_target, found, "1:1");
    CHECK_TEXT(acclient_command_cmd, found, "execute");
    CHECK(acclient_commands_at(commands, 2) == NULL);
    acclient_job *job = next_job(found);
    CHECK_TEXT(acclient_job_stdout, job, "older\n");
    acclient_job_free(job);
    acclient_commands_free(commands);
    EXPECT(ACCLIENT_OK, acclient_client_get_cmds(client, 1, 1, 10000, NULL, &commands, &error));
    CHECK_TEXT(acclient_command_id, acclient_commands_at(commands, 0),
               acclient_command_id(older, NULL));
    acclient_commands_free(commands);
    EXPECT(ACCLIENT_OK,
           acclient_client_get_cmds(client, 100000, 10, 10000, NULL, &commands, &error));
    CHECK(acclient_commands_count(commands) == 0);
    acclient_commands_free(commands);
    acclient_command_free(older);
    acclient_command_free(newer);
}

int main(void) {
    acclient_client *client = connect_grid();
    machine(client);
    agents(client);
    resolution(client);
    processes(client);
    schedule(client);
    deadly(client);
    history(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
