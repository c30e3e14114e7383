/* A forked child opens files and frees inherited handles in any order: its files stay open. And a
 * program that closes descriptors of the library. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CHILD_SECONDS 60
#define MOST_FILES 200
#define OBJECTS 12

/* Agent 1:1 does not answer. */
static const char half[] = "[ $AGENT_GID:$AGENT_NID = 1:1 ] && echo begun && exec sleep 600; true";

static struct {
    const char *name;
    void *object;
    void (*free)(void *);
} objects[OBJECTS];
static size_t count;

static int files[MOST_FILES];
static size_t file_count;

#define ADD(type, pointer) add(#type, pointer, free_##type)

#define FREE(type)                                                                                 \
    static void free_##type(void *object) {                                                        \
        acclient_##type##_free(object);                                                            \
    }
FREE(results)
FREE(rollout)
FREE(follow)
FREE(command)
FREE(job)
FREE(jobs)
FREE(request)
FREE(cancel_token)
FREE(client)

static void add(const char *name, void *object, void (*free_object)(void *)) {
    CHECK(count < OBJECTS);
    objects[count].name = name;
    objects[count].object = object;
    objects[count++].free = free_object;
}

/* Fills the descriptor table. */
static void open_files(void) {
    const struct rlimit limit = {MOST_FILES, MOST_FILES};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int fd;
    while ((fd = open("/proc/version", O_RDONLY)) >= 0) {
        files[file_count++] = fd;
    }
    CHECK(file_count > 0);
}

static bool can_be_read(void) {
    for (size_t i = 0; i < file_count; i++) {
        char start[5];
        if (pread(files[i], start, sizeof start, 0) != sizeof start ||
            memcmp(start, "Linux", sizeof start) != 0) {
            return false;
        }
    }
    return true;
}

static void free_object(size_t index) {
    objects[index].free(objects[index].object);
    objects[index].object = NULL;
    if (!can_be_read()) {
        SAY("freeing the %s closed a file of the child", objects[index].name);
        CHECK(false);
    }
}

static void free_all(size_t first) {
    for (size_t i = 0; i < count; i++) {
        const size_t index = (first + i) % count;
        if (objects[index].object != NULL) {
            free_object(index);
        }
    }
}

static void in_child(void (*body)(size_t), size_t number) {
    int status;
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        body(number);
        _exit(EXIT_SUCCESS);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status)) {
        SAY("the child ended by signal %d", WTERMSIG(status));
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void use(void) {
    acclient_error *error;
    acclient_client *client = objects[count - 1].object;
    EXPECT(ACCLIENT_OK, acclient_client_ping(client, 10000, NULL, &error));
}

static void frees_without_using(size_t number) {
    open_files();
    free_all(number);
}

static void uses_then_frees(size_t number) {
    use();
    open_files();
    free_all(number);
}

static void frees_one_then_uses(size_t number) {
    if (number + 1 < count) {
        free_object(number);
    }
    use();
    open_files();
    free_all(number);
}

static void leaves_it_to_a_grandchild(size_t number) {
    use();
    open_files();
    in_child(free_all, number);
    CHECK(can_be_read());
    free_all(number);
}

static void asks_what_it_inherited(size_t number) {
    (void)number;
    acclient_error *error;
    acclient_job *job = GARBAGE;
    use();
    open_files();
    CHECK(acclient_results_poll_fd(objects[0].object) == -1);
    FAILS(ACCLIENT_FORKED_HANDLE, acclient_results_next(objects[0].object, &job, &error));
    acclient_error_free(error);
    FAILS(ACCLIENT_FORKED_HANDLE, acclient_rollout_next(objects[1].object, &job, &error));
    acclient_error_free(error);
    CHECK(can_be_read());
    free_all(0);
}

static acclient_results *busy;
static _Atomic long waiter;

static void *wait_for_the_next(void *unused) {
    (void)unused;
    acclient_job *job = NULL;
    waiter = thread_id();
    (void)acclient_results_next(busy, &job, NULL);
    CHECK(job == NULL);
    return NULL;
}

/* Another thread of the parent is using the handle in a call. */
static void frees_what_is_in_use(size_t number) {
    const int before = descriptors(false);
    if (number == 1) {
        use();
    }
    acclient_results_free(busy);
    CHECK(descriptors(false) < before);
    open_files();
    free_all(number);
}

static acclient_job *first_of(acclient_results *results) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_results_next(results, &job, &error));
    CHECK(job_gid(job) == 2);
    return job;
}

