/// acclient for C++17 and later: a blocking client for AgentController8. Header-only, over
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
/// - Owners (client, job, command, ...) can be moved, not copied, and free what they own. A
///   default-constructed or moved-from one is empty: it can be destroyed and assigned to, its
///   accessors return nothing, and its calls fail with errc::invalid_argument.
/// - Classes named ..._ref borrow: they are cheap to copy, and valid as long as the owner that
///   returned them. An owner converts to its reference. Every std::string_view is valid as long as
///   the owner of the object that returned it, and is followed by a NUL. References, views and
///   iterators may be used on a temporary within the full expression, as in
///   `client.bash(target, script).run(10s).out()`; Clang and MSVC warn where they outlive it, and
///   where that would nearly always be so the function is deleted for temporaries.
/// - A function that can fail throws acclient::error, and has a twin try_...() that returns a
///   result<T> instead. With -fno-exceptions there are only the twins. Allocation failures are not
///   covered.
/// - Objects that are built step by step (target, run_args, options, request, tunnel) keep their
///   first error. validate() reports it, and so does every call that takes the object; such a call
///   sends nothing.
/// - Functions that take a timeout block, at most until the deadline, unless they say otherwise: a
///   duration, timeout::none(), either with or_cancelled(token). The default is 10 s. No other
///   function blocks, except that destroying the last object that keeps the connections of a client
///   alive takes up to half a second.
/// - Text that is passed in is UTF-8. Names, ids and arguments must not contain NULs; data may.
///   Everything is copied.
/// - Any number of threads may call const functions of a client, target, request, run_args,
///   options, job, answer, error or cancel_token at a time. Commands (except for progress() and
///   retract()), results, rollouts and followers are for one thread at a time.
/// - Everything is in an inline namespace named after the version of the ABI: acclient::v0_1.
/// - Macros of Qt, X11, Windows and others do not disturb these headers. Those of curses.h do, and
///   the standard library too: define NCURSES_NOMACROS before it.
/// - Signals, forks, SIGPIPE: see the top of acclient.h.
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
