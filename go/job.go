package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
	"time"
)

// States of a job that agents are known to write.
const (
	StateSuccess        = "SUCCESS"
	StateError          = "ERROR"
	StateTimeout        = "TIMEOUT"
	StateKilled         = "KILLED"
	StateUnknownCommand = "UNKNOWN_CMD"
	StateRunning        = "RUNNING"
)

// Job is the result of a command on one agent. It is plain Go; its methods query the server or the agent.
type Job struct {
	// ID is the id of the command.
	ID string
	// Agent is the agent that ran it; the zero AgentID is the controller itself.
	Agent AgentID
	// State is one of the constants, or another string written by the agent.
	State string
	// Cmd is the name of the command; empty until the job has ended.
	Cmd string
	// Args are the run arguments as the agent decoded them; null until the job has ended.
	Args json.RawMessage
	// Data is the result data: the last message of level 20 to 23 or 30 that the job printed, the reason why a
	// program could not be started, or the reply of a built-in command. It may contain NULs. Agents do not report
	// the exit status of a program.
	Data string
	// Level is the level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
	Level int
	// Stdout is the standard output: the last 1000 lines that have no message level. It may contain NULs.
	Stdout string
	// Stderr is the standard error, in the same form.
	Stderr string
	// Critical is the last message of level 9.
	Critical string
	// Tags are the tags that the command was sent with.
	Tags string
	// StartTime is the start time, by the clock of the agent; zero if the job did not start.
	StartTime time.Time
	// Time is the run time.
	Time time.Duration
	// Raw is the whole result document, including fields that this version does not know. It is the original, byte
	// for byte, if that differs from the other fields: numbers not written in digits, fields of the wrong type,
	// duplicate names or names in another case, and invalid text (bytes that are not UTF-8, lone surrogates), which
	// the other fields have as U+FFFD.
	Raw json.RawMessage
	// DroppedFields are the names of the fields that could not be read, or only in part: of the wrong type, out of
	// range, or nested deeper than 32 levels. A dropped field counts as absent. Only a state is required. Integers
	// may be written in any form (1795521098681.0, 1e3, "12"); fractions are truncated.
	DroppedFields []string

	client  *Client
	success bool
}

// IsSuccess reports whether the job ended in the state SUCCESS.
func (j *Job) IsSuccess() bool { return j != nil && j.success }

// takeJob copies a job and frees it.
func takeJob(c *Client, ptr *C.acclient_job) *Job {
	defer own(func() { C.acclient_job_free(ptr) })()
	return copyJob(c, ptr)
}

// copyJob copies a job that remains owned by C; nil for NULL.
func copyJob(c *Client, ptr *C.acclient_job) *Job {
	if ptr == nil {
		return nil
	}
	var length C.size_t
	text := func(text *C.char) string { return copied(text, length) }
	job := &Job{
		client:  c,
		Agent:   agentOfJob(ptr),
		Level:   int(C.acclient_job_level(ptr)),
		Time:    time.Duration(C.acclient_job_time_ms(ptr)) * time.Millisecond,
		success: bool(C.acclient_job_is_success(ptr)),
	}
	job.ID = text(C.acclient_job_id(ptr, &length))
	job.State = text(C.acclient_job_state(ptr, &length))
	job.Cmd = text(C.acclient_job_cmd(ptr, &length))
	job.Args = json.RawMessage(text(C.acclient_job_args(ptr, &length)))
	job.Data = text(C.acclient_job_data(ptr, &length))
	job.Stdout = text(C.acclient_job_stdout(ptr, &length))
	job.Stderr = text(C.acclient_job_stderr(ptr, &length))
	job.Critical = text(C.acclient_job_critical(ptr, &length))
	job.Tags = text(C.acclient_job_tags(ptr, &length))
	if raw := C.acclient_job_raw(ptr, &length); raw != nil {
		job.Raw = json.RawMessage(text(raw))
	} else {
		job.Raw = json.RawMessage(text(C.acclient_job_dump(ptr, &length)))
	}
	for index := range int(C.acclient_job_dropped_fields_count(ptr)) {
		name := C.acclient_job_dropped_fields_at(ptr, C.size_t(index), &length)
		job.DroppedFields = append(job.DroppedFields, text(name))
	}
	if started := int64(C.acclient_job_starttime_ms(ptr)); started != 0 {
		job.StartTime = time.UnixMilli(started)
	}
	return job
}

