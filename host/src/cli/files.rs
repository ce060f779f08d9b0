//! `files`: the tenant's directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cloister_host::api::FileEntry;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, Url};

use super::client::{Client, FileBody};
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::modules::send_file;
use super::table::Table;
use super::units;

#[derive(Debug, Subcommand)]
pub(crate) enum FilesCommand {
    /// List a directory
    Ls(LsArgs),
    /// Fetch a file
    Get(GetArgs),
    /// Store a file; it appears whole or not at all
    Put(PutArgs),
    /// Make a directory
    Mkdir(MkdirArgs),
    /// Remove files, and directories with all in them
    Rm(RmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// The directory
    #[arg(value_name = "PATH", default_value = "/")]
    path: String,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The file in the tenant's directory
    #[arg(value_name = "PATH")]
    path: String,
    /// Where to put it here; `-` is standard output [default: its name, in the current directory]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// The file here; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its place in the tenant's directory; a path that ends in `/` keeps the file's name
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MkdirArgs {
    /// The directory
    #[arg(value_name = "PATH")]
    path: String,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// What to remove
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

/// Does what was asked.
pub(crate) async fn files(context: &Context, command: FilesCommand) -> Outcome {
    let client = context.client()?;
    match command {
        FilesCommand::Ls(args) => ls(context, &client, &args).await,
        FilesCommand::Get(args) => get(&client, args).await,
        FilesCommand::Put(args) => put(context, &client, args).await,
        FilesCommand::Mkdir(args) => mkdir(context, &client, &args).await,
        FilesCommand::Rm(args) => rm(&client, &args).await,
    }
}

/// The address of a path. `..` would be resolved by the address itself, and name something else.
fn address(client: &Client, path: &str) -> Outcome<Url> {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if segments.contains(&"..") {
        return Err(Failure::usage(format!("`{path}` leaves the tenant's directory, or goes through `..`")));
    }
    let mut all = vec!["files"];
    all.extend(if segments.is_empty() { vec![""] } else { segments });
    client.tenant_url(&all)
}

fn is_listing(answer: &Response) -> bool {
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.starts_with("application/json"))
}

async fn ls(context: &Context, client: &Client, args: &LsArgs) -> Outcome {
    let url = address(client, &args.path)?;
    let answer = client.send(|| Ok(client.request(Method::GET, &url))).await?;
    if !is_listing(&answer) {
        return Err(Failure::new("not_a_directory", format!("{} is a file", args.path))
            .with_hint("`cloister files get` fetches it"));
    }
    let entries: Vec<FileEntry> = client.envelope(answer).await?.data;
    context.output.list(&entries, "(empty)", || {
        let now = context.clock.now();
        let mut table = Table::new(&[">SIZE", "MODIFIED", "NAME"]);
        for entry in &entries {
            let directory = entry.kind == "directory";
            let size = if directory { "-".to_owned() } else { units::size(entry.size_bytes) };
            let name = if directory { format!("{}/", entry.name) } else { entry.name.clone() };
            table.row([size, units::age(&entry.modified_at, now), name]);
        }
        table
    })
}

async fn get(client: &Client, args: GetArgs) -> Outcome {
    let name = args.path.rsplit('/').next().filter(|name| !name.is_empty());
    let target = match (args.file, name) {
        (Some(file), Some(name)) if file.is_dir() => file.join(name),
        (Some(file), _) => file,
        (None, Some(name)) => PathBuf::from(name),
        (None, None) => return Err(Failure::usage(format!("`{}` is a directory", args.path))),
    };
    let url = address(client, &args.path)?;
    let answer = client.send(|| Ok(client.request(Method::GET, &url))).await?;
    if is_listing(&answer) {
        return Err(Failure::new("is_a_directory", format!("{} is a directory", args.path))
            .with_hint("`cloister files ls` lists it"));
    }
    if target == Path::new("-") {
        let mut out = std::io::stdout().lock();
        copy(client, answer, &mut out, Failure::from_write).await?;
        return out.flush().map_err(|error| Failure::from_write(&error));
    }
    download(client, answer, &target).await
}

/// Writes beside the target and renames at the end: a file here is whole or not there.
async fn download(client: &Client, answer: Response, target: &Path) -> Outcome {
    let failed = |error: &std::io::Error| Failure::local(format!("write {}", target.display()), error);
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(|error| failed(&error))?;
    copy(client, answer, &mut file, failed).await?;
    file.persist(target).map(drop).map_err(|error| failed(&error.error))
}

async fn copy(
    client: &Client,
    mut answer: Response,
    to: &mut impl Write,
    failed: impl Fn(&std::io::Error) -> Failure,
) -> Outcome {
    while let Some(chunk) =
        answer.chunk().await.map_err(|error| Failure::unreachable(client.host(), &error))?
    {
        to.write_all(&chunk).map_err(|error| failed(&error))?;
    }
    Ok(())
}

async fn put(context: &Context, client: &Client, args: PutArgs) -> Outcome {
    let name = args.file.file_name().and_then(|name| name.to_str()).filter(|name| *name != "-");
    let path = match (args.path, name) {
        (Some(path), Some(name)) if path.ends_with('/') => format!("{path}{name}"),
        (Some(path), _) => path,
        (None, Some(name)) => name.to_owned(),
        (None, None) => return Err(Failure::usage("say where the file goes: cloister files put FILE PATH")),
    };
    let url = address(client, &path)?;
    let body = FileBody::new(&args.file)?;
    let answer = send_file(context, client, Method::PUT, &url, &body, "application/octet-stream").await?;
    let entry: FileEntry = client.envelope(answer).await?.data;
    context.output.item(&entry, || format!("{path}: {}", units::size(entry.size_bytes)))
}

async fn mkdir(context: &Context, client: &Client, args: &MkdirArgs) -> Outcome {
    let mut url = address(client, &args.path)?;
    url.query_pairs_mut().append_pair("kind", "directory");
    let answer = client.send(|| Ok(client.request(Method::PUT, &url))).await?;
    let entry: FileEntry = client.envelope(answer).await?.data;
    context.output.item(&entry, || format!("{}/", args.path.trim_end_matches('/')))
}

async fn rm(client: &Client, args: &RmArgs) -> Outcome {
    for path in &args.paths {
        client.delete(&address(client, path)?).await?;
    }
    Ok(())
}
