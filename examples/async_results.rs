//! Results of a fan-out in an async program: the event loop of async-io waits for the library's descriptor,
//! so that no thread blocks. tokio has `AsyncFd` for the same purpose.
//!
//! `ACCLIENT_URL=redis://host cargo run --example async_results`

use std::error::Error;
use std::task::Poll;
use std::time::Duration;

use acclient::{Client, Job, Results, Target};
use async_io::{Async, Timer};
use futures_lite::future;

/// Waits for the next result; `None` when all agents have answered.
async fn next(results: &mut Results) -> Result<Option<Job>, Box<dyn Error>> {
    loop {
        if let Poll::Ready(next) = results.poll_next() {
            return Ok(next.transpose()?);
        }
        let timeout = results.poll_timeout();
        let due = async {
            Timer::after(timeout).await;
            Ok(())
        };
        match results.poll_fd() {
            // Registered for each wait, since the descriptor may change with each `poll_next`.
            Some(fd) => future::or(Async::new_nonblocking(fd)?.readable(), due).await?,
            None => due.await?,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("ACCLIENT_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".into());
    async_io::block_on(async {
        // These calls block, so they run on a thread for blocking calls.
        let command = blocking::unblock(move || {
            Client::connect(&url)?.bash(Target::all(), "sleep 1; uname -s").submit()
        })
        .await?;
        let mut results = command.results(Duration::from_secs(10))?;
        let ticking = async {
            loop {
                Timer::after(Duration::from_millis(300)).await;
                println!("the program does other work meanwhile");
            }
        };
        let printing = async {
            while let Some(job) = next(&mut results).await? {
                print!("{}: {}", job.agent(), job.stdout());
            }
            Ok(())
        };
        future::or(printing, ticking).await
    })
}
