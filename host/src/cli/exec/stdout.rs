//! Writes a run's output to standard output and standard error, byte for byte, until the run ends.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cloister_host::api::{OutputEvent, OutputGap, Run};
use tokio::io::{AsyncWrite, AsyncWriteExt, stderr, stdout};

use crate::cli::client::{Client, EventStream};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::printable_lines;

/// Follows the output of a run from its start; gives the ended run.
pub(super) async fn follow(context: &Context, client: &Client, id: &str) -> Outcome<Box<Run>> {
    let mut events = EventStream::new(client, client.tenant_url(&["runs", id, "output"])?, None);
    let (mut out, mut err) = (stdout(), stderr());
    loop {
        let event = events.next().await?;
        match event.name.as_str() {
            "output" => {
                let output: OutputEvent = serde_json::from_str(&event.data).map_err(Failure::bad_answer)?;
                let bytes = BASE64_STANDARD.decode(&output.data).map_err(Failure::bad_answer)?;
                match output.stream.as_str() {
                    "stderr" => write(&mut err, &bytes).await?,
                    _ => write(&mut out, &bytes).await?,
                }
            }
            "gap" => {
                let OutputGap { stream, from, to } =
                    serde_json::from_str(&event.data).map_err(Failure::bad_answer)?;
                let stream = printable_lines(&stream);
                context.output.warn(&format!("bytes {from} to {to} of {stream} are no longer kept"));
            }
            "exit" => return serde_json::from_str(&event.data).map(Box::new).map_err(Failure::bad_answer),
            // What later versions may add.
            _ => {}
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Outcome {
    let written = async {
        to.write_all(bytes).await?;
        // The write itself happens in the background; only a flush tells how it went.
        to.flush().await
    };
    written.await.map_err(|error| Failure::from_write(&error))
}
