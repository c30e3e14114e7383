/* As null.c, for requests to agents and the controller, the schedule, tunnels and answers. */
#define _GNU_SOURCE
#include "check.h"

static const char *const no_utf8 = "a\xff";
static const int64_t numbers[] = {0, -1, INT64_MIN, INT64_C(1) << 32, INT64_MAX};

typedef acclient_status ask_agent(const acclient_client *, int64_t, int64_t, int64_t,
                                  const acclient_cancel_token *, acclient_answer **,
                                  acclient_error **);

static acclient_status processes(const acclient_client *client, int64_t gid, int64_t nid,
                                 int64_t timeout, const acclient_cancel_token *cancel,
                                 acclient_answer **answer, acclient_error **error) {
    return acclient_client_get_processes(client, gid, nid, NULL, timeout, cancel, answer, error);
}

/* Queries. Calls accept NULL for them. */
static void queries(void) {
    acclient_error *error;
    acclient_msg_query *query;
    acclient_process_query *processes;
    SAY("acclient_msg_query_*");
    REFUSED(acclient_msg_query_new(NULL, &error));
    CHECK(acclient_msg_query_new(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_msg_query_new(&query, &error));
    REFUSED(acclient_msg_query_set_levels(NULL, "1", &error));
    REFUSED(acclient_msg_query_set_levels(query, NULL, &error));
    REFUSED(acclient_msg_query_set_levels(query, "", &error));
    REFUSED(acclient_msg_query_set_levels(query, "x", &error));
    REFUSED(acclient_msg_query_set_levels(query, no_utf8, &error));
    REFUSED(acclient_msg_query_set_limit(NULL, 1, &error));
    REFUSED(acclient_msg_query_set_limit(query, 0, &error));
    REFUSED(acclient_msg_query_set_limit(query, 1001, &error));
    REFUSED(acclient_msg_query_set_limit(query, UINT32_MAX, &error));
    REFUSED(acclient_msg_query_set_from(NULL, 1, &error));
    REFUSED(acclient_msg_query_set_from(query, -1, &error));
    REFUSED(acclient_msg_query_set_from(query, INT64_MIN, &error));
    REFUSED(acclient_msg_query_set_to(NULL, 1, &error));
    REFUSED(acclient_msg_query_set_to(query, -1, &error));
    CHECK(acclient_msg_query_set_to(query, INT64_MAX, NULL) == ACCLIENT_OK);
    acclient_msg_query_free(query);
    acclient_msg_query_free(NULL);

    SAY("acclient_process_query_*");
    REFUSED(acclient_process_query_new(NULL, &error));
    CHECK(acclient_process_query_new(NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    EXPECT(ACCLIENT_OK, acclient_process_query_new(&processes, &error));
    REFUSED(acclient_process_query_set_domain(NULL, "x", &error));
    REFUSED(acclient_process_query_set_domain(processes, NULL, &error));
    REFUSED(acclient_process_query_set_domain(processes, no_utf8, &error));
    REFUSED(acclient_process_query_set_name(NULL, "x", &error));
    REFUSED(acclient_process_query_set_name(processes, NULL, &error));
    REFUSED(acclient_process_query_set_name(processes, no_utf8, &error));
    acclient_process_query_free(processes);
    acclient_process_query_free(NULL);
}

static void agents(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer;
    ask_agent *const functions[] = {
        acclient_client_get_cpu_info, acclient_client_get_disk_info,
        acclient_client_get_mem_info, acclient_client_get_nic_info,
        acclient_client_get_os_info,  acclient_client_get_aggregated_stats,
        acclient_client_tunnel_list,  processes};
    SAY("requests to an agent");
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        REFUSES(answer, functions[f](NULL, 1, 1, 1000, NULL, &answer, &error));
        REFUSES(answer, functions[f](client, 1, 1, 0, NULL, &answer, &error));
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            REFUSES(answer, functions[f](client, numbers[i], 1, 1000, NULL, &answer, &error));
            REFUSES(answer, functions[f](client, 1, numbers[i], 1000, NULL, &answer, &error));
        }
        REFUSED(functions[f](client, 1, 1, 1000, NULL, NULL, &error));
        CHECK(functions[f](NULL, 0, 0, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
        answer = GARBAGE;
        CHECK(functions[f](client, 1, 1, INT64_MAX, NULL, &answer, NULL) == ACCLIENT_OK);
        acclient_answer_free(answer);
    }
    SAY("acclient_client_get_msgs");
    acclient_target *one = agent(1, 1);
    acclient_target *all = everyone(NULL);
    REFUSES(answer, acclient_client_get_msgs(NULL, one, "id", NULL, 1000, NULL, &answer, &error));
    REFUSES(answer,
            acclient_client_get_msgs(client, NULL, "id", NULL, 1000, NULL, &answer, &error));
    REFUSES(answer, acclient_client_get_msgs(client, all, "id", NULL, 1000, NULL, &answer, &error));
    REFUSES(answer, acclient_client_get_msgs(client, one, NULL, NULL, 1000, NULL, &answer, &error));
    REFUSES(answer,
            acclient_client_get_msgs(client, one, no_utf8, NULL, 1000, NULL, &answer, &error));
    REFUSES(answer, acclient_client_get_msgs(client, one, "id", NULL, 0, NULL, &answer, &error));
    REFUSED(acclient_client_get_msgs(client, one, "id", NULL, 1000, NULL, NULL, &error));
    CHECK(acclient_client_get_msgs(NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    acclient_target_free(all);
    acclient_target_free(one);

    SAY("acclient_client_ping_agent");
    REFUSED(acclient_client_ping_agent(NULL, 1, 1, 1000, NULL, &error));
    REFUSED(acclient_client_ping_agent(client, 1, 1, 0, NULL, &error));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        REFUSED(acclient_client_ping_agent(client, numbers[i], 1, 1000, NULL, &error));
        REFUSED(acclient_client_ping_agent(client, 1, numbers[i], 1000, NULL, &error));
    }
    CHECK(acclient_client_ping_agent(NULL, 0, 0, 0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
}

typedef acclient_status ask_about_target(const acclient_client *, const acclient_target *, int64_t,
                                         const acclient_cancel_token *, acclient_answer **,
                                         acclient_error **);

static void resolution(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer;
    acclient_target *target;
    SAY("acclient_client_resolve");
    REFUSES(target, acclient_client_resolve(NULL, "1:1", 1000, NULL, &target, &error));
    REFUSES(target, acclient_client_resolve(client, NULL, 1000, NULL, &target, &error));
    REFUSES(target, acclient_client_resolve(client, "", 1000, NULL, &target, &error));
    REFUSES(target, acclient_client_resolve(client, no_utf8, 1000, NULL, &target, &error));
    REFUSES(target, acclient_client_resolve(client, "1:1 and", 1000, NULL, &target, &error));
    REFUSES(target, acclient_client_resolve(client, "@web", 1000, NULL, &target, &error));
    REFUSES(target, acclient_client_resolve(client, "1:1", 0, NULL, &target, &error));
    REFUSED(acclient_client_resolve(client, "1:1", 1000, NULL, NULL, &error));
    CHECK(acclient_client_resolve(NULL, NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);

    SAY("acclient_client_matching_agents and acclient_client_waiting_commands");
    ask_about_target *const functions[] = {acclient_client_matching_agents,
                                           acclient_client_waiting_commands};
    acclient_target *one = agent(1, 1);
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        REFUSES(answer, functions[f](NULL, one, 1000, NULL, &answer, &error));
        REFUSES(answer, functions[f](client, NULL, 1000, NULL, &answer, &error));
        REFUSES(answer, functions[f](client, one, 0, NULL, &answer, &error));
        REFUSED(functions[f](client, one, 1000, NULL, NULL, &error));
        CHECK(functions[f](NULL, NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    }
    acclient_target_free(one);
    EXPECT(ACCLIENT_OK, acclient_target_all(&target, &error));
    REFUSES(answer, acclient_client_waiting_commands(client, target, 1000, NULL, &answer, &error));
    acclient_target_free(target);
}

typedef acclient_status ask_controller(const acclient_client *, int64_t,
                                       const acclient_cancel_token *, acclient_answer **,
                                       acclient_error **);

static void controller(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer;
    ask_controller *const functions[] = {acclient_client_list_agents, acclient_client_schedule_list,
                                         acclient_client_reverse_tunnel_list,
                                         acclient_client_doctor};
    SAY("requests to the controller, and acclient_client_doctor");
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        REFUSES(answer, functions[f](NULL, 1000, NULL, &answer, &error));
        REFUSES(answer, functions[f](client, 0, NULL, &answer, &error));
        REFUSED(functions[f](client, 1000, NULL, NULL, &error));
        CHECK(functions[f](NULL, 0, NULL, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    }

    SAY("acclient_client_schedule_*");
    acclient_request *request = script(client, agent(1, 1), "true");
#define ADD(client, id, cron, request, timeout)                                                    \
    REFUSED(acclient_client_schedule_add(client, id, cron, request, timeout, NULL, &error))
    ADD(NULL, "id", "@daily", request, 1000);
    ADD(client, NULL, "@daily", request, 1000);
    ADD(client, "", "@daily", request, 1000);
    ADD(client, no_utf8, "@daily", request, 1000);
    ADD(client, "id", NULL, request, 1000);
    ADD(client, "id", "", request, 1000);
    ADD(client, "id", no_utf8, request, 1000);
    ADD(client, "id", "@daily", NULL, 1000);
    ADD(client, "id", "@daily", request, 0);
    CHECK(acclient_client_schedule_add(NULL, NULL, NULL, NULL, 0, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    acclient_request_free(request);
    bool removed;
#define REMOVE(client, id, timeout)                                                                \
    do {                                                                                           \
        removed = true;                                                                            \
        REFUSED(acclient_client_schedule_remove(client, id, &removed, timeout, NULL, &error));     \
        CHECK(!removed);                                                                           \
        REFUSED(acclient_client_schedule_remove_prefix(client, id, timeout, NULL, &error));        \
    } while (0)
    REMOVE(NULL, "id", 1000);
    REMOVE(client, NULL, 1000);
    REMOVE(client, no_utf8, 1000);
    REMOVE(client, "id", 0);
    CHECK(acclient_client_schedule_remove(NULL, NULL, NULL, 0, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_schedule_remove_prefix(NULL, NULL, 0, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    answer = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_client_schedule_list(client, -1, NULL, &answer, &error));
    CHECK(acclient_answer_count(answer) == 0);
    acclient_answer_free(answer);
}

static void tunnels(const acclient_client *client) {
    acclient_error *error;
    acclient_tunnel *tunnel;
    acclient_tunnel *opened;
    bool still_listed;
    const char *const names[] = {NULL, no_utf8};
    SAY("acclient_tunnel_*");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        REFUSES(tunnel, acclient_tunnel_new(0, names[i], "127.0.0.1", 1, &tunnel, &error));
        REFUSES(tunnel, acclient_tunnel_new(0, "1.1", names[i], 1, &tunnel, &error));
    }
    REFUSED(acclient_tunnel_new(0, "1.1", "127.0.0.1", 1, NULL, &error));
    CHECK(acclient_tunnel_new(0, NULL, NULL, 0, NULL, NULL) == ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_tunnel_new(0, "2.1", "::1", 1, &tunnel, NULL) == ACCLIENT_OK);
    CHECK(acclient_tunnel_local(NULL) == 0);
    CHECK(acclient_tunnel_remote(NULL) == 0);
    CHECK_NO_TEXT(acclient_tunnel_gateway, NULL);
    CHECK_NO_TEXT(acclient_tunnel_ip, NULL);
    acclient_tunnel_free(NULL);

    SAY("acclient_client_tunnel_*");
#define OPEN(client, gid, nid, tunnel, timeout)                                                    \
    do {                                                                                           \
        REFUSES(opened, acclient_client_tunnel_open(client, gid, nid, tunnel, timeout, NULL,       \
                                                    &opened, &error));                             \
        still_listed = true;                                                                       \
        REFUSED(acclient_client_tunnel_close(client, gid, nid, tunnel, &still_listed, timeout,     \
                                             NULL, &error));                                       \
        CHECK(!still_listed);                                                                      \
    } while (0)
#define REVERSE(client, tunnel, timeout)                                                           \
    do {                                                                                           \
        REFUSES(opened, acclient_client_reverse_tunnel_open(client, tunnel, timeout, NULL,         \
                                                            &opened, &error));                     \
        still_listed = true;                                                                       \
        REFUSED(acclient_client_reverse_tunnel_close(client, tunnel, &still_listed, timeout, NULL, \
                                                     &error));                                     \
        CHECK(!still_listed);                                                                      \
    } while (0)
    OPEN(NULL, 1, 1, tunnel, 1000);
    OPEN(client, 1, 1, NULL, 1000);
    OPEN(client, 1, 1, tunnel, 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        OPEN(client, numbers[i], 1, tunnel, 1000);
        OPEN(client, 1, numbers[i], tunnel, 1000);
    }
    REVERSE(NULL, tunnel, 1000);
    REVERSE(client, NULL, 1000);
    REVERSE(client, tunnel, 0);
    REFUSED(acclient_client_tunnel_open(client, 1, 1, tunnel, 1000, NULL, NULL, &error));
    REFUSED(acclient_client_reverse_tunnel_open(client, tunnel, 1000, NULL, NULL, &error));
    CHECK(acclient_client_tunnel_open(NULL, 0, 0, NULL, 0, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_tunnel_close(NULL, 0, 0, NULL, NULL, 0, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_reverse_tunnel_open(NULL, NULL, 0, NULL, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    CHECK(acclient_client_reverse_tunnel_close(NULL, NULL, NULL, 0, NULL, NULL) ==
          ACCLIENT_INVALID_ARGUMENT);
    acclient_tunnel_free(tunnel);
}

static void answers(const acclient_client *client) {
    acclient_error *error;
    acclient_answer *answer = GARBAGE;
    size_t length = 12345;
    SAY("acclient_answer_*");
    CHECK_NO_TEXT(acclient_answer_json, NULL);
    CHECK(acclient_answer_count(NULL) == 0);
    CHECK(acclient_answer_text(NULL, 0, "x", &length) == NULL && length == 0);
    CHECK(acclient_answer_text(NULL, 0, NULL, NULL) == NULL);
    CHECK(acclient_answer_int(NULL, 0, "x") == 0);
    CHECK(acclient_answer_double(NULL, 0, "x") == 0.0);
    acclient_answer_free(NULL);
    EXPECT(ACCLIENT_OK, acclient_client_list_agents(client, 10000, NULL, &answer, &error));
    const char *const wrong[] = {NULL, no_utf8, "none", ".", "roles.x", "roles.-1", "gid.x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        length = 12345;
        CHECK(acclient_answer_text(answer, 0, wrong[i], &length) == NULL && length == 0);
        CHECK(acclient_answer_int(answer, 0, wrong[i]) == 0);
        CHECK(acclient_answer_double(answer, 0, wrong[i]) == 0.0);
    }
    CHECK(acclient_answer_text(answer, SIZE_MAX, "gid", NULL) == NULL);
    CHECK(acclient_answer_int(answer, 3, "gid") == 0);
    acclient_answer_free(answer);
}

int main(void) {
    acclient_client *client = connect_grid();
    queries();
    agents(client);
    resolution(client);
    controller(client);
    tunnels(client);
    answers(client);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
