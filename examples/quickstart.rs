//! A tour of a grid: it lists the agents, runs commands on them, and shows failures and cancellation.
//!
//! `make demo` runs it on a development grid. On your own grid:
//! `ACCLIENT_URL=redis://host cargo run --example quickstart`

use std::thread;
use std::time::{Duration, Instant};

use acclient::{CancelToken, Client, ErrorKind, Result, Target, Timeout};

fn main() -> Result<()> {
    let url = std::env::var("ACCLIENT_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".into());
    let client = Client::connect(&url)?;
    let ten_seconds = Duration::from_secs(10);

    println!("== The agents of the grid");
    let agents = client.list_agents()?;
    for (agent, roles) in &agents {
        println!("agent {agent} with the roles {}", roles.join(", "));
    }

    println!("\n== A command on each agent: echo, with the agent's numbers from the environment");
    for agent in agents.keys() {
        let job =
            client.bash(*agent, "echo hello from agent $AGENT_GID:$AGENT_NID").run(ten_seconds)?;
        print!("{agent} {} in {} ms: {}", job.state(), job.time().as_millis(), job.stdout());
    }

    println!("\n== On any agent with the role storage, chosen by the controller");
    let job = client.bash(Target::any().role("storage"), "echo chosen").run(ten_seconds)?;
    println!("{} {}: {}", job.agent(), job.state(), job.stdout().trim_end());

    println!("\n== On all agents, results as they complete; the slow 1:1 delays no other");
    let script = "[ $AGENT_GID:$AGENT_NID = 1:1 ] && sleep 1; uname -s";
    let begun = Instant::now();
    let command = client.bash(Target::all(), script).submit()?;
    for result in command.results(ten_seconds)? {
        match result {
            Ok(job) => print!(
                "after {:>4} ms {}: {}",
                begun.elapsed().as_millis(),
                job.agent(),
                job.stdout()
            ),
            Err(error) => println!("{error}"),
        }
    }

    println!("\n== A job that fails: ls of a directory that does not exist");
    let job = client.execute(Target::agent((1, 1)), "ls").arg("/no/such/place").run(ten_seconds)?;
    print!("1:1 {}, stderr: {}", job.state(), job.stderr());

    println!("\n== A job that takes too long: sleep 60, killed while it runs");
    let mut command = client.execute(Target::agent((2, 1)), "sleep").arg("60").submit()?;
    match command.next_result(Duration::from_millis(200)) {
        Err(error) if error.is_timeout() => println!("no result after 0.2 s, as expected"),
        other => println!("unexpected: {other:?}"),
    }
    command.kill()?.into_result()?;
    if let Some(job) = command.next_result(ten_seconds)? {
        println!("2:1 {} after {} ms", job.state(), job.time().as_millis());
    }

    println!("\n== A cancelled wait; the command continues and is looked up again");
    let mut command = client.execute(Target::agent((1, 2)), "sleep").arg("1").submit()?;
    let cancel = CancelToken::new()?;
    let canceller = cancel.clone();
    let begun = Instant::now();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        canceller.cancel()
    });
    match command.next_result(Timeout::none().or_cancelled(&cancel)) {
        Err(error) if error.kind() == ErrorKind::Cancelled => {
            println!("cancelled after {} ms", begun.elapsed().as_millis());
        }
        other => println!("unexpected: {other:?}"),
    }
    let _ = other.join();
    let handle = command.handle();
    println!("handle string, valid in any process: {handle}");
    if let Some(job) = client.get_by_handle(&handle)?.next_result(ten_seconds)? {
        println!("1:2 {} after {} ms", job.state(), job.time().as_millis());
    }

    println!("\n== A command for an agent that does not exist");
    match client.execute(Target::agent((7, 7)), "true").run(ten_seconds) {
        Err(error) if error.kind() == ErrorKind::NoSuchAgent => println!("{error}"),
        other => println!("unexpected: {other:?}"),
    }
    Ok(())
}
