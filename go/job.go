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

// Job is the result of a command on one agent. It is plain Go; its methods ask the server or the agent anew.
type Job struct {
	// ID is the id of the command.
	ID string
	// Agent is the agent that ran it; the zero AgentID is the controller itself.
	Agent AgentID
	// State is one of the constants, or another word that the agent wrote.
	State string
	// Cmd is the name of the command. Empty before the job has ended.
	Cmd string
	// Args are the run arguments as the agent decoded them; null before the job has ended.
	Args json.RawMessage
	// Data is the result data: the last message of level 20 to 23 or 30 that the job printed, or why a program
	// could not be started (the exit status of a program is not reported), or the answer of a
	// built-in command of the agent. It may contain NULs.
	Data string
	// Level is the level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
	Level int
	// Stdout is standard output: the last 1000 lines without a level of their own. It may contain NULs.
	Stdout string
	// Stderr is standard error, in the same form.
	Stderr string
	// Critical is the last message of level 9.
	Critical string
	// Tags are the tags that the command was sent with.
	Tags string
	// StartTime is the start time, by the clock of the agent; zero where the job did not start.
	StartTime time.Time
	// Time is the run time.
	Time time.Duration
	// Raw is the whole document, with fields that this version does not know. Where the other fields say something
	// else than the document does, Raw is byte for byte what Redis has: for numbers in another form than digits,
	// fields of the wrong type, two fields of one name or a name in another case, and for what is not text (bytes
	// that are not UTF-8, half of a surrogate pair), in whose place the other fields have U+FFFD.
	Raw json.RawMessage
	// DroppedFields are the names of the fields that could not be read, or only in part: of the wrong type, out of
	// range, or nested deeper than 32 levels. Such a field counts as absent. Only a state is required. Whole
	// numbers may be written in any form (1795521098681.0, 1e3, "12"); a fraction is cut off.
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

// copyJob copies a job that stays with C; nil for NULL.
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

// agentOfJob returns the numbers of the agent or, where the controller itself answered, its numbers.
func agentOfJob(ptr *C.acclient_job) AgentID {
	agent, _ := agentOf(func(gid, nid *C.int64_t) C.bool { return C.acclient_job_agent(ptr, gid, nid) })
	return agent
}

// with finds the job again in C, in its current state, and calls f with it.
func (j *Job) with(ctx context.Context, f func(ptr *C.acclient_job, call *call, raw errorOut) status) error {
	if j == nil || j.client == nil {
		return errInvalid("the Job is nil or zero: expected a result of a command")
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

// Wait waits until the job is over, and reads its result into a new Job. It returns at once where the job is
// over already.
func (j *Job) Wait(ctx context.Context) (*Job, error) {
	return j.again(wait(ctx), func(ptr *C.acclient_job, call *call, job **C.acclient_job, raw errorOut) status {
		return C.acclient_job_wait(ptr, call.ms(), call.cancel, job, raw)
	})
}

// Kill kills the job: the agent sends SIGKILL to the process that it started; see [Command.Kill] for what a kill
// does not reach. It returns [KillEnded] once the result is there, also where the job was over before, and
// [KillOrdered] if something still holds the job's output a second after the kill. [ErrNotRunning] where the agent
// does not run the job, so that a kill cannot reach it.
func (j *Job) Kill(ctx context.Context) (KillResult, error) {
	var kill C.int32_t
	err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw errorOut) status {
		return C.acclient_job_kill(ptr, call.ms(), call.cancel, &kill, raw)
	})
	return KillResult(kill), err
}

// Stats reads what the running job uses. [ErrJobFailed] where the job is not running.
func (j *Job) Stats(ctx context.Context) (*ProcessStats, error) {
	var answer *C.acclient_answer
	if err := j.with(ctx, func(ptr *C.acclient_job, call *call, raw errorOut) status {
		return C.acclient_job_get_stats(ptr, call.ms(), call.cancel, &answer, raw)
	}); err != nil {
		return nil, err
	}
	return takeAnswer(answer, readStats)
}

// Msgs reads what the job has logged, newest first.
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
