//! Paths of the tenant's directory: absolute, and never above `/`.

use crate::{limits, world::Refusal};

/// The absolute path that `path` names from `cwd`: without `.`, `..`, doubled and trailing slashes.
///
/// # Errors
/// `path_too_long` when it is longer than [`limits::PATH_BYTES`].
pub fn resolve(cwd: &str, path: &str) -> Result<String, Refusal> {
    let mut parts: Vec<&str> = Vec::new();
    let from = if path.starts_with('/') { "" } else { cwd };
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let resolved = format!("/{}", parts.join("/"));
    if resolved.len() > limits::PATH_BYTES {
        return Err(Refusal::new(
            "path_too_long",
            format!("a path has at most {} bytes", limits::PATH_BYTES),
        ));
    }
    Ok(resolved)
}
