/// The bodies of the longer functions of client: part of client.hpp, where they are described.
#ifndef ACCLIENT_CLIENT_CALLS_HPP
#define ACCLIENT_CLIENT_CALLS_HPP

#include "client.hpp"

namespace acclient {

// Commands.

inline result<command> client::try_start(const agent_id &agent, std::string_view program,
                                         const std::vector<std::string> &args,
                                         std::string_view data, const time_limit &limit) const {
    if (detail::holds_nul({program}) || detail::one_holds_nul(args)) {
        return detail::nul_error();
    }
    return detail::made<acclient::command, acclient_command>([&](auto **made, auto **error) {
        return acclient_client_execute(get(), agent.gid, agent.nid, std::string(program).c_str(),
                                       detail::c_texts(args).data(), args.size(), data.data(),
                                       data.size(), limit.c_milliseconds(), limit.c_token(), made,
                                       error);
    });
}

inline result<command> client::try_command(std::string_view id) const {
    if (detail::holds_nul({id})) {
        return detail::nul_error();
    }
    return detail::made<acclient::command, acclient_command>([&](auto **made, auto **error) {
        return acclient_client_command(get(), std::string(id).c_str(), made, error);
    });
}

inline result<command> client::try_command_from(std::string_view printed) const {
    if (detail::holds_nul({printed})) {
        return detail::nul_error();
    }
    return detail::made<acclient::command, acclient_command>([&](auto **made, auto **error) {
        return acclient_client_command_from(get(), std::string(printed).c_str(), made, error);
    });
}

inline result<std::vector<result<command>>>
client::try_submit_many(const std::vector<request> &requests, const time_limit &limit) const {
    // What is wrong already is not sent.
    std::vector<const acclient_request *> sent;
    for (const request &request : requests) {
        if (request.check()) {
            sent.push_back(request.get());
        }
    }
    std::vector<acclient_command *> commands(sent.size());
    std::vector<acclient_error *> errors(sent.size());
    acclient_error *failure = nullptr;
    const acclient_status status =
        acclient_client_submit_many(get(), sent.data(), sent.size(), limit.c_milliseconds(),
                                    limit.c_token(), commands.data(), errors.data(), &failure);
    if (status != ACCLIENT_OK) {
        return detail::failure(status, failure);
    }
    std::vector<result<acclient::command>> submitted;
    submitted.reserve(requests.size());
    std::size_t next = 0;
    for (const request &request : requests) {
        if (const auto checked = request.check(); !checked) {
            submitted.emplace_back(checked.error());
            continue;
        }
        if (errors[next] != nullptr) {
            submitted.emplace_back(acclient::error(errors[next]));
        } else {
            submitted.emplace_back(acclient::command(commands[next]));
        }
        next++;
    }
    return submitted;
}

inline result<results> client::try_wait_any(const std::vector<command_ref> &commands,
                                            const time_limit &limit) const {
    std::vector<const acclient_command *> handles;
    for (const command_ref &command : commands) {
        handles.push_back(command.get());
    }
    return detail::made<results, acclient_results>([&](auto **made, auto **error) {
        return acclient_client_wait_any(get(), handles.data(), handles.size(),
                                        limit.c_milliseconds(), limit.c_token(), made, error);
    });
}

inline result<command_list> client::try_get_cmds(std::uint32_t start, std::uint32_t count,
                                                 const time_limit &limit) const {
    return detail::made<command_list, acclient_commands>([&](auto **made, auto **error) {
        return acclient_client_get_cmds(get(), start, count, limit.c_milliseconds(),
                                        limit.c_token(), made, error);
    });
}

// Questions.

inline result<answer> client::try_list_agents(const time_limit &limit) const {
    return ask(acclient_client_list_agents, limit);
}

inline result<diagnosis> client::try_doctor(const time_limit &limit) const {
    const auto answer = ask(acclient_client_doctor, limit);
    return answer ? result<diagnosis>(detail::read_diagnosis(*answer))
                  : result<diagnosis>(answer.error());
}

inline result<void> client::try_ping_agent(const agent_id &agent, const time_limit &limit) const {
    return detail::done([&](auto **error) {
        return acclient_client_ping_agent(get(), agent.gid, agent.nid, limit.c_milliseconds(),
                                          limit.c_token(), error);
    });
}

inline result<answer> client::try_get_cpu_info(const agent_id &agent,
                                               const time_limit &limit) const {
    return ask(acclient_client_get_cpu_info, agent, limit);
}

inline result<answer> client::try_get_disk_info(const agent_id &agent,
                                                const time_limit &limit) const {
    return ask(acclient_client_get_disk_info, agent, limit);
}

inline result<answer> client::try_get_mem_info(const agent_id &agent,
                                               const time_limit &limit) const {
    return ask(acclient_client_get_mem_info, agent, limit);
}

inline result<answer> client::try_get_nic_info(const agent_id &agent,
                                               const time_limit &limit) const {
    return ask(acclient_client_get_nic_info, agent, limit);
}

inline result<answer> client::try_get_os_info(const agent_id &agent,
                                              const time_limit &limit) const {
    return ask(acclient_client_get_os_info, agent, limit);
}

inline result<answer> client::try_get_aggregated_stats(const agent_id &agent,
                                                       const time_limit &limit) const {
    return ask(acclient_client_get_aggregated_stats, agent, limit);
}

namespace detail {

/// A text as C takes it where it may be NULL.
inline const char *c_text(const std::optional<std::string> &text) noexcept {
    return text ? text->c_str() : nullptr;
}

} // namespace detail

inline result<answer> client::try_get_processes(const agent_id &agent, const process_query &query,
                                                const time_limit &limit) const {
    if (detail::holds_nul({query.domain.value_or(""), query.name.value_or("")})) {
        return detail::nul_error();
    }
    return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
        return acclient_client_get_processes(
            get(), agent.gid, agent.nid, detail::c_text(query.domain), detail::c_text(query.name),
            limit.c_milliseconds(), limit.c_token(), made, error);
    });
}

