package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"errors"
)

// Code is a kind of failure. The constants of this type are errors themselves, for errors.Is.
type Code int32

// The kinds of failure. Later versions of the library may add some.
const (
	// ErrInvalidArgument: something passed cannot be used. Nothing was sent.
	ErrInvalidArgument Code = C.ACCLIENT_INVALID_ARGUMENT
	// ErrConnect: Redis could not be reached, or the connection was lost.
	ErrConnect Code = C.ACCLIENT_CONNECT
	// ErrAuthentication: Redis refused the user or the password, or wants one.
	ErrAuthentication Code = C.ACCLIENT_AUTHENTICATION
	// ErrTimeout: the deadline of the context is over.
	ErrTimeout Code = C.ACCLIENT_TIMEOUT
	// ErrCancelled: the context was cancelled.
	ErrCancelled Code = C.ACCLIENT_CANCELLED
	// ErrServer: Redis answered with an error.
	ErrServer Code = C.ACCLIENT_SERVER
	// ErrProtocol: something was received that cannot be read.
	ErrProtocol Code = C.ACCLIENT_PROTOCOL
	// ErrNoSuchAgent: the controller knows no agent for the target at this moment.
	ErrNoSuchAgent Code = C.ACCLIENT_NO_SUCH_AGENT
	// ErrJobFailed: a job ended in another state than SUCCESS; [Error.Job] has it.
	ErrJobFailed Code = C.ACCLIENT_JOB_FAILED
	// ErrUnknownCommand: the agent or the controller does not know the command.
	ErrUnknownCommand Code = C.ACCLIENT_UNKNOWN_COMMAND
	// ErrUnsupported: the server, the controller or this version of the library does not offer it.
	ErrUnsupported Code = C.ACCLIENT_UNSUPPORTED
	// ErrMaybeSent: the command went out whole, but Redis did not confirm it: it may run, or not.
	// [Error.Command] tells how to look.
	ErrMaybeSent Code = C.ACCLIENT_MAYBE_SENT
	// ErrPoolExhausted: all connections of the client stayed in use until the deadline.
	ErrPoolExhausted Code = C.ACCLIENT_POOL_EXHAUSTED
	// ErrClosed: the client, or what the method belongs to, was closed.
	ErrClosed Code = C.ACCLIENT_CLOSED
	// ErrForkedHandle: the handle was made before a fork.
	ErrForkedHandle Code = C.ACCLIENT_FORKED_HANDLE
	// ErrPanic: a panic was caught inside the C library; what was used in that call refuses more.
	ErrPanic Code = C.ACCLIENT_PANIC
	// ErrSystem: the operating system refused a descriptor, a thread or a file.
	ErrSystem Code = C.ACCLIENT_SYSTEM
)

// Error is the name of the kind in C, like "ACCLIENT_TIMEOUT".
func (c Code) Error() string {
	return C.GoString(C.acclient_status_name(C.acclient_status(c)))
}

// Error is why a call failed. It is plain Go, and holds no password.
type Error struct {
	// Code is the kind of failure.
	Code Code
	// Message says what failed, in words for a person: what was asked of whom, how long it waited,
	// how far it got.
	Message string

	command    string
	serverCode string
	agent      AgentID
	job        *Job
	retriable  bool
	maybeSent  bool
	goesOn     bool
	cause      error
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Is tells errors.Is whether the error is of a kind. A call that was cancelled or closed after its
// command went out is an [ErrMaybeSent] too.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && (code == e.Code || code == ErrMaybeSent && e.maybeSent)
}

// Unwrap is what the context says, where it was the reason: context.Canceled (with its cause, if it
// has one) or context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// Timeout tells whether the call ended because its time was over.
func (e *Error) Timeout() bool { return e.Code == ErrTimeout || e.Code == ErrPoolExhausted }

// IsRetriable tells whether the same call, made again later, may succeed without anything being
// changed and without a command running twice.
func (e *Error) IsRetriable() bool { return e.retriable }

