/* Sixteen threads share a client, run arguments and a request. */
#define _GNU_SOURCE
#include "check.h"

enum { THREADS = 16, ROUNDS = 4 };

struct shared {
    const acclient_client *client;
    acclient_run_args *args;
    acclient_request *request;
};

struct worker {
    const struct shared *shared;
    int number;
};

static void *work(void *argument) {
    const struct worker *worker = argument;
    const struct shared *shared = worker->shared;
    acclient_error *error;
    for (int round = 0; round < ROUNDS; round++) {
        char word[32];
        char expected[40];
        const char *args[] = {word};
        acclient_command *command = GARBAGE;
        snprintf(word, sizeof word, "%d.%d", worker->number, round);
        snprintf(expected, sizeof expected, "%s\n", word);
        EXPECT(ACCLIENT_OK, execute(shared->client, 1, 1, "echo", args, 1, NULL, 0, 30000, NULL,
                                    &command, &error));
        acclient_job *job = GARBAGE;
        EXPECT(ACCLIENT_OK, acclient_command_next_result(command, 30000, NULL, &job, &error));
        CHECK_TEXT(acclient_job_stdout, job, expected);
        acclient_job_free(job);
        EXPECT(ACCLIENT_OK, acclient_command_next_result(command, 30000, NULL, &job, &error));
        CHECK(job == NULL);
        acclient_command_free(command);
        EXPECT(ACCLIENT_OK, acclient_run_args_add_arg(shared->args, word, &error));
        EXPECT(ACCLIENT_OK, acclient_request_add_arg(shared->request, word, &error));
    }
    return NULL;
}

int main(void) {
    acclient_error *error;
    acclient_client *client = connect_grid();
    struct shared shared = {.client = client};
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    acclient_run_args *args = GARBAGE;
    acclient_request *request = GARBAGE;
    acclient_target *target = agent(1, 2);
    EXPECT(ACCLIENT_OK, acclient_run_args_new(&args, &error));
    EXPECT(ACCLIENT_OK, acclient_request_execute(client, target, "echo", &request, &error));
    acclient_target_free(target);
    shared.args = args;
    shared.request = request;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = &shared, .number = i};
        threads[i] = start_thread(work, &workers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }

    SAY("no update of a thread is lost");
    acclient_answer *json = GARBAGE;
    char last[20];
    EXPECT(ACCLIENT_OK, acclient_run_args_to_json(args, &json, &error));
    snprintf(last, sizeof last, "args.%d", THREADS * ROUNDS - 1);
    CHECK(acclient_answer_text(json, 0, last, NULL) != NULL);
    acclient_answer_free(json);
    acclient_run_args_free(args);
    acclient_job *job = run(request);
    size_t words = 0;
    for (const char *text = acclient_job_stdout(job, NULL); *text != '\0'; text++) {
        words += *text == '.';
    }
    CHECK(words == THREADS * ROUNDS);
    acclient_job_free(job);
    acclient_client_free(client);
    return EXIT_SUCCESS;
}
