/// acclient for C++17 and later: blocking client for AgentController8. Header-only layer over
/// acclient.h.
///
///     auto client = acclient::client::connect("redis://localhost");
///     auto job = client.execute(acclient::target::agent({1, 1}), "uname").arg("-a").run(10s);
///     std::cout << job.out();
///
/// Headers:
///
/// - acclient/error.hpp: errc, error, error_ref, agent_id, version()
/// - acclient/result.hpp: result
/// - acclient/time.hpp: timeout, cancel_token
/// - acclient/ranges.hpp: iterators of lists and streams
/// - acclient/answer.hpp: answer and its rows
/// - acclient/job.hpp: job, follower and message (the log of a job), msg_query
/// - acclient/command.hpp: command, results, job_list, command_list, outcomes, collected
/// - acclient/request.hpp: target, run_args, request
/// - acclient/rollout.hpp: rollout_plan, rollout
/// - acclient/progress.hpp: stage and progress of a command
/// - acclient/doctor.hpp: verdict, doctor_check, diagnosis
/// - acclient/options.hpp: options
/// - acclient/tunnel.hpp: tunnel, closed_tunnel
/// - acclient/client.hpp: client, statistics, process_query
/// - acclient/log.hpp: set_log_hook(), log_level
///
/// Conventions:
///
/// - Owners (client, job, command, ...) are movable but not copyable, and free what they own.
///   Default-constructed and moved-from owners are empty: they can be destroyed and assigned to,
///   accessors return nothing, and calls fail with errc::invalid_argument.
/// - Classes named ..._ref borrow. They are cheap to copy, and valid as long as the owner that
///   returned them. Owners convert to their reference. Every std::string_view is NUL-terminated and
///   valid as long as the owner of the object that returned it. References, views and iterators of
///   a temporary may be used within the full expression, as in
///   `client.bash(target, script).run(10s).out()`. Clang and MSVC warn if they outlive it;
///   functions for which they nearly always would are deleted for temporaries.
/// - Functions that can fail throw acclient::error. Each has a counterpart try_...() that returns a
///   result<T> instead; with -fno-exceptions only these are available. Allocation failures are not
///   covered.
/// - Objects that are built step by step (target, run_args, options, request, tunnel) keep their
///   first error. validate() and every call that takes the object report it; the call then sends
///   nothing.
/// - Functions that take a timeout block until the deadline at most, unless documented otherwise.
///   A timeout is a duration or timeout::none(), either with or_cancelled(token); the default is
///   10 s. Other functions do not block, except that destroying the last object that keeps a
///   client's connections open takes up to half a second.
/// - Arguments are copied. Text is UTF-8; names, ids and program arguments must not contain NULs,
///   data may.
/// - Threads may share a client, target, request, run_args, options, job, answer, error or
///   cancel_token and call its const functions. Commands (except for progress() and retract()),
///   results, rollouts and followers are for one thread at a time.
/// - Everything is in an inline namespace named after the version of the ABI: acclient::v0_1.
/// - The headers tolerate macros of Qt, X11, Windows and others. Define NCURSES_NOMACROS before
///   including curses.h, whose macros also break the standard library.
/// - For signals, forks and SIGPIPE see the top of acclient.h.
#ifndef ACCLIENT_HPP
#define ACCLIENT_HPP

#include "acclient/config.hpp"

// Below C++17, the #error of config.hpp is the only one.
#if ACCLIENT_CPLUSPLUS >= 201703L

#include "acclient/error.hpp"
#include "acclient/result.hpp"
#include "acclient/time.hpp"
#include "acclient/ranges.hpp"
#include "acclient/answer.hpp"
#include "acclient/job.hpp"
#include "acclient/command.hpp"
#include "acclient/rollout.hpp"
#include "acclient/request.hpp"
#include "acclient/progress.hpp"
#include "acclient/doctor.hpp"
#include "acclient/options.hpp"
#include "acclient/tunnel.hpp"
#include "acclient/client.hpp"
#include "acclient/log.hpp"

#endif
#endif
