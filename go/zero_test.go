package acclient

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// callWith calls a method with a context and zero values for the other parameters.
func callWith(ctx context.Context, method reflect.Value) []reflect.Value {
	var in []reflect.Value
	for index := range method.Type().NumIn() {
		of := method.Type().In(index)
		switch {
		case method.Type().IsVariadic() && index == method.Type().NumIn()-1:
		case of == reflect.TypeFor[context.Context]() && ctx != nil:
			in = append(in, reflect.ValueOf(ctx))
		default:
			in = append(in, reflect.Zero(of))
		}
	}
	return method.Call(in)
}

// errorOf returns the error that a method returned or yielded; false if its type has none.
func errorOf(out []reflect.Value) (error, bool) {
	for _, value := range out {
		if value.Kind() == reflect.Func {
			// An iterator: its first pair.
			var yielded []reflect.Value
			yield := reflect.MakeFunc(value.Type().In(0), func(pair []reflect.Value) []reflect.Value {
				yielded = append(yielded, pair...)
				return []reflect.Value{reflect.ValueOf(false)}
			})
			value.Call([]reflect.Value{yield})
			return errorOf(yielded)
		}
		if value.Type() == reflect.TypeFor[error]() {
			err, _ := value.Interface().(error)
			return err, true
		}
	}
	return nil, false
}

// doesNotPanic reports a panic of a call.
func doesNotPanic(t *testing.T, name string, f func()) {
	t.Helper()
	defer func() {
		if reason := recover(); reason != nil {
			t.Errorf("%s panics: %v", name, reason)
		}
	}()
	f()
}

func TestZeroValuesAndNilPointersAreInvalidArguments(t *testing.T) {
	for _, value := range []any{
		(*Client)(nil), &Client{}, (*Request)(nil), &Request{}, (*Command)(nil), &Command{}, (*Job)(nil), &Job{},
		(*Results)(nil), &Results{}, (*Rollout)(nil), &Rollout{}, (*Follow)(nil), &Follow{}, Target{}, AgentID{},
		new(Client).Cmd(Agent(1, 1), "ping"), RunArgs{}, &Diagnosis{}, &Error{},
	} {
		it := reflect.ValueOf(value)
		for index := range it.NumMethod() {
			name := it.Type().String() + "." + it.Type().Method(index).Name
			doesNotPanic(t, name, func() {
				err, has := errorOf(callWith(context.Background(), it.Method(index)))
				switch {
				case !has || strings.HasSuffix(name, ".Unwrap") || strings.HasSuffix(name, ".JSON"):
				case strings.HasSuffix(name, ".Close"):
					must(t, err)
				default:
					wants(t, err, ErrInvalidArgument)
					natural(t, err)
				}
			})
		}
	}
	for name, call := range map[string]func() error{
		"GetByHandle": func() error { return failure((*Client)(nil).GetByHandle("acclient:1:x:1:1")) },
		"Submit":      func() error { return failure(new(Client).Cmd(Agent(1, 1), "ping").Submit(context.Background())) },
		"OpenAny":     func() error { return failure(client(t).OpenAny(context.Background(), nil)) },
		"SubmitMany": func() error {
			return got[[]Submitted](t)(client(t).SubmitMany(context.Background(), nil, &Request{}))[1].Err
		},
		"Target": func() error { return failure(client(t).Cmd(Target{}, "ping").Submit(context.Background())) },
	} {
		doesNotPanic(t, name, func() { wants(t, call(), ErrInvalidArgument) })
	}
}

func TestNilContextIsAnInvalidArgument(t *testing.T) {
	c := client(t)
	request := c.Cmd(Agent(1, 1), "ping")
	command := submit(t, request)
	job := got[*Job](t)(command.NextResult(ctx(t)))
	var none context.Context
	for name, method := range contextMethods(c, request, command, job) {
		doesNotPanic(t, name, func() {
			err, has := errorOf(callWith(none, method))
			equal(t, name+" has an error", has, true)
			wants(t, err, ErrInvalidArgument)
		})
	}
	_, err := Connect(none, gridURL(t))
	wants(t, err, ErrInvalidArgument)
	_, err = Open(none, Options{URL: gridURL(t)})
	wants(t, err, ErrInvalidArgument)
	_, err = Instance(none, "main")
	wants(t, err, ErrInvalidArgument)
	_, err = command.NextResult(ctx(t))
	equal(t, "error of the next call", err, io.EOF)
}

func TestInvalidOptionsAreErrors(t *testing.T) {
	c := client(t)
	request := c.Bash(All(), "true")
	for name, call := range map[string]func() error{
		"MaxConnections": func() error { return failure(NewClient(Options{MaxConnections: -1})) },
		"too many":       func() error { return failure(NewClient(Options{MaxConnections: 10001})) },
		"MaxReply":       func() error { return failure(NewClient(Options{MaxReply: -1})) },
		"URL":            func() error { return failure(NewClient(Options{URL: "http://localhost"})) },
		"Limit":          func() error { return failure(c.Msgs(ctx(t), AgentID{1, 1}, "x", MsgQuery{Limit: 1001})) },
		"Levels":         func() error { return failure(c.Msgs(ctx(t), AgentID{1, 1}, "x", MsgQuery{Levels: "x"})) },
		"From": func() error {
			return failure(c.Msgs(ctx(t), AgentID{1, 1}, "x", MsgQuery{From: time.UnixMilli(-1)}))
		},
		"Domain":    func() error { return failure(c.AllProcesses(ctx(t), ProcessQuery{Domain: "\xff"})) },
		"Agents":    func() error { return failure(request.OpenRollout(ctx(t), RolloutPlan{Agents: -1})) },
		"Percent":   func() error { return failure(request.OpenRollout(ctx(t), RolloutPlan{Percent: 101})) },
		"StopAfter": func() error { return failure(request.OpenRollout(ctx(t), RolloutPlan{Agents: 1, StopAfter: -1})) },
		"Sample":    func() error { return failure(request.OpenRollout(ctx(t), RolloutPlan{Agents: 1, Sample: -1})) },
		"no batch":  func() error { return failure(request.OpenRollout(ctx(t), RolloutPlan{})) },
		"fan-out":   func() error { return failure(request.Run(ctx(t))) },
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			wants(t, err, ErrInvalidArgument)
			natural(t, err)
		})
	}
}
