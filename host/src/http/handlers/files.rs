//! The tenant's files.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};

use super::rfc3339;
use crate::api::{FileEntry, Success};
use crate::auth::{Member, act, authorize};
use crate::files::{Entry, Found, TenantPath};
use crate::http::{Answer, ApiError, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant};
use crate::store::Page;

/// Bytes read from a file at once.
const READ_BYTES: usize = 64 * 1024;

/// A guest wrote the content: a browser that is led to it must neither run nor guess it.
const UNTRUSTED: [(HeaderName, HeaderValue); 3] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
    (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
];

/// Which page of a directory.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListFiles {
    /// Entries per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// What to write.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct WriteFile {
    /// `file` when absent; `directory` makes a directory and takes no body.
    kind: Option<WriteKind>,
}

/// What a write makes.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum WriteKind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// A path inside the tenant's directory.
#[derive(Deserialize)]
pub(in crate::http) struct FilePath {
    path: String,
}

impl FilePath {
    fn checked(&self) -> ApiResult<TenantPath> {
        self.path.parse().map_err(|error| ApiError::new("path_invalid", format!("{error}")))
    }
}

/// The entries of the tenant's directory, by name.
#[utoipa::path(
    get, path = "/v1/{tenant}/files", tag = "files",
    params(("tenant" = String, Path, description = "Slug or id."), ListFiles),
    responses((status = 200, body = Success<Vec<FileEntry>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn root(
    state: State<App>,
    member: Member,
    query: ApiQuery<ListFiles>,
) -> ApiResult<Response> {
    read(state, member, ApiPath(FilePath { path: String::new() }), query).await
}

/// A file's bytes, or a directory's entries by name.
#[utoipa::path(
    get, path = "/v1/{tenant}/files/{path}", tag = "files",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("path" = String, Path, description = "Path inside the tenant's directory."),
        ListFiles
    ),
    responses((
        status = 200,
        description = "A file's bytes, or a directory's entries.",
        content((Vec<u8> = "application/octet-stream"), (Success<Vec<FileEntry>> = "application/json"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn read(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<FilePath>,
    ApiQuery(query): ApiQuery<ListFiles>,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::FileRead, &path.path)?;
    let paging = Paging::new("files", query.limit, query.cursor.as_deref())?;
    let after = paging.after().map(name_of_position).transpose()?;
    match app.files.read(&permit, path.checked()?, after, paging.limit()).await? {
        Found::File { file, size_bytes } => {
            // What a guest appends meanwhile is not part of the announced length.
            let file = tokio::fs::File::from_std(file).take(size_bytes);
            let body = Body::from_stream(ReaderStream::with_capacity(file, READ_BYTES));
            let length = [(header::CONTENT_LENGTH, HeaderValue::from(size_bytes))];
            Ok((UNTRUSTED, length, body).into_response())
        }
        Found::Directory(listing) => {
            let items = listing.entries.into_iter().map(entry).collect();
            let page = Page { items, next: listing.next.map(|name| hex::encode(name).into_bytes()) };
            Ok(page_in_tenant(permit.scope(), &paging, page).into_response())
        }
    }
}

/// Writes a file whole or not at all, or makes a directory.
#[utoipa::path(
    put, path = "/v1/{tenant}/files/{path}", tag = "files",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("path" = String, Path, description = "Path inside the tenant's directory."),
        WriteFile
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Success<FileEntry>)), security(("bearer" = []))
)]
pub(in crate::http) async fn write(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<FilePath>,
    ApiQuery(query): ApiQuery<WriteFile>,
    body: Body,
) -> ApiResult<(StatusCode, Answer<FileEntry>)> {
    let permit = authorize(&member, act::FileWrite, &path.path)?;
    let wanted = path.checked()?;
    let made = match query.kind {
        Some(WriteKind::Directory) => app.files.make_directory(&permit, wanted).await?,
        Some(WriteKind::File) | None => {
            let name = app.clock.ulid().to_string();
            app.files.write(&permit, wanted, name, body.into_data_stream()).await?
        }
    };
    app.commands.observe_storage(permit.scope()).await;
    Ok((StatusCode::CREATED, in_tenant(permit.scope(), entry(made))))
}

/// Removes a file, or a directory with all in it.
#[utoipa::path(
    delete, path = "/v1/{tenant}/files/{path}", tag = "files",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("path" = String, Path, description = "Path inside the tenant's directory.")
    ),
    responses((status = 204, description = "Removed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<FilePath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::FileWrite, &path.path)?;
    app.files.remove(&permit, path.checked()?).await?;
    app.commands.observe_storage(permit.scope()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Names hold any character, and positions are plain: a position is a name in hex.
fn name_of_position(position: Vec<u8>) -> ApiResult<String> {
    let name = hex::decode(position).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| ApiError::new("malformed_cursor", "the cursor is not one of this list"))
}

fn entry(entry: Entry) -> FileEntry {
    FileEntry {
        name: entry.name,
        kind: entry.kind.to_owned(),
        size_bytes: entry.size_bytes,
        modified_at: rfc3339(entry.modified_at),
    }
}
