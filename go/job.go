package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
	"time"
)

// The states of a job that agents are known to write.
const (
	StateSuccess        = "SUCCESS"
	StateError          = "ERROR"
	StateTimeout        = "TIMEOUT"
	StateKilled         = "KILLED"
	StateUnknownCommand = "UNKNOWN_CMD"
	StateRunning        = "RUNNING"
)

// Job is what one agent has said of a command: its result. It is plain Go; its methods ask the server
// or the agent anew.
type Job struct {
	// ID is the id of the command.
	ID string
	// Agent is who ran it; the zero AgentID is the controller itself.
	Agent AgentID
	// State is one of the constants, or another word that the agent wrote.
	State string
	// Cmd is the name of the command. Empty before the job has ended.
	Cmd string
	// Args are the run arguments as the agent understood them; null before the job has ended.
	Args json.RawMessage
	// Data is the result proper: the last message of level 20 to 23 or 30 that the job printed, or
	// what an agent's own command answered. It may hold NULs.
	Data string
	// Level is the level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
	Level int
	// Stdout is the last 1000 lines that it wrote to stdout. It may hold NULs.
	Stdout string
	// Stderr is the last 1000 lines that it wrote to stderr. It may hold NULs.
	Stderr string
	// Critical is its last message of level 9.
	Critical string
	// Tags are the tags that the command was sent with.
	Tags string
	// Start is when it started, by the clock of the agent; zero where it did not.
	Start time.Time
	// Time is how long it ran.
	Time time.Duration
	// Raw is the whole document, with fields that this version does not know. Where it held something
	// that is no text (bytes that are no UTF-8, half of a surrogate pair), Raw is byte for byte what
	// Redis has, and the other fields have U+FFFD in its place.
	Raw json.RawMessage

	client  *Client
	success bool
}

// IsSuccess tells whether it ended with SUCCESS.
func (j *Job) IsSuccess() bool { return j.success }

// takeJob copies a job and frees it.
func takeJob(c *Client, ptr *C.acclient_job) *Job {
	defer own(func() { C.acclient_job_free(ptr) })()
	return copyJob(c, ptr)
}

// copyJob copies a job that stays with C; nil for NULL.
func copyJob(c *Client, ptr *C.acclient_job) *Job {
	if ptr == nil {
		return nil
	}
	var length C.size_t
	text := func(text *C.char) string { return copied(text, length) }
	job := &Job{
		client:  c,
		Agent:   AgentID{int64(C.acclient_job_gid(ptr)), int64(C.acclient_job_nid(ptr))},
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
	if started := int64(C.acclient_job_starttime_ms(ptr)); started != 0 {
		job.Start = time.UnixMilli(started)
	}
	return job
}

// with finds the job again in C, as it stands now, and calls f with it.
func (j *Job) with(
	ctx context.Context,
	f func(ptr *C.acclient_job, call *call, raw **C.acclient_error) C.acclient_status,
) error {
	var lent lent
	defer lent.free()
	id := lent.name("the id", j.ID)
	if lent.err != nil {
		return lent.err
	}
	found := false
	err := j.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		var command *C.acclient_command
		if status := C.acclient_client_command(call.client, id, &command, raw); status != C.ACCLIENT_OK {
			return status
		}
		defer own(func() { C.acclient_command_free(command) })()
		var jobs *C.acclient_jobs
		status := C.acclient_command_jobs(command, call.ms(), call.cancel, &jobs, raw)
		if status != C.ACCLIENT_OK {
			return status
		}
		defer own(func() { C.acclient_jobs_free(jobs) })()
		for index := range C.acclient_jobs_count(jobs) {
			ptr := C.acclient_jobs_at(jobs, index)
			agent := AgentID{int64(C.acclient_job_gid(ptr)), int64(C.acclient_job_nid(ptr))}
			if agent == j.Agent {
				found = true
				return f(ptr, call, raw)
			}
		}
		return C.ACCLIENT_OK
	})
	if err == nil && !found {
		err = &Error{Code: ErrProtocol, Message: "the job " + j.ID + " of " + j.Agent.String() + " is gone"}
	}
	return err
}

// Refresh reads again how the job stands, as a job of its own.
func (j *Job) Refresh(ctx context.Context) (*Job, error) {
	var job *C.acclient_job
	err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_job_refresh(ptr, call.ms(), call.cancel, &job, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeJob(j.client, job), nil
}

// Wait waits until the job is over, and reads its result as a job of its own. It returns at once where
// it is over already.
func (j *Job) Wait(ctx context.Context) (*Job, error) {
	var job *C.acclient_job
	err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_job_wait(ptr, call.ms(), call.cancel, &job, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeJob(j.client, job), nil
}

// Kill kills the job, with all its processes, and returns once its agent has taken the order; its
// result, usually KILLED, follows.
func (j *Job) Kill(ctx context.Context) error {
	return j.with(ctx, func(ptr *C.acclient_job, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_job_kill(ptr, call.ms(), call.cancel, raw)
	})
}

// Stats tells what the running job uses at this moment. [ErrJobFailed] where it does not run any more,
// or not yet.
func (j *Job) Stats(ctx context.Context) (*ProcessStats, error) {
	var answer *C.acclient_answer
	err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_job_get_stats(ptr, call.ms(), call.cancel, &answer, raw)
	})
	if err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_answer_free(answer) })()
	return readStats(answer)
}

// Msgs gives what the job has logged, newest first.
func (j *Job) Msgs(ctx context.Context, query MsgQuery) ([]Message, error) {
	var lent lent
	defer lent.free()
	asked := query.lend(&lent)
	if lent.err != nil {
		return nil, lent.err
	}
	var answer *C.acclient_answer
	err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_job_get_msgs(ptr, asked.levels, asked.limit, asked.from, asked.to, call.ms(),
			call.cancel, &answer, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeMessages(answer), nil
}
