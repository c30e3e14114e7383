/// stage and progress: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_PROGRESS_HPP
#define ACCLIENT_PROGRESS_HPP

#include "error.hpp"

#include <map>

namespace acclient {

/// How far a command got. Later versions may add some: treat an unknown one as unknown.
enum class stage : std::int32_t {
    /// Not asked for yet.
    none = 0,
    /// In the queue: no controller has taken it. command::retract() takes it back.
    in_queue = ACCLIENT_STAGE_IN_QUEUE,
    /// Routed to the agent, which has not fetched it: it is away, or has enough to do.
    routed = ACCLIENT_STAGE_ROUTED,
    /// The agent runs it.
    running = ACCLIENT_STAGE_RUNNING,
    /// There is a result.
    done = ACCLIENT_STAGE_DONE,
    /// It was submitted, and nobody has it any more: a controller took it and ended before it was
    /// routed, or the job ended while the controller was down, which loses its result for good.
    lost = ACCLIENT_STAGE_LOST,
    /// Nothing is known of it, and it is not known whether it was ever submitted; or the agent that
    /// was running it does not answer.
    unknown = ACCLIENT_STAGE_UNKNOWN,
};

/// The name of a stage, like "in queue"; valid for ever.
inline std::string_view name(stage stage) noexcept {
    return acclient_stage_name(static_cast<std::int32_t>(stage));
}

/// How far a command got, as a whole and agent by agent. A value like any other.
struct progress {
    /// As long as no agent is known: in_queue, lost or unknown. Then that of the agent that is
    /// least far.
    acclient::stage stage = acclient::stage::none;
    /// Each agent that it went to. The agent 0:0, where no agent matched a target.
    std::map<agent_id, acclient::stage> agents;
};

namespace detail {

/// What a C handle tells, which is freed.
inline progress read_progress(acclient_progress *owned) {
    const handle<acclient_progress, acclient_progress_free> read(owned);
    progress progress;
    progress.stage = static_cast<stage>(acclient_progress_stage(owned));
    for (std::size_t i = 0; i < acclient_progress_count(owned); i++) {
        const agent_id agent{acclient_progress_gid(owned, i), acclient_progress_nid(owned, i)};
        progress.agents[agent] = static_cast<stage>(acclient_progress_stage_at(owned, i));
    }
    return progress;
}

} // namespace detail
} // namespace acclient

#endif
