// Quickstart is a tour of a grid: it lists the agents, runs commands on them, and shows failures.
//
// Run it with an acclient that pkg-config finds: ACCLIENT_URL=redis://host go run ./quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	acclient "github.com/acclient/acclient/go"
)

const patience = 10 * time.Second

func main() {
	if err := tour(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tour() error {
	where := os.Getenv("ACCLIENT_URL")
	if where == "" {
		where = "redis://127.0.0.1:6379"
	}
	// The deadline of all calls without a shorter one.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := acclient.Connect(ctx, where)
	if err != nil {
		return err
	}
	defer client.Close()

	fmt.Println("== The agents of the grid")
	agents, err := client.ListAgents(ctx)
	if err != nil {
		return err
	}
	for _, agent := range agents {
		fmt.Printf("agent %v with the roles %s\n", agent.Agent, strings.Join(agent.Roles, ", "))
	}

	fmt.Println("\n== A command on each agent: echo, with the agent's numbers from the environment")
	for _, agent := range agents {
		job, err := client.Bash(agent.Agent.Target(), "echo hello from agent $AGENT_GID:$AGENT_NID").Run(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%v %s in %d ms: %s", job.Agent, job.State, job.Time.Milliseconds(), job.Stdout)
	}

	fmt.Println("\n== On any agent with the role storage, chosen by the controller")
	job, err := client.Bash(acclient.Any("storage"), "echo chosen").Run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%v %s: %s\n", job.Agent, job.State, strings.TrimSpace(job.Stdout))

	fmt.Println("\n== On all agents, results as they complete; the slow 1:1 delays no other")
	if err := onAll(ctx, client); err != nil {
		return err
	}

	fmt.Println("\n== A job that fails: ls of a directory that does not exist")
	job, err = client.Execute(acclient.Agent(1, 1), "ls", "/no/such/place").Run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("1:1 %s, stderr: %s", job.State, job.Stderr)

	fmt.Println("\n== A job that takes too long: sleep 60, killed while it runs")
	if err := tooLong(ctx, client); err != nil {
		return err
	}

	fmt.Println("\n== A cancelled wait; the command continues and is looked up again")
	if err := cancelled(ctx, client); err != nil {
		return err
	}

	fmt.Println("\n== A command for an agent that does not exist")
	_, err = client.Execute(acclient.Agent(7, 7), "true").Run(ctx)
	if !errors.Is(err, acclient.ErrNoSuchAgent) {
		return fmt.Errorf("unexpected: %w", err)
	}
	fmt.Println(err)
	return nil
}

func onAll(ctx context.Context, client *acclient.Client) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	command, err := client.Bash(acclient.All(), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && sleep 1; uname -s").Submit(ctx)
	if err != nil {
		return err
	}
	defer command.Close()
	for job, err := range command.Results(ctx) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("after %4d ms %v: %s", time.Since(begun).Milliseconds(), job.Agent, job.Stdout)
	}
	return nil
}

func tooLong(ctx context.Context, client *acclient.Client) error {
	command, err := client.Execute(acclient.Agent(2, 1), "sleep", "60").Submit(ctx)
	if err != nil {
		return err
	}
	defer command.Close()
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := command.NextResult(short); errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("no result after 0.2 s, as expected")
	} else {
		fmt.Println("unexpected:", err)
	}
	outcomes, err := command.Kill(ctx)
	if err != nil {
		return err
	}
	for _, outcome := range outcomes {
		if outcome.Err != nil {
			return outcome.Err
		}
	}
	job, err := command.NextResult(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("2:1 %s after %d ms\n", job.State, job.Time.Milliseconds())
	return nil
}

func cancelled(ctx context.Context, client *acclient.Client) error {
	command, err := client.Execute(acclient.Agent(1, 2), "sleep", "1").Submit(ctx)
	if err != nil {
		return err
	}
	defer command.Close()
	waiting, cancel := context.WithCancel(ctx)
	begun := time.Now()
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := command.NextResult(waiting); errors.Is(err, context.Canceled) {
		fmt.Printf("cancelled after %d ms\n", time.Since(begun).Milliseconds())
	} else {
		fmt.Println("unexpected:", err)
	}
	fmt.Println("handle string, valid in any process:", command)
	again, err := client.GetByHandle(command.Handle())
	if err != nil {
		return err
	}
	defer again.Close()
	job, err := again.NextResult(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("1:2 %s after %d ms\n", job.State, job.Time.Milliseconds())
	return nil
}
