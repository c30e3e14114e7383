/* The header alone, twice, in every dialect of C and C++; and every function that it declares,
 * linked. Prints the name of each. */
#include <acclient.h>
#include <acclient.h>

#include <stdio.h>

#define FUNCTIONS(X)                                                                               \
    X(acclient_error_status)                                                                       \
    X(acclient_error_message)                                                                      \
    X(acclient_error_command)                                                                      \
    X(acclient_error_server_code)                                                                  \
    X(acclient_error_is_retriable)                                                                 \
    X(acclient_error_is_timeout)                                                                   \
    X(acclient_error_is_final)                                                                     \
    X(acclient_error_is_maybe_sent)                                                                \
    X(acclient_error_agent)                                                                        \
    X(acclient_error_job)                                                                          \
    X(acclient_error_free)                                                                         \
    X(acclient_status_name)                                                                        \
    X(acclient_version)                                                                            \
    X(acclient_check_version)                                                                      \
    X(acclient_cancel_new)                                                                         \
    X(acclient_cancel_cancel)                                                                      \
    X(acclient_cancel_is_cancelled)                                                                \
    X(acclient_cancel_free)                                                                        \
    X(acclient_client_connect)                                                                     \
    X(acclient_client_ping)                                                                        \
    X(acclient_client_execute)                                                                     \
    X(acclient_client_command_from)                                                                \
    X(acclient_client_command)                                                                     \
    X(acclient_client_instance)                                                                    \
    X(acclient_client_submit_many)                                                                 \
    X(acclient_client_close)                                                                       \
    X(acclient_client_free)                                                                        \
    X(acclient_options_new)                                                                        \
    X(acclient_options_set_url)                                                                    \
    X(acclient_options_set_host)                                                                   \
    X(acclient_options_set_unix_socket)                                                            \
    X(acclient_options_set_sentinels)                                                              \
    X(acclient_options_set_tls)                                                                    \
    X(acclient_options_set_tls_ca_file)                                                            \
    X(acclient_options_set_tls_client_cert)                                                        \
    X(acclient_options_set_tls_insecure)                                                           \
    X(acclient_options_set_user)                                                                   \
    X(acclient_options_set_password)                                                               \
    X(acclient_options_set_port)                                                                   \
    X(acclient_options_set_db)                                                                     \
    X(acclient_options_set_max_connections)                                                        \
    X(acclient_options_set_max_reply)                                                              \
    X(acclient_client_open)                                                                        \
    X(acclient_client_build)                                                                       \
    X(acclient_options_free)                                                                       \
    X(acclient_request_new)                                                                        \
    X(acclient_request_execute)                                                                    \
    X(acclient_request_bash)                                                                       \
    X(acclient_request_jumpscript)                                                                 \
    X(acclient_request_jumpscript_content)                                                         \
    X(acclient_request_add_arg)                                                                    \
    X(acclient_request_set_run_args)                                                               \
    X(acclient_request_set_data)                                                                   \
    X(acclient_request_set_id)                                                                     \
    X(acclient_request_set_tags)                                                                   \
    X(acclient_request_submit)                                                                     \
    X(acclient_request_submit_once)                                                                \
    X(acclient_request_run)                                                                        \
    X(acclient_request_free)                                                                       \
    X(acclient_run_args_new)                                                                       \
    X(acclient_run_args_set_domain)                                                                \
    X(acclient_run_args_set_name)                                                                  \
    X(acclient_run_args_set_loglevels)                                                             \
    X(acclient_run_args_set_loglevels_db)                                                          \
    X(acclient_run_args_set_loglevels_ac)                                                          \
    X(acclient_run_args_set_queue)                                                                 \
    X(acclient_run_args_set_working_dir)                                                           \
    X(acclient_run_args_set_max_time)                                                              \
    X(acclient_run_args_set_max_restart)                                                           \
    X(acclient_run_args_set_recurring_period)                                                      \
    X(acclient_run_args_set_stats_interval)                                                        \
    X(acclient_run_args_add_arg)                                                                   \
    X(acclient_run_args_add_env)                                                                   \
    X(acclient_run_args_merge)                                                                     \
    X(acclient_run_args_to_json)                                                                   \
    X(acclient_run_args_free)                                                                      \
    X(acclient_target_agent)                                                                       \
    X(acclient_target_any)                                                                         \
    X(acclient_target_all)                                                                         \
    X(acclient_target_printed)                                                                     \
    X(acclient_target_free)                                                                        \
    X(acclient_request_run_all)                                                                    \
    X(acclient_collected_command)                                                                  \
    X(acclient_collected_job_count)                                                                \
    X(acclient_collected_job)                                                                      \
    X(acclient_collected_error_count)                                                              \
    X(acclient_collected_error)                                                                    \
    X(acclient_collected_stopped)                                                                  \
    X(acclient_collected_free)                                                                     \
    X(acclient_command_id)                                                                         \
    X(acclient_command_printed)                                                                    \
    X(acclient_command_target)                                                                     \
    X(acclient_command_cmd)                                                                        \
    X(acclient_command_args)                                                                       \
    X(acclient_command_data)                                                                       \
    X(acclient_command_tags)                                                                       \
    X(acclient_command_dump)                                                                       \
    X(acclient_command_next_result)                                                                \
    X(acclient_command_kill)                                                                       \
    X(acclient_command_free)                                                                       \
    X(acclient_stage_name)                                                                         \
    X(acclient_command_progress)                                                                   \
    X(acclient_command_retract)                                                                    \
    X(acclient_progress_stage)                                                                     \
    X(acclient_progress_count)                                                                     \
    X(acclient_progress_gid)                                                                       \
    X(acclient_progress_nid)                                                                       \
    X(acclient_progress_stage_at)                                                                  \
    X(acclient_progress_free)                                                                      \
    X(acclient_command_results)                                                                    \
    X(acclient_client_wait_any)                                                                    \
    X(acclient_results_next)                                                                       \
    X(acclient_results_remaining)                                                                  \
    X(acclient_results_method)                                                                     \
    X(acclient_results_free)                                                                       \
    X(acclient_request_rollout)                                                                    \
    X(acclient_rollout_next)                                                                       \
    X(acclient_rollout_agent_count)                                                                \
    X(acclient_rollout_agent_gid)                                                                  \
    X(acclient_rollout_agent_nid)                                                                  \
    X(acclient_rollout_batch_size)                                                                 \
    X(acclient_rollout_not_started_count)                                                          \
    X(acclient_rollout_not_started_gid)                                                            \
    X(acclient_rollout_not_started_nid)                                                            \
    X(acclient_rollout_in_flight_count)                                                            \
    X(acclient_rollout_in_flight_command)                                                          \
    X(acclient_rollout_failures)                                                                   \
    X(acclient_rollout_is_stopped)                                                                 \
    X(acclient_rollout_free)                                                                       \
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
    X(acclient_job_raw)                                                                            \
    X(acclient_job_gid)                                                                            \
    X(acclient_job_nid)                                                                            \
    X(acclient_job_is_success)                                                                     \
    X(acclient_job_level)                                                                          \
    X(acclient_job_starttime_ms)                                                                   \
    X(acclient_job_time_ms)                                                                        \
    X(acclient_job_refresh)                                                                        \
    X(acclient_job_wait)                                                                           \
    X(acclient_job_free)                                                                           \
    X(acclient_client_get_cmds)                                                                    \
    X(acclient_commands_count)                                                                     \
    X(acclient_commands_at)                                                                        \
    X(acclient_commands_free)                                                                      \
    X(acclient_command_jobs)                                                                       \
    X(acclient_jobs_count)                                                                         \
    X(acclient_jobs_at)                                                                            \
    X(acclient_jobs_free)                                                                          \
    X(acclient_command_kill_everywhere)                                                            \
    X(acclient_command_get_stats)                                                                  \
    X(acclient_command_get_msgs)                                                                   \
    X(acclient_client_get_all_processes)                                                           \
    X(acclient_outcomes_count)                                                                     \
    X(acclient_outcomes_gid)                                                                       \
    X(acclient_outcomes_nid)                                                                       \
    X(acclient_outcomes_kind)                                                                      \
    X(acclient_outcomes_answer)                                                                    \
    X(acclient_outcomes_job)                                                                       \
    X(acclient_outcomes_error)                                                                     \
    X(acclient_outcomes_free)                                                                      \
    X(acclient_answer_json)                                                                        \
    X(acclient_answer_count)                                                                       \
    X(acclient_answer_text)                                                                        \
    X(acclient_answer_int)                                                                         \
    X(acclient_answer_double)                                                                      \
    X(acclient_answer_free)                                                                        \
    X(acclient_job_follow)                                                                         \
    X(acclient_follow_next)                                                                        \
    X(acclient_follow_free)                                                                        \
    X(acclient_client_get_cpu_info)                                                                \
    X(acclient_client_get_disk_info)                                                               \
    X(acclient_client_get_mem_info)                                                                \
    X(acclient_client_get_nic_info)                                                                \
    X(acclient_client_get_os_info)                                                                 \
    X(acclient_client_get_aggregated_stats)                                                        \
    X(acclient_client_get_processes)                                                               \
    X(acclient_client_get_msgs)                                                                    \
    X(acclient_client_list_agents)                                                                 \
    X(acclient_client_doctor)                                                                      \
    X(acclient_client_ping_agent)                                                                  \
    X(acclient_job_get_stats)                                                                      \
    X(acclient_job_get_msgs)                                                                       \
    X(acclient_job_kill)                                                                           \
    X(acclient_client_schedule_add)                                                                \
    X(acclient_client_schedule_list)                                                               \
    X(acclient_client_schedule_remove)                                                             \
    X(acclient_client_schedule_remove_prefix)                                                      \
    X(acclient_tunnel_new)                                                                         \
    X(acclient_tunnel_local)                                                                       \
    X(acclient_tunnel_remote)                                                                      \
    X(acclient_tunnel_gateway)                                                                     \
    X(acclient_tunnel_ip)                                                                          \
    X(acclient_tunnel_free)                                                                        \
    X(acclient_client_tunnel_open)                                                                 \
    X(acclient_client_tunnel_close)                                                                \
    X(acclient_client_tunnel_list)                                                                 \
    X(acclient_client_reverse_tunnel_open)                                                         \
    X(acclient_client_reverse_tunnel_close)                                                        \
    X(acclient_client_reverse_tunnel_list)

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
