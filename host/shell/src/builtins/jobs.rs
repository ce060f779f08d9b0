//! `jobs`, `fg`, `kill`, `wait`.

use std::sync::Arc;

use super::Call;
use crate::{jobs::Job, status};

impl Call<'_> {
    pub(super) async fn jobs(&mut self) -> i32 {
        let lines: String = self.jobs.all().iter().map(|job| job.line()).collect();
        let status = self.print(&lines).await;
        self.jobs.take_ended();
        status
    }

    pub(super) async fn fg(&mut self) -> i32 {
        let job = match self.arguments {
            [] => self.jobs.find(None),
            [name] => self.jobs.find(Some(name)),
            _ => return self.usage().await,
        };
        let Some(job) = job else { return self.complain("no such job", status::FAILURE).await };
        if self.on_terminal() {
            self.print(&format!("{}\n", job.text)).await;
        }
        // An interruption ends the job here, where the shell's own wait would only stop waiting.
        let interruption = self.context.interruption.clone();
        let passed_on = Arc::clone(&job);
        let ended = async {
            tokio::select! {
                biased;
                status = job.wait() => return status,
                () = interruption.once() => passed_on.interrupter.interrupt(),
            }
            tokio::select! {
                _ = job.wait() => {}
                () = interruption.twice() => passed_on.interrupter.interrupt(),
            }
            status::INTERRUPTED
        };
        let status = ended.await;
        if job.ended().is_some() {
            self.jobs.remove(job.number);
        }
        status
    }

    pub(super) async fn kill(&mut self) -> i32 {
        let targets = match self.arguments {
            // A run has one way to be ended: the signal makes no difference.
            [signal, targets @ ..] if signal.starts_with('-') && signal.len() > 1 => targets,
            targets => targets,
        };
        if targets.is_empty() {
            return self.usage().await;
        }
        let mut status = status::SUCCESS;
        for target in targets {
            if target.starts_with('%') {
                match self.jobs.find(Some(target)) {
                    Some(job) => job.interrupter.interrupt(),
                    None => status = self.complain(&format!("{target}: no such job"), status::FAILURE).await,
                }
            } else if let Err(refusal) = self.context.world.kill(target).await {
                status = self.complain(&format!("{target}: {refusal}"), status::FAILURE).await;
            }
        }
        status
    }

    pub(super) async fn wait(&mut self) -> i32 {
        if self.arguments.is_empty() {
            for job in self.jobs.all().to_vec() {
                job.wait().await;
                self.jobs.remove(job.number);
            }
            return status::SUCCESS;
        }
        let mut status = status::SUCCESS;
        for name in self.arguments {
            let found: Option<Arc<Job>> = self.jobs.find(Some(name));
            match found {
                Some(job) => {
                    status = job.wait().await;
                    self.jobs.remove(job.number);
                }
                None => status = self.complain(&format!("{name}: no such job"), status::NOT_FOUND).await,
            }
        }
        status
    }
}
