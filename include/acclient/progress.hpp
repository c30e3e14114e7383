/// stage and progress: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_PROGRESS_HPP
#define ACCLIENT_PROGRESS_HPP

#include "error.hpp"

#include <map>

namespace acclient {
inline namespace v0_1 {

/// How far a command got. Later versions may add some: treat an unknown one as unknown.
enum class stage : std::int32_t {
    /// Not found out yet.
    none = 0,
    /// In the queue: no controller has taken it. command::retract() takes it back.
    in_queue = ACCLIENT_STAGE_IN_QUEUE,
    /// Routed to the agent, which has not fetched it: it is away or busy.
    routed = ACCLIENT_STAGE_ROUTED,
    /// Running on the agent.
    running = ACCLIENT_STAGE_RUNNING,
    /// There is a result.
    done = ACCLIENT_STAGE_DONE,
    /// It was submitted and is gone: a controller took it and ended before it was routed, or the
    /// job ended while the controller was down, which loses its result for good.
    lost = ACCLIENT_STAGE_LOST,
    /// Nothing is known of it, not even whether it was ever submitted; or the agent that was
    /// running it does not answer.
    unknown = ACCLIENT_STAGE_UNKNOWN,
};

/// Name of a stage, like "in queue"; "unknown stage" for any other number.
inline std::string_view to_string(stage stage) noexcept {
    return acclient_stage_name(static_cast<std::int32_t>(stage));
}

/// How far a command got, as a whole and on each agent. A plain value.
struct progress {
    /// While no agent is known: in_queue, lost or unknown; then the stage of the agent that is
    /// least far.
    acclient::stage stage = acclient::stage::none;
    /// The agents that the command went to; the agent 0:0, where no agent matched the target.
    std::map<agent_id, acclient::stage> agents;
};

namespace detail {

/// Reads and frees a C handle.
inline progress read_progress(acclient_progress *owned) {
    const handle<acclient_progress, acclient_progress_free> freed(owned);
    progress progress;
    progress.stage = static_cast<stage>(acclient_progress_stage(owned));
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
