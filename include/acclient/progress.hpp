/// stage and progress: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_PROGRESS_HPP
#define ACCLIENT_PROGRESS_HPP

#include "result.hpp"

#include <map>

namespace acclient {
inline namespace v0_1 {

/// How far a command got. Later versions may add some: treat an unknown one as unknown.
enum class stage : std::int32_t {
    /// Not found out yet.
    none = 0,
    /// In the queue: no controller has taken it. command::retract() takes it back.
    in_queue = ACCLIENT_STAGE_IN_QUEUE,
    /// Routed to the agent, which has not fetched it: the agent is down, stopped or full (100
    /// jobs).
    routed = ACCLIENT_STAGE_ROUTED,
    /// Running on the agent, waiting for its next run, or ending after a kill.
    running = ACCLIENT_STAGE_RUNNING,
    /// There is a result.
    done = ACCLIENT_STAGE_DONE,
    /// It was submitted and its result cannot come any more: a controller took it and ended before
    /// it was routed, the job ended while the controller was down, or the agent was restarted
    /// meanwhile.
    lost = ACCLIENT_STAGE_LOST,
    /// Nothing is known of it, not even whether it was ever submitted. Or no controller answers,
    /// which may have taken it from the queue. Or the agent has fetched it and does not answer: it
    /// is down, stopped or full (100 jobs), or Redis refuses writes. Or the agent does not run it,
    /// and the handle does not tell whether it waits in a queue of the agent: a handle by id alone
    /// does not.
    unknown = ACCLIENT_STAGE_UNKNOWN,
    /// Fetched by the agent, where it waits behind another job of the same queue; see
    /// run_args::queue(). No kill reaches it there, and it is lost if the agent dies. Comes between
    /// routed and running.
    queued_on_agent = ACCLIENT_STAGE_QUEUED_ON_AGENT,
};

/// Name of a stage, like "in queue"; "unknown stage" for any other number.
inline std::string_view to_string(stage stage) noexcept {
    return acclient_stage_name(static_cast<std::int32_t>(stage));
}

/// How far a command got, as a whole and on each agent. A plain value.
struct progress {
    /// While no agent is known: in_queue, lost or unknown; then the stage of the agent that is
    /// least far. Where a controller ended, or is slow, before it had routed the command to all
    /// agents with its roles, lost or unknown of the rest counts too.
    acclient::stage stage = acclient::stage::none;
    /// The agents that the command went to. Agents of a list that the controller does not know are
    /// left out.
    std::map<agent_id, acclient::stage> agents;
    /// Whether Redis has lost its data since it confirmed the command. The command may still run:
    /// agents that the target names are asked, any other stage is stage::unknown. Always false if
    /// the user may not run INFO server, and for a command that was found by its id or handle
    /// string.
    bool redis_lost_data = false;
};

namespace detail {

/// Reads and frees a C handle.
inline progress read_progress(acclient_progress *owned) {
    const handle<acclient_progress, acclient_progress_free> freed(owned);
    progress progress;
    progress.stage = static_cast<stage>(acclient_progress_stage(owned));
    progress.redis_lost_data = acclient_progress_redis_lost_data(owned);
    for (std::size_t i = 0; i < acclient_progress_count(owned); i++) {
        agent_id agent;
        acclient_progress_agent(owned, i, &agent.gid, &agent.nid);
        progress.agents[agent] = static_cast<stage>(acclient_progress_stage_at(owned, i));
    }
    return progress;
}

} // namespace detail
} // namespace v0_1
} // namespace acclient

#endif