inline result<outcomes> client::try_get_all_processes(const process_query &query,
                                                      const time_limit &limit) const {
    if (detail::holds_nul({query.domain.value_or(""), query.name.value_or("")})) {
        return detail::nul_error();
    }
    return detail::made<outcomes, acclient_outcomes>([&](auto **made, auto **error) {
        return acclient_client_get_all_processes(get(), detail::c_text(query.domain),
                                                 detail::c_text(query.name), limit.c_milliseconds(),
                                                 limit.c_token(), made, error);
    });
}

inline result<answer> client::try_get_msgs(const agent_id &agent, std::string_view id,
                                           const msg_query &query, const time_limit &limit) const {
    if (detail::holds_nul({id, query.levels})) {
        return detail::nul_error();
    }
    return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
        return acclient_client_get_msgs(get(), agent.gid, agent.nid, std::string(id).c_str(),
                                        query.levels.c_str(), query.limit,
                                        detail::c_time(query.from), detail::c_time(query.to),
                                        limit.c_milliseconds(), limit.c_token(), made, error);
    });
}

// The schedule.

inline result<void> client::try_schedule_add(std::string_view id, std::string_view cron,
                                             const request &request,
                                             const time_limit &limit) const {
    if (const auto checked = request.check(); !checked) {
        return checked.error();
    }
    if (detail::holds_nul({id, cron})) {
        return detail::nul_error();
    }
    return detail::done([&](auto **error) {
        return acclient_client_schedule_add(get(), std::string(id).c_str(),
                                            std::string(cron).c_str(), request.get(),
                                            limit.c_milliseconds(), limit.c_token(), error);
    });
}

inline result<answer> client::try_schedule_list(const time_limit &limit) const {
    return ask(acclient_client_schedule_list, limit);
}

inline result<bool> client::try_schedule_remove(std::string_view id,
                                                const time_limit &limit) const {
    if (detail::holds_nul({id})) {
        return detail::nul_error();
    }
    bool removed = false;
    const auto outcome = detail::done([&](auto **error) {
        return acclient_client_schedule_remove(get(), std::string(id).c_str(), &removed,
                                               limit.c_milliseconds(), limit.c_token(), error);
    });
    return outcome ? result<bool>(removed) : result<bool>(outcome.error());
}

inline result<void> client::try_schedule_remove_prefix(std::string_view prefix,
                                                       const time_limit &limit) const {
    if (detail::holds_nul({prefix})) {
        return detail::nul_error();
    }
    return detail::done([&](auto **error) {
        return acclient_client_schedule_remove_prefix(
            get(), std::string(prefix).c_str(), limit.c_milliseconds(), limit.c_token(), error);
    });
}

// Tunnels.

inline result<tunnel> client::try_tunnel_open(const agent_id &agent, const tunnel &wanted,
                                              const time_limit &limit) const {
    if (const auto checked = wanted.check(); !checked) {
        return checked.error();
    }
    return detail::made<tunnel, acclient_tunnel>([&](auto **made, auto **error) {
        return acclient_client_tunnel_open(get(), agent.gid, agent.nid, wanted.get(),
                                           limit.c_milliseconds(), limit.c_token(), made, error);
    });
}

inline result<void> client::try_tunnel_close(const agent_id &agent, const tunnel &opened,
                                             const time_limit &limit) const {
    if (const auto checked = opened.check(); !checked) {
        return checked.error();
    }
    return detail::done([&](auto **error) {
        return acclient_client_tunnel_close(get(), agent.gid, agent.nid, opened.get(),
                                            limit.c_milliseconds(), limit.c_token(), error);
    });
}

inline result<answer> client::try_tunnel_list(const agent_id &agent,
                                              const time_limit &limit) const {
    return ask(acclient_client_tunnel_list, agent, limit);
}

inline result<tunnel> client::try_reverse_tunnel_open(const tunnel &wanted,
                                                      const time_limit &limit) const {
    if (const auto checked = wanted.check(); !checked) {
        return checked.error();
    }
    return detail::made<tunnel, acclient_tunnel>([&](auto **made, auto **error) {
        return acclient_client_reverse_tunnel_open(get(), wanted.get(), limit.c_milliseconds(),
                                                   limit.c_token(), made, error);
    });
}

inline result<void> client::try_reverse_tunnel_close(const tunnel &opened,
                                                     const time_limit &limit) const {
    if (const auto checked = opened.check(); !checked) {
        return checked.error();
    }
    return detail::done([&](auto **error) {
        return acclient_client_reverse_tunnel_close(get(), opened.get(), limit.c_milliseconds(),
                                                    limit.c_token(), error);
    });
}

inline result<answer> client::try_reverse_tunnel_list(const time_limit &limit) const {
    return ask(acclient_client_reverse_tunnel_list, limit);
}

} // namespace acclient

#endif
