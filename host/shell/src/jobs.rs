//! What runs in the background of a session.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{interrupt::Interrupter, limits, world::Refusal};

/// The jobs of a session that were not yet announced as ended. Clones see the same jobs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jobs {
    jobs: Vec<Arc<Job>>,
}

/// A pipeline, or several joined by `&&` and `||`, in the background.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) number: usize,
    /// As it was typed.
    pub(crate) text: String,
    pub(crate) interrupter: Interrupter,
    /// The ids of its runs that are under way.
    pub(crate) runs: Runs,
    status: watch::Receiver<Option<i32>>,
}

/// Ids of runs that are under way.
pub(crate) type Runs = Arc<Mutex<Vec<String>>>;

/// What the task of a job needs to tell its end. When it is dropped without, the job ended as failed.
pub(crate) type Finish = watch::Sender<Option<i32>>;

impl Jobs {
    /// A new job, with the smallest number that is higher than all others'.
    ///
    /// # Errors
    /// When there are [`limits::JOBS`] already.
    pub(crate) fn add(&mut self, text: &str) -> Result<(Arc<Job>, Finish), Refusal> {
        if self.jobs.len() >= limits::JOBS {
            let message = format!("a session has at most {} jobs", limits::JOBS);
            return Err(Refusal::new("too_many_jobs", message));
        }
        let (finish, status) = watch::channel(None);
        let job = Arc::new(Job {
            number: self.jobs.last().map_or(0, |job| job.number) + 1,
            text: text.to_owned(),
            interrupter: Interrupter::new(),
            runs: Runs::default(),
            status,
        });
        self.jobs.push(Arc::clone(&job));
        Ok((job, finish))
    }

    /// The job that `%1`, `1`, `%%`, `%+`, `%-` or `%text` names; without a name the newest one.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<Arc<Job>> {
        let newest = self.jobs.last();
        let Some(name) = name else { return newest.cloned() };
        let name = name.strip_prefix('%').unwrap_or(name);
        let found = match name {
            "" | "%" | "+" => newest,
            "-" => self.jobs.len().checked_sub(2).and_then(|index| self.jobs.get(index)),
            _ => match name.parse::<usize>() {
                Ok(number) => self.jobs.iter().find(|job| job.number == number),
                Err(_) => self.jobs.iter().rev().find(|job| job.text.starts_with(name)),
            },
        };
        found.cloned()
    }

    pub(crate) fn all(&self) -> &[Arc<Job>] {
        &self.jobs
    }

    pub(crate) fn remove(&mut self, number: usize) {
        self.jobs.retain(|job| job.number != number);
    }

    /// Takes the jobs that ended out.
    pub(crate) fn take_ended(&mut self) -> Vec<Arc<Job>> {
        let (ended, open) = std::mem::take(&mut self.jobs).into_iter().partition(|job| job.ended().is_some());
        self.jobs = open;
        ended
    }
}

impl Job {
    /// Its status, once it has ended.
    pub(crate) fn ended(&self) -> Option<i32> {
        let status = *self.status.borrow();
        status.or_else(|| self.status.has_changed().is_err().then_some(crate::status::FAILURE))
    }

    /// Waits for its end; it can be dropped.
    pub(crate) async fn wait(&self) -> i32 {
        let mut status = self.status.clone();
        let ended = status.wait_for(Option::is_some).await.map(|status| *status);
        ended.ok().flatten().unwrap_or(crate::status::FAILURE)
    }

    /// One line of `jobs`.
    pub(crate) fn line(&self) -> String {
        let state = match self.ended() {
            None => "running".to_owned(),
            Some(crate::status::SUCCESS) => "done".to_owned(),
            Some(crate::status::TERMINATED) => "killed".to_owned(),
            Some(status) => format!("exit {status}"),
        };
        let runs = self.runs.lock().join(" ");
        let runs = if runs.is_empty() { runs } else { format!("  ({runs})") };
        format!("[{}]  {state}  {}{runs}\n", self.number, self.text)
    }
}
