package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Code is a kind of failure. Its constants are errors, for [errors.Is].
type Code int32

// Kinds of failure. Later versions of the library may add more.
const (
	// ErrInvalidArgument: an argument is invalid. Nothing was sent.
	ErrInvalidArgument Code = C.ACCLIENT_INVALID_ARGUMENT
	// ErrConnect: Redis could not be reached, or the connection was lost.
	ErrConnect Code = C.ACCLIENT_CONNECT
	// ErrAuthentication: Redis rejected the user or the password, or requires one. Retrying does not help.
	ErrAuthentication Code = C.ACCLIENT_AUTHENTICATION
	// ErrTimeout: the deadline was exceeded.
	ErrTimeout Code = C.ACCLIENT_TIMEOUT
	// ErrCancelled: the context was cancelled.
	ErrCancelled Code = C.ACCLIENT_CANCELLED
	// ErrServer: Redis replied with an error; [Error.ServerCode] returns its code.
	ErrServer Code = C.ACCLIENT_SERVER
	// ErrProtocol: a reply, or a document in Redis, cannot be decoded.
	ErrProtocol Code = C.ACCLIENT_PROTOCOL
	// ErrNoSuchAgent: the controller currently knows no agent for the target. Agents register up to 4 seconds after
	// their controller has started. Not retriable, since the number may be wrong.
	ErrNoSuchAgent Code = C.ACCLIENT_NO_SUCH_AGENT
	// ErrJobFailed: a job ended in a state other than SUCCESS; [Error.Job] returns it.
	ErrJobFailed Code = C.ACCLIENT_JOB_FAILED
	// ErrUnknownCommand: the agent or the controller does not know the command.
	ErrUnknownCommand Code = C.ACCLIENT_UNKNOWN_COMMAND
	// ErrUnsupported: unsupported by the server, the controller or this version of the library.
	ErrUnsupported Code = C.ACCLIENT_UNSUPPORTED
	// ErrMaybeSent: the whole command was sent but Redis did not confirm it: it may or may not run. Look it up by
	// [Error.CommandHandle].
	ErrMaybeSent Code = C.ACCLIENT_MAYBE_SENT
	// ErrPoolExhausted: all connections available to the call were in use until the deadline; see
	// [Options.MaxConnections].
	ErrPoolExhausted Code = C.ACCLIENT_POOL_EXHAUSTED
	// ErrClosed: the client, or the value that the method belongs to, was closed.
	ErrClosed Code = C.ACCLIENT_CLOSED
	// ErrForkedHandle: the client was created in another process, before a fork. Only C code in the same process
	// can cause this, since a Go program cannot fork without an exec.
	ErrForkedHandle Code = C.ACCLIENT_FORKED_HANDLE
	// ErrPanic: a panic was caught inside the C library. The values used in that call fail from then on.
	ErrPanic Code = C.ACCLIENT_PANIC
	// ErrSystem: the operating system refused a descriptor, a thread or a file.
	ErrSystem Code = C.ACCLIENT_SYSTEM
	// ErrNoSuchTunnel: the agent or the controller does not list the tunnel: it was never opened, it was closed, or
	// the agent has restarted.
	ErrNoSuchTunnel Code = C.ACCLIENT_NO_SUCH_TUNNEL
	// ErrTunnelExists: the agent or the controller already lists the tunnel, open or not. Nothing was opened.
	ErrTunnelExists Code = C.ACCLIENT_TUNNEL_EXISTS
	// ErrNotRunning: the agent is not running the job, so a kill cannot reach it: the job waits in a queue of the
	// agent, has not started, or is lost; [Command.Progress] tells which.
	ErrNotRunning Code = C.ACCLIENT_NOT_RUNNING
	// ErrLost: the job is lost: it was submitted, no agent has it, and no result can follow. It may have run.
	ErrLost Code = C.ACCLIENT_LOST
	// ErrGap: messages may be missing from a followed log; see [Error.Gap]. The log continues.
	ErrGap Code = C.ACCLIENT_GAP
	// ErrIDInUse: [Request.SubmitOnce] has used the ID for another command: another target, command, run arguments,
	// data or tags. Nothing was sent.
	ErrIDInUse Code = C.ACCLIENT_ID_IN_USE
)

// Error returns the name of the kind, like "no such agent".
func (c Code) Error() string {
	name := C.GoString(C.acclient_status_name(C.acclient_status(c)))
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "ACCLIENT_"), "_", " "))
}

// Error is the error of a call. It is plain Go, and contains no password.
type Error struct {
	// Code is the kind of failure.
	Code Code
	// Message is what was requested from which server or agent, how long the call waited, and how far it got.
	Message string

	handle     string
	serverCode string
	agent      AgentID
	aboutAgent bool
	gap        *Gap
	job        *Job
	timeout    bool
	retriable  bool
	maybeSent  bool
	goesOn     bool
	cause      error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Is reports whether the error is of a kind, for [errors.Is]. The error of a call that was cancelled or closed
// after its command was sent is also an [ErrMaybeSent].
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && (code == e.Code || code == ErrMaybeSent && e.maybeSent)
}

// Unwrap returns the error of the context if the context caused this error: context.Canceled or
// context.DeadlineExceeded, joined with the cause of the context if it has one.
func (e *Error) Unwrap() error { return e.cause }

