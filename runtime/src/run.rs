//! The single entry to a guest: start it, wait for its report, or end it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_task::FallibleTask;

use crate::clearing::Clearing;
use crate::control::{RunControl, Stop};
use crate::engine::Engines;
use crate::grant::Grant;
use crate::http::HttpCall;
use crate::limits::Limits;
use crate::outcome::{Outcome, Report, RunError, Usage};
use crate::prepared::Prepared;
use crate::sandbox::Sandbox;
use crate::scheduler::slice_cpu_ns;
use crate::stdio::OutputSink;
use crate::tenant::Admission;
use crate::ticker::Deadline;

/// A started run. Dropping it cancels the run and gives back all it holds.
pub struct Run {
    pub(crate) control: Arc<RunControl>,
    pub(crate) task: FallibleTask<Result<Report, RunError>>,
}

impl Run {
    /// Something that can end this run, from anywhere and after the run has ended.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.control))
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// A fault of the host; how the guest ended is in the report.
    pub async fn report(self) -> Result<Report, RunError> {
        self.task.await.unwrap_or(Err(RunError::Stopping))
    }
}

/// Ends a run.
#[derive(Clone)]
pub struct Canceller(Arc<RunControl>);

impl Canceller {
    /// Asks the run to end; it does so within one slice, with [`Outcome::Cancelled`].
    pub fn cancel(&self) {
        self.0.stop(Stop::Cancelled);
    }
}

/// What one run needs, gathered before it is queued.
pub(crate) struct Job {
    pub(crate) engines: Arc<Engines>,
    pub(crate) admission: Admission,
    pub(crate) module: Arc<Prepared>,
    pub(crate) grant: Grant,
    pub(crate) limits: Limits,
    /// The request, for a module that serves HTTP.
    pub(crate) call: Option<HttpCall>,
    pub(crate) control: Arc<RunControl>,
    pub(crate) accepted: Instant,
    pub(crate) deadline: Deadline,
    pub(crate) clearing: Clearing,
    pub(crate) live: LiveRun,
}

/// Counts a run as live until it is dropped.
pub(crate) struct LiveRun(pub(crate) Arc<AtomicU64>);

impl LiveRun {
    pub(crate) fn new(live: &Arc<AtomicU64>) -> Self {
        live.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(live))
    }
}

impl Drop for LiveRun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a job to its end, on sandbox threads.
pub(crate) async fn execute(job: Job) -> Result<Report, RunError> {
    let Job {
        engines,
        admission,
        module,
        mut grant,
        limits,
        call,
        control,
        accepted,
        deadline,
        clearing,
        live,
    } = job;
    let Admission { tenant, place, kept } = admission;
    let flavour = engines.get(module.metering)?;
    let stdin = std::mem::replace(&mut grant.stdin, crate::StdinSource::Empty).into_pipe();
    let output = Arc::clone(&grant.output);
    let (budget, file_key) = (tenant.budget().clone(), tenant.file_key().clone());
    let sandbox = Sandbox::new(flavour, grant, &limits, &control, stdin.clone(), budget, file_key)?;
    let leavings = tenant.leavings();
    // However this ends: also when the task is dropped.
    let mut sandbox = scopeguard::guard(sandbox, |sandbox| clearing.clear(sandbox, kept, leavings));
    let mut cpu = Duration::ZERO;
    let ended = Guarded {
        call: Box::pin(async {
            leavings.gone().await;
            sandbox.call(&module, call).await
        }),
        control: &control,
        cpu: &mut cpu,
        output: &*output,
        cpu_limit: limits.cpu,
    }
    .await;
    let outcome = match ended {
        Ended::ByItself(result) => sandbox.outcome(result)?,
        Ended::Stopped(Stop::Cancelled) => Outcome::Cancelled,
        Ended::Stopped(Stop::WallTime) => Outcome::TimedOut,
        Ended::Stopped(Stop::OutputLimit) => Outcome::OutputLimit,
        Ended::OutOfCpuTime => Outcome::OutOfCpuTime,
    };
    let (stdout_bytes, stderr_bytes) = sandbox.output_bytes();
    let (http_sent_bytes, http_received_bytes) = sandbox.http_bytes();
    let usage = Usage {
        fuel: sandbox.fuel_used(),
        cpu,
        wall: accepted.elapsed(),
        peak_memory_bytes: sandbox.peak_memory_bytes(),
        stdin_bytes: stdin.read_bytes(),
        stdout_bytes,
        stderr_bytes,
        http_sent_bytes,
        http_received_bytes,
    };
    // The slot, descriptors and memory are free before anyone hears of the end; those of a large guest soon after, and
    // before the tenant's next guest starts.
    drop(sandbox);
    drop(deadline);
    drop(live);
    drop(place);
    Ok(Report { outcome, usage })
}

enum Ended {
    ByItself(wasmtime::Result<u8>),
    Stopped(Stop),
    OutOfCpuTime,
}

/// A call into a guest that is measured at each slice and given up when the run must end.
struct Guarded<'a, F> {
    call: Pin<Box<F>>,
    control: &'a RunControl,
    cpu: &'a mut Duration,
    output: &'a dyn OutputSink,
    cpu_limit: Duration,
}

impl<F: Future<Output = wasmtime::Result<u8>>> Future for Guarded<'_, F> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        this.control.register(context.waker());
        if let Some(stop) = this.control.stopped() {
            return Poll::Ready(Ended::Stopped(stop));
        }
        let polled = this.call.as_mut().poll(context);
        // Each poll is one slice, which this thread began just before.
        *this.cpu += Duration::from_nanos(slice_cpu_ns());
        // Why it was stopped says more than the error the guest ended with because of it.
        if let Some(stop) = this.control.stopped() {
            return Poll::Ready(Ended::Stopped(stop));
        }
        match polled {
            Poll::Ready(result) => Poll::Ready(Ended::ByItself(result)),
            Poll::Pending if *this.cpu >= this.cpu_limit => Poll::Ready(Ended::OutOfCpuTime),
            Poll::Pending => {
                this.output.slice_ended();
                Poll::Pending
            }
        }
    }
}
