//! `run --http`: a component's handler on a local address, each request in a run of its own.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cloister_runtime::{
    Bytes, Canceller, Grant, HttpBody, Limits, Prepared, Run, Runtime, StdinSource, Tenant, TenantLimits,
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::stdout::Writer;
use super::{LocalRun, grant, limits};
use crate::cli::failure::{Failure, Outcome};

/// Requests answered at a time; others wait.
const MAX_REQUESTS: usize = 64;
/// Longest wait for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until Ctrl-C, and says where on the first line of standard error.
pub(super) async fn serve(
    runtime: Runtime,
    module: Arc<Prepared>,
    run: LocalRun,
    writer: &Writer,
    address: SocketAddr,
) -> Outcome {
    let failed = |error: &std::io::Error| Failure::local(format!("listen at {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(|error| failed(&error))?;
    let bound = listener.local_addr().map_err(|error| failed(&error))?;
    // Nobody may read standard error; that is no reason not to serve.
    let _ = writeln!(std::io::stderr(), "Serving HTTP on http://{bound}/");
    let tenant = runtime.tenant("local", &TenantLimits::UNLIMITED);
    let server = Server { runtime, module, tenant, requests: Semaphore::new(MAX_REQUESTS) };
    let server = Arc::new(server);
    let given = Arc::new(Given { limits: limits(&run.options), grants: grants(&run, writer)? });
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(connection(Arc::clone(&server), stream, Arc::clone(&given)));
                }
                // Out of descriptors, or the client is gone already.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::select! {
        () = accepting => Ok(()),
        stopped = tokio::signal::ctrl_c() => stopped.map_err(|error| Failure::local("wait for Ctrl-C", &error)),
    }
}

struct Server {
    runtime: Runtime,
    module: Arc<Prepared>,
    tenant: Tenant,
    requests: Semaphore,
}

/// What every run is given.
struct Given<G> {
    limits: Limits,
    grants: G,
}

/// Makes the same grants again for each run.
fn grants(run: &LocalRun, writer: &Writer) -> Outcome<impl Fn() -> Grant + Send + Sync + use<>> {
    let made = grant(run, writer, StdinSource::Empty)?;
    Ok(move || Grant {
        args: made.args.clone(),
        env: made.env.clone(),
        directories: made.directories.clone(),
        volume: made.volume.clone(),
        network: made.network.clone(),
        stdin: StdinSource::Empty,
        output: Arc::clone(&made.output),
        terminals: made.terminals,
    })
}

async fn connection<G: Fn() -> Grant + Send + Sync>(
    server: Arc<Server>,
    stream: TcpStream,
    given: Arc<Given<G>>,
) {
    let given = &*given;
    let answer = |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(answer(&server, given, request).await) }
    };
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // A client that breaks its connection off is no failure of ours.
    let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer<G: Fn() -> Grant>(
    server: &Server,
    given: &Given<G>,
    request: Request<Incoming>,
) -> Response<HttpBody> {
    let Ok(_turn) = server.requests.acquire().await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n");
    };
    let Ok(admission) = server.tenant.admit() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once\n");
    };
    let (module, limits) = (Arc::clone(&server.module), given.limits.clone());
    let (run, answer) = server.runtime.serve(admission, module, (given.grants)(), limits, request);
    let guard = EndWithClient { canceller: run.canceller(), done: false };
    tokio::spawn(attend(run));
    match answer.response().await {
        Some(response) => response.map(|body| GuardedBody { body, guard }.boxed_unsync()),
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, "the component gave no answer\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<HttpBody> {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Waits for the end of a run, and says so when it was not its own.
async fn attend(run: Run) {
    let message = match run.report().await {
        Ok(report) => report.outcome.message(),
        Err(error) => Some(error.to_string()),
    };
    if let Some(message) = message {
        let _ = writeln!(std::io::stderr(), "a request failed: {message}");
    }
}

/// Ends a run whose client is gone.
struct EndWithClient {
    canceller: Canceller,
    done: bool,
}

impl Drop for EndWithClient {
    fn drop(&mut self) {
        if !self.done {
            self.canceller.cancel();
        }
    }
}

/// An answer's body; its run ends when the client hangs up.
struct GuardedBody {
    body: HttpBody,
    guard: EndWithClient,
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        self.guard.done |= frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
