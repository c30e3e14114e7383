package acclient

// #include "acclient.h"
import "C"

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// Levels are output levels: "*", or numbers and ranges like "1,2,6-9".
type Levels string

// LevelsOfAgent leaves the choice of levels to the agent.
const LevelsOfAgent Levels = "agent"

// RunArgs are run arguments: how an agent runs a job. The zero value of a field leaves it unset.
type RunArgs struct {
	// Domain is a label that groups jobs and jumpscripts.
	Domain string
	// Name is a label too, except for "execute" and "jumpscript", which set it themselves.
	Name string
	// LogLevels are the output levels that the agent logs. Default: "*".
	LogLevels Levels
	// LogLevelsDB are the logged levels that the agent stores for message requests.
	LogLevelsDB Levels
	// LogLevelsAC are the logged levels that the agent sends to the controller.
	LogLevelsAC Levels
	// Queue is the queue on the agent: jobs with the same queue name run one after another on an agent. Default: no
	// queue; the job starts at once.
	//
	// Redis shows a job that waits in a queue as [StateRunning]. The agent does not list it among its jobs, a kill
	// does not reach it ([ErrNotRunning]), and it is lost if the agent dies. [Command.Progress] reports
	// [StageQueuedOnAgent]. Jobs run in the order of submission only if the agent keeps up: commands that it has
	// not fetched may overtake each other. A command that the agent refuses (UNKNOWN_CMD, DUPILICATE_ID) blocks its
	// queue until the agent restarts.
	Queue string
	// WorkingDir is the working directory. Default: the agent's.
	WorkingDir string
	// MaxTime is the maximum run time in whole seconds, after which the agent kills the process that it started and
	// reports TIMEOUT. Default: no limit. The limit reaches as far as [Command.Kill]: children of the process
	// continue to run, a script of [Client.Bash] runs to its end, and TIMEOUT is reported when the last of them has
	// closed the job's output. [Request.Killable] makes the limit reach the script.
	//
	// -1 second is no limit and requests that the job be run again when the agent restarts, which the original
	// agents never do.
	MaxTime time.Duration
	// MaxRestart is the maximum number of runs of a job that fails, including the first: 2 allows one retry, 1
	// none. Runs are 1 s apart; the result is that of the last. Default: 0, one run.
	MaxRestart int
	// RecurringPeriod is the period, in whole seconds, with which the job runs until it is killed. It has no result
	// until then.
	RecurringPeriod time.Duration
	// StatsInterval is the interval, in whole milliseconds, at which the agent measures the job.
	StatsInterval time.Duration
	// Args are program arguments; [Client.Execute] takes them too.
	Args []string
	// Env are environment variables of the job, whose environment is otherwise small: it has no PATH.
	Env map[string]string
}

// Merge returns these arguments with everything that other sets. Args and Env are replaced as a whole.
func (a RunArgs) Merge(other RunArgs) RunArgs {
	merged := RunArgs{
		Domain:          cmp.Or(other.Domain, a.Domain),
		Name:            cmp.Or(other.Name, a.Name),
		LogLevels:       cmp.Or(other.LogLevels, a.LogLevels),
		LogLevelsDB:     cmp.Or(other.LogLevelsDB, a.LogLevelsDB),
		LogLevelsAC:     cmp.Or(other.LogLevelsAC, a.LogLevelsAC),
		Queue:           cmp.Or(other.Queue, a.Queue),
		WorkingDir:      cmp.Or(other.WorkingDir, a.WorkingDir),
		MaxTime:         cmp.Or(other.MaxTime, a.MaxTime),
		MaxRestart:      cmp.Or(other.MaxRestart, a.MaxRestart),
		RecurringPeriod: cmp.Or(other.RecurringPeriod, a.RecurringPeriod),
		StatsInterval:   cmp.Or(other.StatsInterval, a.StatsInterval),
		Args:            slices.Clone(a.Args),
		Env:             maps.Clone(a.Env),
	}
	if len(other.Args) > 0 {
		merged.Args = slices.Clone(other.Args)
	}
	if len(other.Env) > 0 {
		merged.Env = maps.Clone(other.Env)
	}
	return merged
}