// IsMaybeSent tells whether a command went out whole without a confirmation.
func (e *Error) IsMaybeSent() bool { return e.maybeSent }

// IsFinal tells whether the call or the iterator that gave the error is over. It is false for an error
// of [Results], [Rollout] or [Follow] that is about one agent, one command or a gap in a log: more may
// follow.
func (e *Error) IsFinal() bool { return !e.goesOn }

// Command is the printed form of the command that the call was about, for [Client.CommandFrom]; ""
// where there is none.
func (e *Error) Command() string { return e.command }

// ServerCode is the code of Redis's own error, like "NOPERM" or "OOM", where Redis answered with one;
// "" where it did not.
func (e *Error) ServerCode() string { return e.serverCode }

// Agent is the agent that the error is about; false where it is not about one of several.
func (e *Error) Agent() (AgentID, bool) { return e.agent, e.agent != AgentID{} }

// Job is the job that failed; nil where the error is not about a job.
func (e *Error) Job() *Job { return e.job }

func errClosed(what string) *Error {
	return &Error{Code: ErrClosed, Message: "the " + what + " was closed"}
}

func errProtocol(what string, err error) *Error {
	return &Error{Code: ErrProtocol, Message: what + " cannot be read: " + err.Error()}
}

// errContext is the error of a call that the context ended before C knew of it.
func errContext(ctx context.Context, code Code, message string) *Error {
	return &Error{Code: code, Message: message, cause: cause(ctx, code), retriable: code != ErrCancelled}
}

// errDone is the error of a call whose context is done before it began.
func errDone(ctx context.Context) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errContext(ctx, ErrTimeout, "the time of the call was over before it began")
	}
	return errContext(ctx, ErrCancelled, "the call was cancelled before it began")
}

// cause is what the context has to do with an error.
func cause(ctx context.Context, code Code) error {
	switch code {
	case ErrCancelled:
		err, why := ctx.Err(), context.Cause(ctx)
		if err == nil || why == err {
			return err
		}
		return errors.Join(err, why)
	case ErrTimeout, ErrPoolExhausted:
		if _, has := ctx.Deadline(); has {
			return context.DeadlineExceeded
		}
	}
	return nil
}

// takeError makes an error of what a call gave, and frees that. nil for ACCLIENT_OK.
func takeError(ctx context.Context, c *Client, status C.acclient_status, raw *C.acclient_error) error {
	if raw != nil {
		defer own(func() { C.acclient_error_free(raw) })()
	}
	if status == C.ACCLIENT_OK {
		return nil
	}
	if raw == nil {
		code := Code(status)
		return &Error{Code: code, Message: code.Error(), cause: cause(ctx, code)}
	}
	return copyError(ctx, c, raw)
}

// copyError copies an error that stays with C.
func copyError(ctx context.Context, c *Client, raw *C.acclient_error) *Error {
	e := &Error{Code: Code(C.acclient_error_status(raw))}
	var length C.size_t
	text := C.acclient_error_message(raw, &length)
	e.Message = copied(text, length)
	text = C.acclient_error_command(raw, &length)
	e.command = copied(text, length)
	text = C.acclient_error_server_code(raw, &length)
	e.serverCode = copied(text, length)
	var gid, nid C.int64_t
	if C.acclient_error_agent(raw, &gid, &nid) {
		e.agent = AgentID{int64(gid), int64(nid)}
	}
	e.retriable = bool(C.acclient_error_is_retriable(raw))
	e.maybeSent = bool(C.acclient_error_is_maybe_sent(raw))
	e.goesOn = !bool(C.acclient_error_is_final(raw))
	if C.acclient_error_is_timeout(raw) || e.Code == ErrCancelled {
		e.cause = cause(ctx, e.Code)
	}
	e.job = copyJob(c, C.acclient_error_job(raw))
	return e
}