static acclient_results *half_done(const acclient_client *client,
                                   const acclient_cancel_token *end) {
    acclient_error *error;
    acclient_results *results = GARBAGE;
    acclient_command *command = send_script(client, everyone("cpu"), half);
    EXPECT(ACCLIENT_OK, acclient_command_results(command, -1, end, &results, &error));
    acclient_command_free(command);
    acclient_job_free(first_of(results));
    return results;
}

static void make_all(void) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    acclient_rollout *rollout = GARBAGE;
    acclient_follow *follow = GARBAGE;
    acclient_cancel_token *token = GARBAGE;
    acclient_client *client = connect_grid();
    ADD(results, half_done(client, NULL));
    acclient_request *request = script(client, everyone("cpu"), half);
    EXPECT(ACCLIENT_OK, rollout_of(request, 2, 0, 0, 0, -1, NULL, &rollout, &error));
    EXPECT(ACCLIENT_OK, acclient_rollout_next(rollout, &job, &error));
    ADD(rollout, rollout);
    ADD(job, job);
    ADD(request, request);
    acclient_command *command = shell(client, "exec sleep 600");
    acclient_jobs *jobs = jobs_in_state(command, 1, "RUNNING");
    EXPECT(ACCLIENT_OK,
           acclient_job_follow(acclient_jobs_at(jobs, 0), NULL, -1, NULL, &follow, &error));
    ADD(command, command);
    ADD(jobs, jobs);
    ADD(follow, follow);
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&token, &error));
    ADD(cancel_token, token);
    ADD(client, connect_grid());
    ADD(client, client);
}

/* Closes all descriptors, as daemons do. */
static void closes_everything(size_t number) {
    acclient_error *error;
    acclient_job *job = GARBAGE;
    const acclient_cancel_token *token = objects[count - 3].object;
    acclient_client *own = connect_grid();
    acclient_cancel_token *end = GARBAGE;
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&end, &error));
    acclient_command *command = shell(own, "exec sleep 600");
    SAY("a process that has closed all descriptors waits");
    for (int fd = 3; fd < MOST_FILES; fd++) {
        close(fd);
    }
    EXPECT(ACCLIENT_SYSTEM, acclient_command_next_result(command, -1, NULL, &job, &error));
    CHECK(job == NULL);
    EXPECT(ACCLIENT_SYSTEM, acclient_command_next_result(command, -1, end, &job, &error));
    FAILS(ACCLIENT_SYSTEM, acclient_client_ping(own, -1, end, &error));
    CHECK(strstr(acclient_error_message(error, NULL), "closed by the program") != NULL);
    acclient_error_free(error);
    open_files();
    CHECK(acclient_cancel_token_cancel(end) == ACCLIENT_OK);
    CHECK(acclient_cancel_token_cancel(token) == ACCLIENT_FORKED_HANDLE);
    acclient_command_free(command);
    acclient_cancel_token_free(end);
    acclient_client_free(own);
    CHECK(can_be_read());
    free_all(number);
}

int main(void) {
    acclient_error *error;
    acclient_cancel_token *end = GARBAGE;
    make_all();
    SAY("%zu objects, each freed first in a child", count);
    for (size_t i = 0; i < count; i++) {
        in_child(frees_without_using, i);
        in_child(uses_then_frees, i);
        in_child(frees_one_then_uses, i);
        in_child(leaves_it_to_a_grandchild, i);
    }
    SAY("a child reads inherited handles");
    in_child(asks_what_it_inherited, 0);
    SAY("a child frees handles in use by another thread of its parent");
    EXPECT(ACCLIENT_OK, acclient_cancel_token_new(&end, &error));
    busy = half_done(objects[count - 1].object, end);
    pthread_t thread = start_thread(wait_for_the_next, NULL);
    wait_until_asleep(&waiter);
    in_child(frees_what_is_in_use, 0);
    in_child(frees_what_is_in_use, 1);
    CHECK(acclient_cancel_token_cancel(end) == ACCLIENT_OK);
    CHECK(pthread_join(thread, NULL) == 0);
    acclient_results_free(busy);
    acclient_cancel_token_free(end);
    in_child(closes_everything, 0);

    SAY("the parent is unaffected");
    use();
    CHECK(acclient_cancel_token_cancel(objects[count - 3].object) == ACCLIENT_OK);
    free_all(0);
    CHECK(descriptors(true) == 0);
    return EXIT_SUCCESS;
}
