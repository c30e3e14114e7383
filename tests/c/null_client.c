/* As null.c, for options, instances, targets, run arguments, requests and rollouts. */
#define _GNU_SOURCE
#include "check.h"

static const char *const no_utf8 = "a\xff";
/* Lengths that no object can have; the pointer must not be read. */
static const size_t lengths[] = {SIZE_MAX, SIZE_MAX / 2 + 1};
static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / sizeof(void *)};
static const int64_t numbers[] = {0, -1, INT64_MIN, INT64_C(1) << 32, INT64_MAX};

/* A setter of text rejects NULL, invalid UTF-8 and a NULL handle. */
#define SETS_TEXT(set, object)                                                                     \
    do {                                                                                           \
        REFUSED(set(NULL, "x", &error));                                                           \
        REFUSED(set(object, NULL, &error));                                                        \
        REFUSED(set(object, no_utf8, &error));                                                     \
        CHECK(set(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);                                 \
        CHECK(set(object, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);                               \
    } while (0)

static void tls_and_sentinels(acclient_options *options) {
    acclient_error *error;
    const char *const sentinels[] = {"a:1", "[::1]:2"};
    const char *const holed[] = {"a:1", NULL};
    const char *const wrong[] = {"", ":1", "a:", "a:x", "a:65536", "[]:1", no_utf8};
    SAY("acclient_options_set_tls*, acclient_options_set_sentinels");
    REFUSED(acclient_options_set_tls(NULL, &error));
    CHECK(acclient_options_set_tls(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSED(acclient_options_set_tls_insecure(NULL, &error));
    CHECK(acclient_options_set_tls_insecure(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    SETS_TEXT(acclient_options_set_tls_ca_file, options);
    REFUSED(acclient_options_set_tls_client_cert(NULL, "a", "b", &error));
    REFUSED(acclient_options_set_tls_client_cert(options, NULL, "b", &error));
    REFUSED(acclient_options_set_tls_client_cert(options, "a", NULL, &error));
    REFUSED(acclient_options_set_tls_client_cert(options, no_utf8, "b", &error));
    REFUSED(acclient_options_set_tls_client_cert(options, "a", no_utf8, &error));
    CHECK(acclient_options_set_tls_client_cert(NULL, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    REFUSED(acclient_options_set_sentinels(NULL, "main", sentinels, 2, &error));
    REFUSED(acclient_options_set_sentinels(options, NULL, sentinels, 2, &error));
    REFUSED(acclient_options_set_sentinels(options, no_utf8, sentinels, 2, &error));
    REFUSED(acclient_options_set_sentinels(options, "", sentinels, 2, &error));
    REFUSED(acclient_options_set_sentinels(options, "main", NULL, 2, &error));
    REFUSED(acclient_options_set_sentinels(options, "main", holed, 2, &error));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        REFUSED(acclient_options_set_sentinels(options, "main", sentinels, counts[i], &error));
        REFUSED(acclient_options_set_sentinels(options, "main", NULL, counts[i], &error));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        REFUSED(acclient_options_set_sentinels(options, "main", &wrong[i], 1, &error));
    }
    CHECK(acclient_options_set_sentinels(NULL, NULL, NULL, 1, NULL) == ACCLIENT_INVALID_ARGUMENT);
}

static void options(void) {
    acclient_error *error;
    acclient_client *client;
    acclient_options *options = GARBAGE;
    SAY("acclient_options_*");
    REFUSED(acclient_options_new(NULL, &error));
    CHECK(acclient_options_new(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_options_new(&options, NULL) == ACCLIENT_OK && options != NULL);
    SETS_TEXT(acclient_options_set_url, options);
    REFUSED(acclient_options_set_url(options, "", &error));
    REFUSED(acclient_options_set_url(options, "http://x", &error));
    SETS_TEXT(acclient_options_set_host, options);
    SETS_TEXT(acclient_options_set_unix_socket, options);
    SETS_TEXT(acclient_options_set_user, options);
    SETS_TEXT(acclient_options_set_password, options);
    REFUSED(acclient_options_set_port(NULL, 1, &error));
    REFUSED(acclient_options_set_db(NULL, 1, &error));
    REFUSED(acclient_options_set_max_connections(NULL, 1, &error));
    REFUSED(acclient_options_set_max_reply(NULL, 1, &error));
    CHECK(acclient_options_set_port(NULL, 1, NULL) == ACCLIENT_INVALID_ARGUMENT);
    tls_and_sentinels(options);

    SAY("acclient_client_open, acclient_client_build");
    REFUSES(client, acclient_client_build(NULL, &client, &error));
    REFUSED(acclient_client_build(options, NULL, &error));
    CHECK(acclient_client_build(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(client, acclient_client_open(NULL, 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_open(options, 0, NULL, &client, &error));
    REFUSED(acclient_client_open(options, 1000, NULL, NULL, &error));
    CHECK(acclient_client_open(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_options_set_max_connections(options, SIZE_MAX, &error));
    REFUSES(client, acclient_client_open(options, 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_build(options, &client, &error));
    acclient_options_free(options);
    acclient_options_free(NULL);

    SAY("acclient_client_instance");
    REFUSES(client, acclient_client_instance(NULL, 1000, NULL, &client, &error));
    REFUSES(client, acclient_client_instance(no_utf8, 1000, NULL, &client, &error));
    REFUSED(acclient_client_instance("x", 1000, NULL, NULL, &error));
    CHECK(acclient_client_instance(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
}

static void targets(void) {
    acclient_error *error;
    acclient_target *target;
    acclient_status (*const functions[])(acclient_target **, acclient_error **) = {
        acclient_target_any, acclient_target_all, acclient_target_agents};
    SAY("acclient_target_*");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        REFUSES(target, acclient_target_agent(numbers[i], 1, &target, &error));
        REFUSES(target, acclient_target_agent(1, numbers[i], &target, &error));
    }
    REFUSED(acclient_target_agent(1, 1, NULL, &error));
    CHECK(acclient_target_agent(0, 0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        REFUSED(functions[f](NULL, &error));
        CHECK(functions[f](NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    }
    EXPECT(ACCLIENT_OK, acclient_target_all(&target, &error));
    SETS_TEXT(acclient_target_add_role, target);
    REFUSED(acclient_target_add_role(target, "", &error));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        REFUSED(acclient_target_set_grid(target, numbers[i], &error));
        REFUSED(acclient_target_add_agent(target, numbers[i], 1, &error));
        REFUSED(acclient_target_add_agent(target, 1, numbers[i], &error));
    }
    REFUSED(acclient_target_set_grid(NULL, 1, &error));
    REFUSED(acclient_target_add_agent(NULL, 1, 1, &error));
    REFUSED(acclient_target_add_agent(target, 1, 1, &error));
    CHECK_TEXT(acclient_target_text, target, "all");
    acclient_target_free(target);
    const char *const wrong[] = {NULL, "", "1:0", "cpu", "all,cpu", "all@0", "role=", no_utf8};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        REFUSES(target, acclient_target_parse(wrong[i], &target, &error));
    }
    REFUSED(acclient_target_parse("all", NULL, &error));
    CHECK(acclient_target_parse(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK_NO_TEXT(acclient_target_text, NULL);
    acclient_target_free(NULL);
}

static void run_args(void) {
    acclient_error *error;
    acclient_answer *json;
    acclient_run_args *args = GARBAGE;
    SAY("acclient_run_args_*");
    REFUSED(acclient_run_args_new(NULL, &error));
    CHECK(acclient_run_args_new(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_run_args_new(&args, NULL) == ACCLIENT_OK && args != NULL);
    SETS_TEXT(acclient_run_args_set_domain, args);
    SETS_TEXT(acclient_run_args_set_name, args);
    SETS_TEXT(acclient_run_args_set_loglevels, args);
    SETS_TEXT(acclient_run_args_set_loglevels_db, args);
    SETS_TEXT(acclient_run_args_set_loglevels_ac, args);
    SETS_TEXT(acclient_run_args_set_queue, args);
    SETS_TEXT(acclient_run_args_set_working_dir, args);
    SETS_TEXT(acclient_run_args_add_arg, args);
    REFUSED(acclient_run_args_set_loglevels(args, "1-", &error));
    REFUSED(acclient_run_args_set_loglevels_db(args, "1-", &error));
    REFUSED(acclient_run_args_set_loglevels_ac(args, "1-", &error));
    REFUSED(acclient_run_args_set_max_time(NULL, 1, &error));
    REFUSED(acclient_run_args_set_max_restart(NULL, 1, &error));
    REFUSED(acclient_run_args_set_recurring_period(NULL, 1, &error));
    REFUSED(acclient_run_args_set_stats_interval(NULL, 1, &error));
    for (size_t i = 1; i < sizeof numbers / sizeof *numbers; i++) {
        REFUSED(acclient_run_args_set_max_restart(args, numbers[i], &error));
        REFUSED(acclient_run_args_set_recurring_period(args, numbers[i], &error));
        REFUSED(acclient_run_args_set_stats_interval(args, numbers[i], &error));
    }
    REFUSED(acclient_run_args_set_max_time(args, INT64_MIN, &error));
    REFUSED(acclient_run_args_add_env(NULL, "A", "x", &error));
    REFUSED(acclient_run_args_add_env(args, NULL, "x", &error));
    REFUSED(acclient_run_args_add_env(args, "A", NULL, &error));
    REFUSED(acclient_run_args_add_env(args, no_utf8, "x", &error));
    REFUSED(acclient_run_args_add_env(args, "A", no_utf8, &error));
    CHECK(acclient_run_args_add_env(NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSED(acclient_run_args_merge(NULL, args, &error));
    REFUSED(acclient_run_args_merge(args, NULL, &error));
    CHECK(acclient_run_args_merge(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(json, acclient_run_args_to_json(NULL, &json, &error));
    REFUSED(acclient_run_args_to_json(args, NULL, &error));
    CHECK(acclient_run_args_to_json(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_run_args_to_json(args, &json, NULL) == ACCLIENT_OK);
    CHECK_TEXT(acclient_answer_json, json, "{\"loglevels\":\"*\"}");
    acclient_answer_free(json);
    acclient_run_args_free(args);
    acclient_run_args_free(NULL);
}

static void making_requests(const acclient_client *client, const acclient_target *target) {
    acclient_error *error;
    acclient_request *request;
    const char text[] = "true";
    SAY("acclient_request_new, acclient_request_execute");
    REFUSES(request, acclient_request_new(NULL, target, "ping", &request, &error));
    REFUSES(request, acclient_request_new(client, NULL, "ping", &request, &error));
    REFUSES(request, acclient_request_new(client, target, NULL, &request, &error));
    REFUSES(request, acclient_request_new(client, target, no_utf8, &request, &error));
    REFUSED(acclient_request_new(client, target, "ping", NULL, &error));
    CHECK(acclient_request_new(NULL, NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(request, acclient_request_execute(NULL, target, "sh", &request, &error));
    REFUSES(request, acclient_request_execute(client, NULL, "sh", &request, &error));
    REFUSES(request, acclient_request_execute(client, target, NULL, &request, &error));
    REFUSES(request, acclient_request_execute(client, target, no_utf8, &request, &error));
    REFUSED(acclient_request_execute(client, target, "sh", NULL, &error));
    CHECK(acclient_request_execute(NULL, NULL, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_request_bash");
    REFUSES(request, acclient_request_bash(NULL, target, text, 4, &request, &error));
    REFUSES(request, acclient_request_bash(client, NULL, text, 4, &request, &error));
    REFUSES(request, acclient_request_bash(client, target, NULL, 4, &request, &error));
    REFUSES(request, acclient_request_bash(client, target, no_utf8, 2, &request, &error));
    REFUSED(acclient_request_bash(client, target, text, 4, NULL, &error));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        REFUSES(request, acclient_request_bash(client, target, text, lengths[i], &request, &error));
        REFUSES(request, acclient_request_bash(client, target, NULL, lengths[i], &request, &error));
    }
    CHECK(acclient_request_bash(NULL, NULL, NULL, 1, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_request_bash(client, target, NULL, 0, &request, NULL) == ACCLIENT_OK);
    acclient_request_free(request);

#define NAMED(client, target, domain, name, kwargs)                                                \
    REFUSES(request, acclient_request_execute_jumpscript(client, target, domain, name, kwargs,     \
                                                         &request, &error))
#define SENT(client, target, text, length, kwargs)                                                 \
    REFUSES(request, acclient_request_execute_jumpscript_content(client, target, text, length,     \
                                                                 kwargs, &request, &error))
    SAY("acclient_request_execute_jumpscript");
    const char *const wrong[] = {"", "{", "[]", "1", "null", "{} x", no_utf8};
    NAMED(NULL, target, "test", "echo", NULL);
    NAMED(client, NULL, "test", "echo", NULL);
    NAMED(client, target, NULL, "echo", NULL);
    NAMED(client, target, "test", NULL, NULL);
    NAMED(client, target, no_utf8, "echo", NULL);
    NAMED(client, target, "test", no_utf8, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        NAMED(client, target, "test", "echo", wrong[i]);
        SENT(client, target, text, 4, wrong[i]);
    }
    REFUSED(
        acclient_request_execute_jumpscript(client, target, "test", "echo", NULL, NULL, &error));
    CHECK(acclient_request_execute_jumpscript(NULL, NULL, NULL, NULL, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    SAY("acclient_request_execute_jumpscript_content");
    SENT(NULL, target, text, 4, NULL);
    SENT(client, NULL, text, 4, NULL);
    SENT(client, target, NULL, 4, NULL);
    SENT(client, target, no_utf8, 2, NULL);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        SENT(client, target, text, lengths[i], NULL);
        SENT(client, target, NULL, lengths[i], NULL);
    }
    REFUSED(
        acclient_request_execute_jumpscript_content(client, target, text, 4, NULL, NULL, &error));
    CHECK(acclient_request_execute_jumpscript_content(NULL, NULL, NULL, 1, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
}

static void changing_requests(acclient_request *request) {
    acclient_error *error;
    acclient_run_args *args = GARBAGE;
    const char data[] = "data";
    SAY("acclient_request_set_*");
    SETS_TEXT(acclient_request_add_arg, request);
    SETS_TEXT(acclient_request_set_id, request);
    SETS_TEXT(acclient_request_set_tags, request);
    REFUSED(acclient_request_set_id(request, "", &error));
    REFUSED(acclient_request_set_killable(NULL, &error));
    CHECK(acclient_request_set_killable(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    REFUSED(acclient_request_set_run_args(NULL, args, &error));
    REFUSED(acclient_request_set_run_args(request, NULL, &error));
    CHECK(acclient_request_set_run_args(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_request_set_run_args(request, args, NULL) == ACCLIENT_OK);
    acclient_run_args_free(args);
    REFUSED(acclient_request_set_data(NULL, data, 4, &error));
    REFUSED(acclient_request_set_data(request, NULL, 4, &error));
    REFUSED(acclient_request_set_data(request, no_utf8, 2, &error));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        REFUSED(acclient_request_set_data(request, data, lengths[i], &error));
        REFUSED(acclient_request_set_data(request, NULL, lengths[i], &error));
    }
    CHECK(acclient_request_set_data(NULL, NULL, 1, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_request_set_data(request, NULL, 0, NULL) == ACCLIENT_OK);
}

static void sending(const acclient_client *client, const acclient_request *request) {
    acclient_error *error;
    acclient_command *command;
    acclient_job *job;
    acclient_collected *collected;
    SAY("acclient_request_submit, _submit_once, _run, _run_all");
    REFUSES(command, acclient_request_submit(NULL, 1000, NULL, &command, &error));
    REFUSES(command, acclient_request_submit(request, 0, NULL, &command, &error));
    REFUSED(acclient_request_submit(request, 1000, NULL, NULL, &error));
    CHECK(acclient_request_submit(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(command, acclient_request_submit_once(NULL, 1000, NULL, &command, &error));
    REFUSES(command, acclient_request_submit_once(request, 0, NULL, &command, &error));
    REFUSED(acclient_request_submit_once(request, 1000, NULL, NULL, &error));
    CHECK(acclient_request_submit_once(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(job, acclient_request_run(NULL, 1000, NULL, &job, &error));
    REFUSES(job, acclient_request_run(request, 0, NULL, &job, &error));
    REFUSED(acclient_request_run(request, 1000, NULL, NULL, &error));
    CHECK(acclient_request_run(NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    REFUSES(collected, acclient_request_run_all(NULL, false, 1000, NULL, &collected, &error));
    REFUSES(collected, acclient_request_run_all(request, true, 0, NULL, &collected, &error));
    REFUSED(acclient_request_run_all(request, false, 1000, NULL, NULL, &error));
    CHECK(acclient_request_run_all(NULL, false, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_client_submit_many");
    const acclient_request *requests[] = {request, request};
    const acclient_request *holed[] = {request, NULL};
    acclient_command *commands[] = {GARBAGE, GARBAGE};
    acclient_error *errors[] = {GARBAGE, GARBAGE};
#define MANY(client, requests, count, timeout, commands)                                           \
    REFUSED(acclient_client_submit_many(client, requests, count, timeout, NULL, commands, errors,  \
                                        &error))
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        MANY(client, requests, counts[i], 1000, commands);
        MANY(client, NULL, counts[i], 1000, commands);
        MANY(NULL, requests, counts[i], 1000, NULL);
    }
    /* No array of this length exists to write to. */
    CHECK(commands[0] == GARBAGE && errors[0] == GARBAGE);
    MANY(client, requests, 2, 1000, NULL);
    CHECK(errors[0] == NULL && errors[1] == NULL);
    errors[0] = errors[1] = GARBAGE;
    MANY(client, NULL, 2, 1000, commands);
    CHECK(commands[0] == NULL && commands[1] == NULL && errors[0] == NULL && errors[1] == NULL);
    commands[0] = commands[1] = GARBAGE;
    errors[0] = errors[1] = GARBAGE;
    MANY(client, holed, 2, 1000, commands);
    CHECK(commands[0] == NULL && commands[1] == NULL && errors[0] == NULL && errors[1] == NULL);
    commands[1] = GARBAGE;
    errors[1] = GARBAGE;
    MANY(client, requests, 2, 0, commands);
    CHECK(commands[1] == NULL && errors[1] == NULL);
    commands[1] = GARBAGE;
    MANY(NULL, requests, 2, 1000, commands);
    CHECK(commands[1] == NULL);
    CHECK(acclient_client_submit_many(NULL, NULL, 1, 0, NULL, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    acclient_request_free(NULL);
}

static void rolling_out(const acclient_request *request) {
    acclient_error *error;
    acclient_rollout *rollout;
    acclient_command *command;
    acclient_job *job;
    SAY("acclient_rollout_plan_*");
    acclient_rollout_plan *plan;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        REFUSES(plan, acclient_rollout_plan_percent(numbers[i], &plan, &error));
        if (numbers[i] <= 0) {
            REFUSES(plan, acclient_rollout_plan_agents(numbers[i], &plan, &error));
        }
    }
    REFUSES(plan, acclient_rollout_plan_percent(101, &plan, &error));
    REFUSES(plan, acclient_rollout_plan_percent(256 + 1, &plan, &error));
    REFUSED(acclient_rollout_plan_agents(1, NULL, &error));
    REFUSED(acclient_rollout_plan_percent(1, NULL, &error));
    CHECK(acclient_rollout_plan_agents(0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_percent(100, &plan, &error));
    acclient_rollout_plan_free(plan);
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_agents(INT64_MAX, &plan, &error));
    for (size_t i = 0; numbers[i] <= 0; i++) {
        REFUSED(acclient_rollout_plan_set_stop_after(plan, numbers[i], &error));
        REFUSED(acclient_rollout_plan_set_sample(plan, numbers[i], &error));
    }
    REFUSED(acclient_rollout_plan_set_stop_after(NULL, 1, &error));
    REFUSED(acclient_rollout_plan_set_sample(NULL, 1, &error));
    REFUSED(acclient_rollout_plan_set_sliding(NULL, &error));
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_set_sliding(plan, &error));
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_set_stop_after(plan, INT64_MAX, &error));
    EXPECT(ACCLIENT_OK, acclient_rollout_plan_set_sample(plan, INT64_MAX, &error));
    acclient_rollout_plan_free(NULL);

    SAY("acclient_request_rollout");
    REFUSES(rollout, acclient_request_rollout(NULL, plan, 1000, NULL, &rollout, &error));
    REFUSES(rollout, acclient_request_rollout(request, NULL, 1000, NULL, &rollout, &error));
    REFUSES(rollout, acclient_request_rollout(request, plan, 0, NULL, &rollout, &error));
    REFUSED(acclient_request_rollout(request, plan, 1000, NULL, NULL, &error));
    CHECK(acclient_request_rollout(NULL, NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_rollout_*");
    REFUSES(job, acclient_rollout_next(NULL, &job, &error));
    CHECK(acclient_rollout_next(NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_request_rollout(request, plan, INT64_MAX, NULL, &rollout, NULL) == ACCLIENT_OK);
    acclient_rollout_plan_free(plan);
    REFUSED(acclient_rollout_next(rollout, NULL, &error));
    CHECK(acclient_rollout_agent_count(rollout) == 1);
    int64_t gid = 12345;
    int64_t nid = 12345;
    CHECK(!acclient_rollout_agent(rollout, 1, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_rollout_agent(rollout, SIZE_MAX, NULL, NULL));
    CHECK(acclient_rollout_not_started_count(rollout) == 1);
    gid = nid = 12345;
    CHECK(!acclient_rollout_not_started(rollout, 1, &gid, &nid) && gid == 0 && nid == 0);
    CHECK(!acclient_rollout_not_started(rollout, SIZE_MAX, NULL, NULL));
    REFUSES(command, acclient_rollout_in_flight(rollout, 0, &command, &error));
    REFUSED(acclient_rollout_in_flight(rollout, 0, NULL, &error));
    REFUSES(command, acclient_rollout_in_flight(NULL, 0, &command, &error));
    CHECK(acclient_rollout_in_flight(NULL, 0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_rollout_next(rollout, &job, NULL) == ACCLIENT_OK && job != NULL);
    acclient_job_free(job);
    acclient_rollout_free(rollout);
    CHECK(acclient_rollout_agent_count(NULL) == 0);
    CHECK(!acclient_rollout_agent(NULL, 0, NULL, NULL));
    CHECK(acclient_rollout_not_started_count(NULL) == 0);
    CHECK(!acclient_rollout_not_started(NULL, 0, NULL, NULL));
    CHECK(acclient_rollout_batch_size(NULL) == 0);
    CHECK(acclient_rollout_in_flight_count(NULL) == 0);
    CHECK(acclient_rollout_failures(NULL) == 0);
    CHECK(!acclient_rollout_is_stopped(NULL));
    acclient_rollout_free(NULL);
}

int main(void) {
    acclient_client *client = connect_grid();
    acclient_target *target = agent(1, 1);
    options();
    targets();
    run_args();
    making_requests(client, target);
    acclient_request *request = script(client, target, "true");
    changing_requests(request);
    sending(client, request);
    rolling_out(request);
    acclient_request_free(request);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