// Timeout reports whether the deadline of the call was exceeded. False for [ErrPoolExhausted].
func (e *Error) Timeout() bool { return e.timeout }

// IsRetriable reports whether retrying the same call later is safe and may succeed: nothing has to be changed and
// no command runs twice.
func (e *Error) IsRetriable() bool { return e.retriable }

// IsMaybeSent reports whether a complete command was sent and not confirmed: true for [ErrMaybeSent], and for a
// call that was cancelled or closed at that point.
func (e *Error) IsMaybeSent() bool { return e.maybeSent }

// IsFinal reports whether the error ends the call or iterator that returned it. False for an error of [Results],
// [Rollout] or [Follow] that concerns one agent, one command or a gap in a log: more items may follow.
func (e *Error) IsFinal() bool { return !e.goesOn }

// CommandHandle returns the handle string of the command that the error concerns, for [Client.GetByHandle]; "" if
// there is none.
func (e *Error) CommandHandle() string { return e.handle }

// ServerCode returns the error code of a Redis error reply, like "NOPERM" or "OOM"; "" for other errors.
func (e *Error) ServerCode() string { return e.serverCode }

// Agent returns the agent if the error concerns one agent of several.
func (e *Error) Agent() (AgentID, bool) { return e.agent, e.aboutAgent }

// Gap returns the gap in the log, for [ErrGap]; nil for other errors.
func (e *Error) Gap() *Gap { return e.gap }

// Job returns the failed job; nil if the error is not about a job.
func (e *Error) Job() *Job { return e.job }

func errInvalid(message string) *Error {
	return &Error{Code: ErrInvalidArgument, Message: message}
}

func errProtocol(what string, err error) *Error {
	return &Error{Code: ErrProtocol, Message: "cannot decode " + what + ": " + err.Error()}
}

// errContext returns the error of a call that its context ended before C was called; expired is the kind for a
// deadline.
func errContext(ctx context.Context, expired Code, when string) *Error {
	e := &Error{Code: ErrCancelled, Message: "cancelled " + when, cause: ended(ctx, ctx.Err())}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Code, e.Message = expired, "deadline exceeded "+when
		e.timeout, e.retriable = expired == ErrTimeout, true
	}
	return e
}

// ended returns an error of a context, joined with the cause of the context if that differs.
func ended(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && why != err && errors.Is(ctx.Err(), err) {
		return errors.Join(err, why)
	}
	return err
}

// settle waits until a context whose deadline has passed is done: its timer may fire later than the deadline of C.
// This takes a moment, unless the machine is overloaded. A context that has a deadline and never ends is given one
// second, in steps, so that a process that is not scheduled for a while loses one step rather than the whole
// second.
func settle(ctx context.Context) {
	for range 10 {
		if ctx.Err() != nil || ctx.Done() == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// expired returns the error of a context whose deadline has ended a C call, or nil if something else did: some
// calls have shorter timeouts of their own. C enforces the deadline itself, and never ends early.
func expired(ctx context.Context) error {
	deadline, has := ctx.Deadline()
	if !has || time.Now().Before(deadline) {
		return nil
	}
	// Callers expect a context that is done.
	settle(ctx)
	return ended(ctx, context.DeadlineExceeded)
}

// takeError converts and frees the error that a call returned; nil for ACCLIENT_OK.
func takeError(ctx context.Context, c *Client, code status, raw *C.acclient_error) error {
	if raw != nil {
		defer own(func() { C.acclient_error_free(raw) })()
	}
	if code == C.ACCLIENT_OK {
		return nil
	}
	if raw == nil {
		kind := Code(code)
		return &Error{Code: kind, Message: kind.Error()}
	}
	return copyError(ctx, c, raw)
}

// copyError copies an error that remains owned by C.
func copyError(ctx context.Context, c *Client, raw *C.acclient_error) *Error {
	var length C.size_t
	text := func(text *C.char) string { return copied(text, length) }
	e := &Error{
		Code:      Code(C.acclient_error_status(raw)),
		timeout:   bool(C.acclient_error_is_timeout(raw)),
		retriable: bool(C.acclient_error_is_retriable(raw)),
		maybeSent: bool(C.acclient_error_is_maybe_sent(raw)),
		goesOn:    !bool(C.acclient_error_is_final(raw)),
		job:       copyJob(c, C.acclient_error_job(raw)),
	}
	e.Message = text(C.acclient_error_message(raw, &length))
	e.handle = text(C.acclient_error_command_handle(raw, &length))
	e.serverCode = text(C.acclient_error_server_code(raw, &length))
	e.agent, e.aboutAgent = agentOf(func(gid, nid *C.int64_t) C.bool {
		return C.acclient_error_agent(raw, gid, nid)
	})
	var after, before C.int64_t
	if C.acclient_error_gap(raw, &after, &before) {
		e.gap = &Gap{After: int64(after), Before: int64(before)}
	}
	switch {
	case e.Code == ErrCancelled && errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Code, e.Message, e.timeout = ErrTimeout, "deadline exceeded: "+e.Message, true
		e.cause = ended(ctx, ctx.Err())
	case e.Code == ErrCancelled && ctx.Err() != nil:
		e.cause = ended(ctx, ctx.Err())
	case e.timeout || e.Code == ErrPoolExhausted:
		e.cause = expired(ctx)
	}
	return e
}
