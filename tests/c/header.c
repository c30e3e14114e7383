/* The header alone, twice, in every dialect of C and C++; and every function that it declares,
 * linked. Prints the name of each. */
#include <acclient.h>
#include <acclient.h>

#include <stdio.h>

#define FUNCTIONS(X)                                                                               \
    X(acclient_cancel_new)                                                                         \
    X(acclient_cancel_cancel)                                                                      \
    X(acclient_cancel_is_cancelled)                                                                \
    X(acclient_cancel_free)                                                                        \
    X(acclient_client_connect)                                                                     \
    X(acclient_client_ping)                                                                        \
    X(acclient_client_execute)                                                                     \
    X(acclient_client_command_from)                                                                \
    X(acclient_client_close)                                                                       \
    X(acclient_client_free)                                                                        \
    X(acclient_command_id)                                                                         \
    X(acclient_command_printed)                                                                    \
    X(acclient_command_next_result)                                                                \
    X(acclient_command_kill)                                                                       \
    X(acclient_command_free)                                                                       \
    X(acclient_error_status)                                                                       \
    X(acclient_error_message)                                                                      \
    X(acclient_error_command)                                                                      \
    X(acclient_error_is_retriable)                                                                 \
    X(acclient_error_is_timeout)                                                                   \
    X(acclient_error_is_maybe_sent)                                                                \
    X(acclient_error_free)                                                                         \
    X(acclient_job_id)                                                                             \
    X(acclient_job_state)                                                                          \
    X(acclient_job_cmd)                                                                            \
    X(acclient_job_args)                                                                           \
    X(acclient_job_data)                                                                           \
    X(acclient_job_stdout)                                                                         \
    X(acclient_job_stderr)                                                                         \
    X(acclient_job_critical)                                                                       \
    X(acclient_job_tags)                                                                           \
    X(acclient_job_dump)                                                                           \
    X(acclient_job_gid)                                                                            \
    X(acclient_job_nid)                                                                            \
    X(acclient_job_is_success)                                                                     \
    X(acclient_job_level)                                                                          \
    X(acclient_job_starttime_ms)                                                                   \
    X(acclient_job_time_ms)                                                                        \
    X(acclient_job_free)                                                                           \
    X(acclient_status_name)                                                                        \
    X(acclient_version)                                                                            \
    X(acclient_check_version)

typedef void (*any_function)(void);

struct entry {
    const char *name;
    any_function function;
};

#define ENTRY(name) {#name, (any_function)name},

static const struct entry table[] = {FUNCTIONS(ENTRY){NULL, NULL}};

int main(void) {
    const struct entry *entry;
    for (entry = table; entry->name != NULL; entry++) {
        if (entry->function == NULL) {
            return 1;
        }
        printf("%s\n", entry->name);
    }
    return 0;
}