// JSON returns the arguments as they are sent, with others merged into them.
func (a RunArgs) JSON(others ...RunArgs) (json.RawMessage, error) {
	ptr, free, err := a.build()
	if err != nil {
		return nil, err
	}
	defer free()
	for _, other := range others {
		from, free, err := other.build()
		if err != nil {
			return nil, err
		}
		err = plain(func(raw errorOut) status { return C.acclient_run_args_merge(ptr, from, raw) })
		free()
		if err != nil {
			return nil, err
		}
	}
	var answer *C.acclient_answer
	if err := plain(func(raw errorOut) status {
		return C.acclient_run_args_to_json(ptr, &answer, raw)
	}); err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_answer_free(answer) })()
	return answerJSON(answer), nil
}

func (a RunArgs) isZero() bool { return reflect.ValueOf(a).IsZero() }

func (a RunArgs) build() (*C.acclient_run_args, func(), error) {
	for _, whole := range []struct {
		field       string
		value, unit time.Duration
	}{
		{"MaxTime", a.MaxTime, time.Second},
		{"RecurringPeriod", a.RecurringPeriod, time.Second},
		{"StatsInterval", a.StatsInterval, time.Millisecond},
	} {
		if whole.value%whole.unit != 0 {
			return nil, nil, errInvalid(fmt.Sprintf("invalid %s %v: expected a multiple of %v",
				whole.field, whole.value, whole.unit))
		}
	}
	return build(
		func(ptr **C.acclient_run_args, raw errorOut) status { return C.acclient_run_args_new(ptr, raw) },
		func(ptr *C.acclient_run_args) { C.acclient_run_args_free(ptr) },
		a.set)
}

func (a RunArgs) set(args *arguments, ptr *C.acclient_run_args) {
	args.set("domain", a.Domain, func(domain *C.char, raw errorOut) status {
		return C.acclient_run_args_set_domain(ptr, domain, raw)
	})
	args.set("name", a.Name, func(name *C.char, raw errorOut) status {
		return C.acclient_run_args_set_name(ptr, name, raw)
	})
	args.levels("loglevels", a.LogLevels, func(levels *C.char, raw errorOut) status {
		return C.acclient_run_args_set_loglevels(ptr, levels, raw)
	})
	args.levels("loglevels_db", a.LogLevelsDB, func(levels *C.char, raw errorOut) status {
		return C.acclient_run_args_set_loglevels_db(ptr, levels, raw)
	})
	args.levels("loglevels_ac", a.LogLevelsAC, func(levels *C.char, raw errorOut) status {
		return C.acclient_run_args_set_loglevels_ac(ptr, levels, raw)
	})
	args.set("queue", a.Queue, func(queue *C.char, raw errorOut) status {
		return C.acclient_run_args_set_queue(ptr, queue, raw)
	})
	args.set("working_dir", a.WorkingDir, func(directory *C.char, raw errorOut) status {
		return C.acclient_run_args_set_working_dir(ptr, directory, raw)
	})
	args.number(int64(a.MaxTime/time.Second), func(seconds C.int64_t, raw errorOut) status {
		return C.acclient_run_args_set_max_time(ptr, seconds, raw)
	})
	args.number(int64(a.MaxRestart), func(times C.int64_t, raw errorOut) status {
		return C.acclient_run_args_set_max_restart(ptr, times, raw)
	})
	args.number(int64(a.RecurringPeriod/time.Second), func(seconds C.int64_t, raw errorOut) status {
		return C.acclient_run_args_set_recurring_period(ptr, seconds, raw)
	})
	args.number(a.StatsInterval.Milliseconds(), func(milliseconds C.int64_t, raw errorOut) status {
		return C.acclient_run_args_set_stats_interval(ptr, milliseconds, raw)
	})
	for _, arg := range a.Args {
		args.add("argument", arg, func(arg *C.char, raw errorOut) status {
			return C.acclient_run_args_add_arg(ptr, arg, raw)
		})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		value := args.text("environment variable "+strconv.Quote(name), a.Env[name])
		args.add("environment variable", name, func(name *C.char, raw errorOut) status {
			return C.acclient_run_args_add_env(ptr, name, value, raw)
		})
	}
}

// levels makes a call with levels, unless they are unset.
func (a *arguments) levels(what string, levels Levels, f func(levels *C.char, raw errorOut) status) {
	switch levels {
	case "":
	case LevelsOfAgent:
		a.add(what, "", f)
	default:
		a.add(what, string(levels), f)
	}
}
