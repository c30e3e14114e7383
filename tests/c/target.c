/* Targets, run arguments and requests: all settings arrive at the agent. */
#define _GNU_SOURCE
#include "check.h"

static void targets(void) {
    acclient_error *error;
    acclient_target *target = GARBAGE;
    SAY("targets");
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_target_agent(1, 2147483648, &target, &error));
    EXPECT(ACCLIENT_OK, acclient_target_agent(1, 2147483647, &target, &error));
    CHECK_TEXT(acclient_target_text, target, "1:2147483647");
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_target_any(&target, &error));
    CHECK_TEXT(acclient_target_text, target, "any");
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_target_any(&target, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_role(target, "cpu", &error));
    EXPECT(ACCLIENT_OK, acclient_target_set_grid(target, 2, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_target_add_agent(target, 1, 1, &error));
    CHECK_TEXT(acclient_target_text, target, "any,role=cpu@2");
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_target_all(&target, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_role(target, "cpu", &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_role(target, "sto rage,", &error));
    CHECK_TEXT(acclient_target_text, target, "all,role=cpu,sto%20rage%2C");
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_target_agents(&target, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_agent(target, 2, 1, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_agent(target, 1, 2, &error));
    EXPECT(ACCLIENT_OK, acclient_target_add_agent(target, 2, 1, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_target_add_role(target, "cpu", &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_target_set_grid(target, 1, &error));
    CHECK_TEXT(acclient_target_text, target, "1:2,2:1");
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_target_parse("role=cpu,storage@1", &target, &error));
    CHECK_TEXT(acclient_target_text, target, "all,role=cpu,storage@1");
    acclient_target_free(target);
}

/* A list of agents: one id, a result from each, and an error for an agent that does not exist. */
static void agent_list(const acclient_client *client) {
    acclient_error *error;
    acclient_target *target = GARBAGE;
    acclient_command *command = GARBAGE;
    acclient_results *results = GARBAGE;
    SAY("a list of agents");
    EXPECT(ACCLIENT_OK, acclient_target_parse("1:1,2:1,9:9", &target, &error));
    acclient_request *request = script(client, target, "echo $AGENT_GID:$AGENT_NID");
    EXPECT(ACCLIENT_OK, acclient_request_submit(request, 10000, NULL, &command, &error));
    acclient_request_free(request);
    CHECK_TEXT(acclient_command_target, command, "1:1,2:1,9:9");
    EXPECT(ACCLIENT_OK, acclient_command_results(command, LONG_MS, NULL, &results, &error));
    int seen = 0;
    for (int i = 0; i < 3; i++) {
        acclient_job *job = GARBAGE;
        int64_t gid = 0;
        int64_t nid = 0;
        error = GARBAGE;
        const acclient_status status = acclient_results_next(results, &job, &error);
        if (status == ACCLIENT_OK) {
            CHECK(acclient_job_agent(job, &gid, &nid) && nid == 1);
            CHECK_TEXT(acclient_job_stdout, job, gid == 1 ? "1:1\n" : "2:1\n");
            acclient_job_free(job);
        } else {
            CHECK(status == ACCLIENT_NO_SUCH_AGENT && job == NULL);
            CHECK(acclient_error_agent(error, &gid, &nid) && gid == 9 && nid == 9);
            CHECK(!acclient_error_is_final(error));
            acclient_error_free(error);
        }
        seen += (int)gid;
    }
    CHECK(seen == 12);
    acclient_job *none = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_results_next(results, &none, &error));
    CHECK(none == NULL);
    acclient_results_free(results);
    acclient_command_free(command);
}

static acclient_run_args *new_args(void) {
    acclient_error *error;
    acclient_run_args *args = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    CHECK(args != NULL);
    return args;
}

static void check_args(const acclient_run_args *args, const char *expected) {
    acclient_error *error;
    acclient_answer *json = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_run_args_to_json(args, &json, &error));
    CHECK_TEXT(acclient_answer_json, json, expected);
    CHECK(acclient_answer_count(json) == 1);
    acclient_answer_free(json);
}

static void run_args(void) {
    acclient_error *error;
    SAY("run arguments");
    acclient_run_args *args = new_args();
    check_args(args, "{\"loglevels\":\"*\"}");
    EXPECT(ACCLIENT_OK, acclient_run_args_set_domain(args, "d", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_name(args, "n", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_max_time(args, -1, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_max_restart(args, 2, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_recurring_period(args, 3, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_stats_interval(args, 4000, &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_add_arg(args, "a \"b\"", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_add_arg(args, "", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_loglevels(args, "1,2", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_loglevels_db(args, "3-5", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_loglevels_ac(args, "6", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_queue(args, "q", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_working_dir(args, "/", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_add_env(args, "A", "1=2", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_add_env(args, "B", "", &error));
    const char all[] = "{\"domain\":\"d\",\"name\":\"n\",\"max_time\":-1,\"max_restart\":2,"
                       "\"recurring_period\":3,\"stats_interval\":4000,\"args\":[\"a \\\"b\\\"\","
                       "\"\"],\"loglevels\":\"1,2\",\"loglevels_db\":\"3-5\",\"loglevels_ac\":"
                       "\"6\",\"queue\":\"q\",\"working_dir\":\"/\",\"env\":[\"A=1=2\",\"B=\"]}";
    check_args(args, all);

    SAY("a setter that fails changes nothing");
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_run_args_set_max_time(args, -2, &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_run_args_set_loglevels(args, "high", &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_run_args_add_env(args, "", "x", &error));
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_run_args_set_max_restart(args, -1, &error));
    check_args(args, all);

    SAY("merging");
    EXPECT(ACCLIENT_OK, acclient_run_args_merge(args, args, &error));
    check_args(args, all);
    acclient_run_args *merged = new_args();
    EXPECT(ACCLIENT_OK, acclient_run_args_set_queue(merged, "ours", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_add_arg(merged, "ours", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_max_restart(merged, 9, &error));
    acclient_run_args *other = new_args();
    EXPECT(ACCLIENT_OK, acclient_run_args_set_queue(other, "theirs", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_add_arg(other, "theirs", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_merge(merged, other, &error));
    acclient_run_args_free(other);
    check_args(merged, "{\"max_restart\":9,\"args\":[\"theirs\"],\"loglevels\":\"*\","
                       "\"queue\":\"theirs\"}");
    acclient_run_args_free(merged);
    acclient_run_args_free(args);
}

static void programs(const acclient_client *client) {
    acclient_error *error;
    acclient_request *request = GARBAGE;
    acclient_command *command = GARBAGE;
    char text[200];
    SAY("a program with all settings");
    acclient_target *target = agent(1, 2);
    EXPECT(ACCLIENT_OK, acclient_request_execute(client, target, "sh", &request, &error));
    acclient_target_free(target);
    EXPECT(ACCLIENT_OK, acclient_request_add_arg(request, "-c", &error));
    EXPECT(ACCLIENT_OK,
           acclient_request_add_arg(request, "cat; echo; echo $V; pwd; echo 2::e", &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_data(request, "a\0b", 3, &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_id(request, "my id", &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_tags(request, "some tags", &error));
    acclient_run_args *args = new_args();
    EXPECT(ACCLIENT_OK, acclient_run_args_add_env(args, "V", "value", &error));
    EXPECT(ACCLIENT_OK, acclient_run_args_set_working_dir(args, "/usr", &error));
    EXPECT(ACCLIENT_OK, acclient_request_set_run_args(request, args, &error));
    acclient_run_args_free(args);
    EXPECT(ACCLIENT_OK, acclient_request_submit(request, 10000, NULL, &command, &error));
    acclient_request_free(request);

    CHECK_TEXT(acclient_command_id, command, "my id");
    CHECK_TEXT(acclient_command_target, command, "1:2");
    CHECK_TEXT(acclient_command_cmd, command, "execute");
    CHECK_TEXT(acclient_command_tags, command, "some tags");
    size_t length = 0;
    const char *data = acclient_command_data(command, &length);
    CHECK(length == 3 && memcmp(data, "a\0b", 4) == 0);
    CHECK(strstr(acclient_command_args(command, &length), "\"env\":[\"V=value\"]") != NULL);
    CHECK(length == strlen(acclient_command_args(command, NULL)));
    CHECK(strstr(acclient_command_dump(command, &length), "\"id\":\"my id\"") != NULL);
    CHECK(length == strlen(acclient_command_dump(command, NULL)));
    acclient_job *job = next_job(command);
    const char expected[] = "a\0b\nvalue\n/usr\n";
    const char *out = acclient_job_stdout(job, &length);
    CHECK(length == sizeof expected - 1 && memcmp(out, expected, sizeof expected) == 0);
    CHECK_TEXT(acclient_job_id, job, "my id");
    CHECK_TEXT(acclient_job_tags, job, "some tags");
    acclient_job_free(job);

    SAY("the same command by its id");
    acclient_command *found = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_get_by_id(client, "my id", &found, &error));
    acclient_command_free(command);
    CHECK_TEXT(acclient_command_id, found, "my id");
    CHECK_TEXT(acclient_command_target, found, "unknown");
    snprintf(text, sizeof text, "acclient:1:my%%20id:unknown");
    CHECK_TEXT(acclient_command_handle, found, text);
    CHECK_NO_TEXT(acclient_command_cmd, found);
    CHECK_NO_TEXT(acclient_command_args, found);
    CHECK_NO_TEXT(acclient_command_data, found);
    CHECK_NO_TEXT(acclient_command_tags, found);
    CHECK_NO_TEXT(acclient_command_dump, found);
    job = next_job(found);
    CHECK(job_nid(job) == 2);
    CHECK_TEXT(acclient_job_tags, job, "some tags");
    acclient_job_free(job);
    acclient_command_free(found);
}

static void scripts(const acclient_client *client) {
    acclient_error *error;
    acclient_request *request = GARBAGE;
    const char bash[] = "echo 'in bash'; # \xc3\xbc";
    const char content[] = "def action(a, b):\n    print('adding')\n    return a + b\n";
    SAY("a shell script, sent twice");
    acclient_target *target = agent(1, 2);
    EXPECT(ACCLIENT_OK,
           acclient_request_bash(client, target, bash, sizeof bash - 1, &request, &error));
    char ids[2][100];
    for (int i = 0; i < 2; i++) {
        acclient_job *job = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_request_run(request, LONG_MS, NULL, &job, &error));
        CHECK_TEXT(acclient_job_stdout, job, "in bash\n");
        CHECK_TEXT(acclient_job_cmd, job, "bash");
        snprintf(ids[i], sizeof ids[i], "%s", acclient_job_id(job, NULL));
        acclient_job_free(job);
    }
    CHECK(strcmp(ids[0], ids[1]) != 0);
    acclient_request_free(request);

    SAY("jumpscripts");
    EXPECT(ACCLIENT_OK,
           acclient_request_execute_jumpscript(client, target, "test", "echo",
                                               "{\"message\":\"hi\"}", &request, &error));
    acclient_job *job = run(request);
    CHECK_TEXT(acclient_job_state, job, "SUCCESS");
    CHECK_TEXT(acclient_job_data, job, "{\"echo\": \"hi\"}");
    CHECK(acclient_job_level(job) == 20);
    acclient_job_free(job);
    EXPECT(ACCLIENT_OK, acclient_request_execute_jumpscript(client, target, "test", "none", NULL,
                                                            &request, &error));
    job = run(request);
    CHECK_TEXT(acclient_job_state, job, "ERROR");
    acclient_job_free(job);
    EXPECT(ACCLIENT_OK,
           acclient_request_execute_jumpscript_content(client, target, content, sizeof content - 1,
                                                       "{\"a\":1,\"b\":2}", &request, &error));
    job = run(request);
    CHECK_TEXT(acclient_job_data, job, "3");
    CHECK_TEXT(acclient_job_stdout, job, "adding\n");
    acclient_job_free(job);

    SAY("commands by name");
    EXPECT(ACCLIENT_OK, acclient_request_new(client, target, "ping", &request, &error));
    job = run(request);
    CHECK_TEXT(acclient_job_data, job, "\"pong\"");
    CHECK_TEXT(acclient_job_cmd, job, "ping");
    acclient_job_free(job);
    EXPECT(ACCLIENT_OK, acclient_request_new(client, target, "no-such", &request, &error));
    job = run(request);
    CHECK_TEXT(acclient_job_state, job, "UNKNOWN_CMD");
    acclient_job_free(job);
    acclient_target_free(target);

    SAY("any agent with two roles");
    EXPECT(ACCLIENT_OK, acclient_target_parse("any,role=cpu,storage", &target, &error));
    job = run(script(client, target, "true"));
    CHECK(job_gid(job) == 2 && job_nid(job) == 1);
    acclient_job_free(job);

    SAY("not for a fan-out");
    request = script(client, everyone(NULL), "true");
    job = GARBAGE;
    EXPECT(ACCLIENT_INVALID_ARGUMENT, acclient_request_run(request, LONG_MS, NULL, &job, &error));
    CHECK(job == NULL);
    acclient_request_free(request);
}

/* NULs and invalid UTF-8, as read from Redis. */
static void broken_text(const acclient_client *client) {
    const char expected[] = "\xef\xbf\xbd\xef\xbf\xbd"
                            "bad\0end\n";
    size_t length = 0;
    SAY("invalid UTF-8 and a NUL in the output");
    acclient_job *job = run(script(client, agent(1, 1), "printf '\\377\\376bad\\000end\\n'"));
    const char *out = acclient_job_stdout(job, &length);
    CHECK(length == sizeof expected - 1 && memcmp(out, expected, sizeof expected) == 0);
    CHECK(acclient_job_stdout(job, NULL) == out && strlen(out) == 9);
    acclient_job_free(job);
}

int main(void) {
    acclient_client *client = connect_grid();
    targets();
    run_args();
    agent_list(client);
    agent_list(client);
    programs(client);
    scripts(client);
    broken_text(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
