/// stage and progress: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_PROGRESS_HPP
#define ACCLIENT_PROGRESS_HPP

#include "result.hpp"

#include <map>

namespace acclient {
inline namespace v0_1 {

/// Stage of a command. Later versions may add more; treat an unknown one as unknown.
enum class stage : std::int32_t {
    /// Not determined.
    none = 0,
    /// In the queue; no controller has taken it. command::retract() can remove it.
    in_queue = ACCLIENT_STAGE_IN_QUEUE,
    /// Routed to the agent but not fetched by it: the agent is down, stopped or full (100 jobs).
    routed = ACCLIENT_STAGE_ROUTED,
    /// Running on the agent, waiting for its next run, or ending after a kill.
    running = ACCLIENT_STAGE_RUNNING,
    /// Completed; the result is available.
    done = ACCLIENT_STAGE_DONE,
    /// Submitted, but no result can follow: a controller took the command and exited before routing
    /// it, the job ended while the controller was down, or the agent has restarted since.
    lost = ACCLIENT_STAGE_LOST,
    /// Unknown, for one of these reasons. Redis has no trace of the command, which may never have
    /// been submitted. The controller that may have taken it from the queue does not answer. The
    /// agent that fetched it does not answer: it is down, stopped or full (100 jobs), or Redis
    /// refuses writes. Or the agent does not run it, and the handle (by id alone) does not tell
    /// whether it waits in a queue of the agent.
    unknown = ACCLIENT_STAGE_UNKNOWN,
    /// Fetched by the agent and waiting behind another job of the same queue; see
    /// run_args::queue(). A kill does not reach it, and it is lost if the agent dies. Comes between
    /// routed and running.
    queued_on_agent = ACCLIENT_STAGE_QUEUED_ON_AGENT,
};

/// Returns the name of a stage, like "in queue"; "unknown stage" for any other number.
inline std::string_view to_string(stage stage) noexcept {
    return acclient_stage_name(static_cast<std::int32_t>(stage));
}

/// Progress of a command, as a whole and on each agent. A plain value.
struct progress {
    /// The stage of the command as a whole. While no agent is known it is in_queue, lost or
    /// unknown; otherwise it is the earliest stage of any agent. If a controller exited or is slow
    /// before it has routed the command to all agents with its roles, the stage of the rest (lost
    /// or unknown) counts too.
    acclient::stage stage = acclient::stage::none;
    /// The stage of each agent that the command went to. Listed agents that the controller does not
    /// know are omitted.
    std::map<agent_id, acclient::stage> agents;
    /// Whether Redis has lost its data since it confirmed the command. The command may still run:
    /// agents named by the target are asked, and any other stage is stage::unknown. Always false if
    /// the user may not run INFO server, and for a command looked up by its id or handle string.
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
