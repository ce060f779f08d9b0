//! `push` and `modules`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use cloister_host::api::Module;
use reqwest::{Method, Url};

use super::client::{Client, FileBody, idempotency_key};
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::table::Table;
use super::units;

/// How many characters of a digest tables show.
const SHORT_DIGEST: usize = 12;
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// Modules looked through for one whose digest begins as given.
const MAX_LOOKED_THROUGH: usize = 10_000;

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The WASM binary; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What to call it [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ModulesArgs {
    /// How many to show at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
}

/// Uploads a module and prints its digest.
pub(crate) async fn push(context: &Context, args: PushArgs) -> Outcome {
    let client = context.client()?;
    let module = upload(context, &client, &args.file, args.name.as_deref()).await?;
    context.output.item(&module, || module.digest.clone())?;
    if !context.output.json() {
        context.output.note(&describe(&module));
    }
    Ok(())
}

fn describe(module: &Module) -> String {
    let needs = if module.needs.is_empty() { "nothing".to_owned() } else { module.needs.join(", ") };
    let size = units::size(module.size_bytes);
    super::output::printable(&format!(
        "{}: {} {}, {size}, needs {needs}",
        module.name, module.wasi, module.kind
    ))
}

/// Streams a file to the host.
pub(crate) async fn upload(
    context: &Context,
    client: &Client,
    file: &Path,
    name: Option<&str>,
) -> Outcome<Module> {
    let mut url = client.tenant_url(&["modules"])?;
    let file_name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    if let Some(name) = name.map(str::to_owned).or(file_name).filter(|name| name != "-") {
        url.query_pairs_mut().append_pair("name", &name);
    }
    let body = FileBody::new(file)?;
    let answer = send_file(context, client, Method::POST, &url, &body, "application/wasm").await?;
    Ok(client.envelope(answer).await?.data)
}

/// Sends a file as a body; a person who watches sees how far it got.
pub(crate) async fn send_file(
    context: &Context,
    client: &Client,
    method: Method,
    url: &Url,
    body: &FileBody,
    content_type: &str,
) -> Outcome<reqwest::Response> {
    let key = idempotency_key()?;
    let sending = client.send(|| {
        let mut request = client
            .request(method.clone(), url)
            .header("Content-Type", content_type)
            .header("Idempotency-Key", &key);
        if let Some(size) = body.size_bytes() {
            request = request.header("Content-Length", size);
        }
        Ok(request.body(body.open()?))
    });
    let mut sending = std::pin::pin!(sending);
    let mut every = tokio::time::interval(PROGRESS_EVERY);
    every.tick().await;
    loop {
        tokio::select! {
            answer = &mut sending => {
                context.output.progress_done();
                return answer.map_err(|failure| body.explain(failure));
            }
            _ = every.tick() => context.output.progress(body.sent_bytes(), body.size_bytes()),
        }
    }
}

/// Lists modules, newest first.
pub(crate) async fn list(context: &Context, args: &ModulesArgs) -> Outcome {
    let client = context.client()?;
    let modules: Vec<Module> = client.list(&client.tenant_url(&["modules"])?, args.limit).await?;
    context.output.list(&modules, "No modules yet: cloister push FILE uploads one.", || {
        let now = context.clock.now();
        let mut table = Table::new(&["DIGEST", "NAME", ">SIZE", "KIND", "WASI", "NEEDS", "UPLOADED"]);
        for m in &modules {
            table.row([
                short_digest(&m.digest).to_owned(),
                m.name.clone(),
                units::size(m.size_bytes),
                m.kind.clone(),
                m.wasi.clone(),
                m.needs.join(","),
                units::age(&m.created_at, now),
            ]);
        }
        table
    })
}

/// The start of a digest, as tables show it.
pub(crate) fn short_digest(digest: &str) -> &str {
    digest.get(..SHORT_DIGEST).unwrap_or(digest)
}

/// The digest that `text` means: itself, that of the file it names (which is uploaded), or the one it begins.
pub(crate) async fn resolve(context: &Context, client: &Client, text: &str) -> Outcome<String> {
    let hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex && text.len() == 64 {
        return Ok(text.to_owned());
    }
    let path = Path::new(text);
    if !path.exists() && hex && (6..64).contains(&text.len()) {
        return by_prefix(client, text).await;
    }
    let module = upload(context, client, path, None).await?;
    context.output.note(&format!("uploaded {}", describe(&module)));
    Ok(module.digest)
}

async fn by_prefix(client: &Client, prefix: &str) -> Outcome<String> {
    let modules: Vec<Module> = client.list(&client.tenant_url(&["modules"])?, MAX_LOOKED_THROUGH).await?;
    let mut matching = modules.iter().filter(|module| module.digest.starts_with(prefix));
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only.digest.clone()),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("more than one module's digest begins with {prefix}")))
        }
        (None, _) => {
            Err(Failure::new("module_not_found", format!("no file and no module is called {prefix}"))
                .with_hint("`cloister modules` lists the modules"))
        }
    }
}
