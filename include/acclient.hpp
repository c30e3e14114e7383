/// acclient for C++17: a blocking client for AgentController8. Header only, over acclient.h.
///
///     acclient::client client = acclient::client::connect("redis://localhost");
///     acclient::job job = client.execute(acclient::target::agent(1, 1),
///     "uname").arg("-a").run(10s); std::cout << job.out();
///
/// Where things are:
///
/// - acclient/error.hpp: errc, error, error_ref, agent_id, result, version()
/// - acclient/time.hpp: time_limit, cancel_token
/// - acclient/answer.hpp: answer and its rows
/// - acclient/job.hpp: job, follower and message (the log of a job), msg_query
/// - acclient/command.hpp: command, results, job_list, command_list, outcomes, collected
/// - acclient/request.hpp: target, run_args, request
/// - acclient/rollout.hpp: rollout_plan, rollout
/// - acclient/progress.hpp: stage and progress of a command
/// - acclient/doctor.hpp: verdict, check, diagnosis
/// - acclient/options.hpp: options
/// - acclient/client.hpp: client, tunnel, process_query
///
/// What everything keeps to:
///
/// - Owners (client, job, command, ...) can be moved, not copied, and free what they own. A
///   default-constructed or moved-from one is empty: it can be destroyed and assigned to, its
///   accessors answer nothing, and its calls fail with errc::invalid_argument.
/// - The classes ..._ref are borrowed: cheap to copy, and valid until the owner that gave them is
///   gone. An owner converts to its ref. Every std::string_view is valid until the owner of what it
///   was asked of is gone, and is followed by a NUL.
/// - What can fail throws acclient::error, and has a twin try_...() that returns result<T> instead.
///   With -fno-exceptions there are the twins alone. Memory that cannot be had is not covered.
/// - What is built piece by piece (target, run_args, options, request, tunnel) never fails while it
///   is built: the first thing that is wrong is told by check(), and by the call it is used for,
///   which sends nothing then.
/// - Blocking calls take a time_limit: a duration, time_limit::forever(), and perhaps a
/// cancel_token.
///   They end when they say. Where it can be left out it is 10 s. Nothing else blocks, except that
///   closing the last of a client takes half a second at most.
/// - Text that goes in is UTF-8. Names, ids and arguments are refused if they hold a NUL; data may.
///   Everything is copied.
/// - A client, targets, requests, run arguments and options may be used by any number of threads,
///   and so may jobs, answers, errors and cancel tokens. Commands (but for their progress() and
///   retract()), results, rollouts and followers are for one thread at a time. (Building, moving
///   and destroying are for one thread, as ever.)
/// - Signals, forks, SIGPIPE: see the top of acclient.h.
#ifndef ACCLIENT_HPP
#define ACCLIENT_HPP

#include "acclient/error.hpp"
#include "acclient/time.hpp"
#include "acclient/answer.hpp"
#include "acclient/job.hpp"
#include "acclient/command.hpp"
#include "acclient/rollout.hpp"
#include "acclient/request.hpp"
#include "acclient/progress.hpp"
#include "acclient/doctor.hpp"
#include "acclient/options.hpp"
#include "acclient/client.hpp"

#endif