// agentOfJob returns the numbers of the agent, or those of the controller if it answered itself.
func agentOfJob(ptr *C.acclient_job) AgentID {
	agent, _ := agentOf(func(gid, nid *C.int64_t) C.bool { return C.acclient_job_agent(ptr, gid, nid) })
	return agent
}

// with looks up the job in C, in its current state, and calls f with it.
func (j *Job) with(ctx context.Context, f func(ptr *C.acclient_job, call *call, raw errorOut) status) error {
	if j == nil || j.client == nil {
		return errInvalid("nil or zero Job: expected a result of a command")
	}
	var args arguments
	defer args.free()
	id := args.text("id", j.ID)
	if args.err != nil {
		return args.err
	}
	return j.client.do(ctx, func(call *call, raw errorOut) status {
		var command *C.acclient_command
		if code := C.acclient_client_get_by_id(call.client, id, &command, raw); code != C.ACCLIENT_OK {
			return code
		}
		defer own(func() { C.acclient_command_free(command) })()
		var job *C.acclient_job
		gid, nid := C.int64_t(j.Agent.GID), C.int64_t(j.Agent.NID)
		code := C.acclient_command_job(command, gid, nid, call.ms(), call.cancel, &job, raw)
		if code != C.ACCLIENT_OK {
			return code
		}
		defer own(func() { C.acclient_job_free(job) })()
		return f(job, call, raw)
	})
}

// again makes a call that reads the job into a new one.
func (j *Job) again(
	ctx context.Context, f func(ptr *C.acclient_job, call *call, job **C.acclient_job, raw errorOut) status,
) (*Job, error) {
	var job *C.acclient_job
	if err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw errorOut) status {
		return f(ptr, call, &job, raw)
	}); err != nil {
		return nil, err
	}
	return takeJob(j.client, job), nil
}

// Refresh reads the current state of the job into a new Job.
func (j *Job) Refresh(ctx context.Context) (*Job, error) {
	return j.again(ctx, func(ptr *C.acclient_job, call *call, job **C.acclient_job, raw errorOut) status {
		return C.acclient_job_refresh(ptr, call.ms(), call.cancel, job, raw)
	})
}

// Wait waits until the job has ended and reads its result into a new Job. It returns at once if the job has already
// ended.
func (j *Job) Wait(ctx context.Context) (*Job, error) {
	return j.again(wait(ctx), func(ptr *C.acclient_job, call *call, job **C.acclient_job, raw errorOut) status {
		return C.acclient_job_wait(ptr, call.ms(), call.cancel, job, raw)
	})
}

// Kill kills the job: the agent sends SIGKILL to the process that it started; see [Command.Kill] for the limits of
// a kill. It returns [KillEnded] once the result is available, also if the job had ended before, or [KillOrdered]
// if a process still holds the job's output a second after the kill. It returns [ErrNotRunning] if the agent does
// not run the job.
func (j *Job) Kill(ctx context.Context) (KillResult, error) {
	var kill C.int32_t
	err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw errorOut) status {
		return C.acclient_job_kill(ptr, call.ms(), call.cancel, &kill, raw)
	})
	return KillResult(kill), err
}

// Stats reads the resource usage of the running job, and returns [ErrJobFailed] if the job is not running.
func (j *Job) Stats(ctx context.Context) (*ProcessStats, error) {
	var answer *C.acclient_answer
	if err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw errorOut) status {
		return C.acclient_job_get_stats(ptr, call.ms(), call.cancel, &answer, raw)
	}); err != nil {
		return nil, err
	}
	return takeAnswer(answer, readStats)
}

// Msgs reads the log of the job, newest first.
func (j *Job) Msgs(ctx context.Context, query MsgQuery) ([]Message, error) {
	asked, free, err := query.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var answer *C.acclient_answer
	if err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw errorOut) status {
		return C.acclient_job_get_msgs(ptr, asked, call.ms(), call.cancel, &answer, raw)
	}); err != nil {
		return nil, err
	}
	return takeAnswer(answer, readMessages)
}
