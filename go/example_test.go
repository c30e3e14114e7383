package acclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	acclient "github.com/acclient/acclient/go"
)

// connect returns a client for the grid of the examples.
func connect() (context.Context, *acclient.Client, func()) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	client, err := acclient.Connect(ctx, os.Getenv("ACCLIENT_URL"))
	if err != nil {
		log.Fatal(err)
	}
	return ctx, client, func() { client.Close(); cancel() }
}

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := acclient.Connect(ctx, os.Getenv("ACCLIENT_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	job, err := client.Execute(acclient.Agent(1, 1), "echo", "hello").Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %s: %s", job.Agent, job.State, job.Stdout)
	// Output: 1:1 SUCCESS: hello
}

func ExampleRequest_Run() {
	ctx, client, end := connect()
	defer end()
	request := client.Execute(acclient.Agent(1, 1), "sh", "-c", "cat; exit 1")
	request.Data = "standard input\n"
	job, err := request.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// A failed job is a result, not an error.
	fmt.Println(job.IsSuccess(), job.State)
	fmt.Print(job.Stdout)
	// Output:
	// false ERROR
	// standard input
}

func ExampleRequest_Run_deadline() {
	_, client, end := connect()
	defer end()
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := client.Execute(acclient.Agent(1, 1), "sleep", "1").Run(short)
	fmt.Println(errors.Is(err, acclient.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// The command still runs; the error has its handle string.
	var failure *acclient.Error
	if errors.As(err, &failure) {
		command, err := client.GetByHandle(failure.CommandHandle())
		if err != nil {
			log.Fatal(err)
		}
		defer command.Close()
		fmt.Println(command.Target())
	}
	// Output:
	// true true
	// 1:1
}

func ExampleRequest_RunAll() {
	ctx, client, end := connect()
	defer end()
	agents := acclient.Agents(acclient.AgentID{GID: 1, NID: 1}, acclient.AgentID{GID: 2, NID: 1})
	all, err := client.Execute(agents, "true").RunAll(ctx, false)
	if err != nil {
		log.Fatal(err)
	}
	defer all.Command.Close()
	fmt.Println(len(all.Jobs), "results,", len(all.Errors), "errors")
	// Output: 2 results, 0 errors
}

func ExampleCommand_Results() {
	ctx, client, end := connect()
	defer end()
	command, err := client.Bash(acclient.All("cpu"), "echo hello").Submit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer command.Close()
	for job, err := range command.Results(ctx) {
		if err != nil {
			log.Print(err) // concerns one agent, unless it is final
			continue
		}
		fmt.Printf("%v: %s", job.Agent, job.Stdout)
	}
	// Unordered output:
	// 1:1: hello
	// 2:1: hello
}

func ExampleCommand_NextResult() {
	ctx, client, end := connect()
	defer end()
	command, err := client.Execute(acclient.Any("storage"), "true").Submit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer command.Close()
	for {
		job, err := command.NextResult(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.State)
	}
	// Output: SUCCESS
}

func ExampleRequest_Rollout() {
	ctx, client, end := connect()
	defer end()
	plan := acclient.RolloutPlan{Agents: 1, StopAfter: 1}
	for job, err := range client.Bash(acclient.All(), "[ $AGENT_GID = 1 ]").Rollout(ctx, plan) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.Agent, job.State)
	}
	// Output:
	// 1:1 SUCCESS
	// 1:2 SUCCESS
	// 2:1 ERROR
}

func ExampleCommand_Kill() {
	ctx, client, end := connect()
	defer end()
	command, err := client.Execute(acclient.Agent(1, 2), "sleep", "600").Submit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer command.Close()
	outcomes, err := command.Kill(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, outcome := range outcomes {
		fmt.Println(outcome.Agent, outcome.Kind)
	}
	job, err := command.NextResult(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.State)
	// Output:
	// 1:2 done
	// KILLED
}

func ExampleJob_Follow() {
	ctx, client, end := connect()
	defer end()
	job, err := client.Bash(acclient.Agent(1, 1), "echo one; echo two").Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for message, err := range job.Follow(ctx, acclient.MsgQuery{Levels: "1"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(message.Data)
	}
	// An agent may reorder lines that are written at almost the same time.

	// Unordered output:
	// one
	// two
}

func ExampleClient_ListAgents() {
	ctx, client, end := connect()
	defer end()
	agents, err := client.ListAgents(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range agents {
		fmt.Println(info.Agent, info.Roles)
	}
	// Output:
	// 1:1 [cpu]
	// 1:2 [storage]
	// 2:1 [cpu storage]
}

func ExampleParseTarget() {
	for _, text := range []string{"1:2", "2:1,1:2", "role=cpu,storage@1", "1:x"} {
		target, err := acclient.ParseTarget(text)
		if errors.Is(err, acclient.ErrInvalidArgument) {
			fmt.Println("invalid")
			continue
		}
		fmt.Println(target)
	}
	// Output:
	// 1:2
	// 1:2,2:1
	// all,role=cpu,storage@1
	// invalid
}

func ExampleSetLogger() {
	options := slog.HandlerOptions{Level: slog.LevelDebug}
	if err := acclient.SetLogger(slog.New(slog.NewTextHandler(os.Stderr, &options))); err != nil {
		log.Fatal(err)
	}
	defer acclient.SetLogger(nil)
	// The library logs from here on.
}
