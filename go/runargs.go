package acclient

// #include <acclient.h>
import "C"

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Levels say which levels of output are meant: "*", or numbers and ranges like "1,2,6-9".
type Levels string

// LevelsOfAgent leaves the choice of levels to the agent.
const LevelsOfAgent Levels = "agent"

// RunArgs are run arguments: how an agent runs a job. What is zero is not set.
type RunArgs struct {
	// Domain is a label by which processes and scripts are grouped.
	Domain string
	// Name is a label too, except for "execute" and "jumpscript", which set it themselves.
	Name string
	// LogLevels are the levels of output that the agent logs. Default: "*".
	LogLevels Levels
	// LogLevelsDB are those that it keeps where messages are asked for.
	LogLevelsDB Levels
	// LogLevelsAC are those that it sends to the controller.
	LogLevelsAC Levels
	// Queue: jobs of one queue name run one after another on an agent.
	Queue string
	// WorkingDir is the directory to run in. Default: the agent's own.
	WorkingDir string
	// MaxTime is how long the job may run, in whole seconds, before the agent kills it and reports
	// TIMEOUT. -1 second: no limit, and run again when the agent restarts.
	MaxTime time.Duration
	// MaxRestart is how many times the agent starts the job again when it fails.
	MaxRestart int
	// RecurringPeriod runs the job again after each, in whole seconds, until it is killed; it has no
	// result until then.
	RecurringPeriod time.Duration
	// StatsInterval is how often the agent measures the job, in whole milliseconds.
	StatsInterval time.Duration
	// Args are arguments of the program. [Client.Execute] takes them too.
	Args []string
	// Env are variables of the environment of the job, which holds little else: no PATH.
	Env map[string]string
}

// Merge gives these arguments, with all that other sets in their place. Lists are replaced as a whole.
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

// JSON gives the arguments as they go over the wire, with others merged into them.
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
		err = plain(func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_run_args_merge(ptr, from, raw)
		})
		free()
		if err != nil {
			return nil, err
		}
	}
	var answer *C.acclient_answer
	if err := plain(func(raw **C.acclient_error) C.acclient_status {
		return C.acclient_run_args_to_json(ptr, &answer, raw)
	}); err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_answer_free(answer) })()
	return answerJSON(answer), nil
}

func (a RunArgs) isZero() bool { return reflect.ValueOf(a).IsZero() }

func (a RunArgs) build() (ptr *C.acclient_run_args, free func(), err error) {
	if a.MaxTime%time.Second != 0 || a.RecurringPeriod%time.Second != 0 || a.StatsInterval%time.Millisecond != 0 {
		return nil, nil, &Error{
			Code:    ErrInvalidArgument,
			Message: "MaxTime and RecurringPeriod are whole seconds, StatsInterval is whole milliseconds",
		}
	}
	if err := plain(func(raw **C.acclient_error) C.acclient_status {
		return C.acclient_run_args_new(&ptr, raw)
	}); err != nil {
		return nil, nil, err
	}
	free = own(func() { C.acclient_run_args_free(ptr) })
	if err := a.set(ptr); err != nil {
		free()
		return nil, nil, err
	}
	return ptr, free, nil
}

func (a RunArgs) set(ptr *C.acclient_run_args) error {
	var lent lent
	defer lent.free()
	var err error
	// A first error is kept; what follows it is not done.
	apply := func(is bool, f func(raw **C.acclient_error) C.acclient_status) {
		if is && err == nil {
			err = plain(f)
		}
		if err == nil {
			err = lent.err
		}
	}
	type status = C.acclient_status
	type raw = **C.acclient_error
	apply(a.Domain != "", func(raw raw) status {
		return C.acclient_run_args_set_domain(ptr, lent.name("the domain", a.Domain), raw)
	})
	apply(a.Name != "", func(raw raw) status {
		return C.acclient_run_args_set_name(ptr, lent.name("the name", a.Name), raw)
	})
	apply(a.LogLevels != "", func(raw raw) status {
		return C.acclient_run_args_set_loglevels(ptr, lent.levels(a.LogLevels), raw)
	})
	apply(a.LogLevelsDB != "", func(raw raw) status {
		return C.acclient_run_args_set_loglevels_db(ptr, lent.levels(a.LogLevelsDB), raw)
	})
	apply(a.LogLevelsAC != "", func(raw raw) status {
		return C.acclient_run_args_set_loglevels_ac(ptr, lent.levels(a.LogLevelsAC), raw)
	})
	apply(a.Queue != "", func(raw raw) status {
		return C.acclient_run_args_set_queue(ptr, lent.name("the queue", a.Queue), raw)
	})
	apply(a.WorkingDir != "", func(raw raw) status {
		return C.acclient_run_args_set_working_dir(ptr, lent.name("the directory", a.WorkingDir), raw)
	})
	apply(a.MaxTime != 0, func(raw raw) status {
		return C.acclient_run_args_set_max_time(ptr, C.int64_t(a.MaxTime/time.Second), raw)
	})
	apply(a.MaxRestart != 0, func(raw raw) status {
		return C.acclient_run_args_set_max_restart(ptr, C.int64_t(a.MaxRestart), raw)
	})
	apply(a.RecurringPeriod != 0, func(raw raw) status {
		return C.acclient_run_args_set_recurring_period(ptr, C.int64_t(a.RecurringPeriod/time.Second), raw)
	})
	apply(a.StatsInterval != 0, func(raw raw) status {
		return C.acclient_run_args_set_stats_interval(ptr, C.int64_t(a.StatsInterval/time.Millisecond), raw)
	})
	for _, arg := range a.Args {
		apply(true, func(raw raw) status {
			return C.acclient_run_args_add_arg(ptr, lent.name("an argument", arg), raw)
		})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		apply(true, func(raw raw) status {
			return C.acclient_run_args_add_env(ptr, lent.name("a variable's name", name),
				lent.name("a variable", a.Env[name]), raw)
		})
	}
	return err
}

func (l *lent) levels(levels Levels) *C.char {
	if levels == LevelsOfAgent {
		levels = ""
	}
	return l.name("the levels", string(levels))
}
