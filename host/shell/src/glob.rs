//! Patterns on the tenant's directory.

use crate::{
    limits, path,
    pattern::{Marked, Pattern, is_pattern},
    world::{EntryKind, Refusal, World},
};

/// Names that are compared before other tasks have a turn.
const MATCHES_PER_TURN: usize = 256;

/// One part of a path.
enum Step {
    /// A name, taken as it is.
    Name(String),
    /// Names that match, in one directory.
    Match(Pattern),
    /// `**`: any number of directories.
    Deep,
}

/// The names that match a word, sorted; empty when there are none.
///
/// # Errors
/// `too_many_matches` when there are more than [`limits::GLOB_MATCHES`], or more than [`limits::GLOB_VISITED`] to look at, of
/// which `visited` is counted already; `pattern_too_long` when one name's has more than [`limits::GLOB_PATTERN_CHARS`].
pub(crate) async fn expand(
    word: &[Marked],
    cwd: &str,
    world: &dyn World,
    visited: &mut usize,
) -> Result<Vec<String>, Refusal> {
    let absolute = word.first().is_some_and(|(char, _)| *char == '/');
    let only_directories = word.len() > 1 && word.last().is_some_and(|(char, _)| *char == '/');
    let mut steps: Vec<Step> = word
        .split(|(char, _)| *char == '/')
        .filter(|part| !part.is_empty())
        .map(step)
        .collect::<Result<_, _>>()?;
    // Twice in a row means the same as once.
    steps.dedup_by(|next, step| matches!((next, step), (Step::Deep, Step::Deep)));
    let start = if absolute { "/".to_owned() } else { String::new() };
    let mut walk = Walk { cwd, world, visited };
    // As they are shown: relative when the word is. Each with whether it is known to exist.
    let mut found = vec![(start, true)];
    for (index, step) in steps.iter().enumerate() {
        let last = index + 1 == steps.len();
        let mut next = Vec::new();
        for (at, known) in found {
            match step {
                // No file has a longer path.
                Step::Name(name) if at.len() + name.len() >= limits::PATH_BYTES => {}
                Step::Name(name) => next.push((join(&at, name), false)),
                Step::Match(pattern) => {
                    walk.matching(&at, pattern, last && !only_directories, &mut next).await?
                }
                Step::Deep if last => walk.below(&at, !only_directories, &mut next).await?,
                Step::Deep => {
                    next.push((at.clone(), known));
                    walk.below(&at, false, &mut next).await?;
                }
            }
            if next.len() > limits::GLOB_MATCHES {
                return Err(too_many());
            }
        }
        found = next;
    }
    let mut names = Vec::new();
    for (name, known) in found {
        if !known && !walk.exists(&name, only_directories).await? {
            continue;
        }
        names.push(if only_directories && !name.ends_with('/') { format!("{name}/") } else { name });
    }
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn step(part: &[Marked]) -> Result<Step, Refusal> {
    if part == [('*', false), ('*', false)] {
        return Ok(Step::Deep);
    }
    if !is_pattern(part) {
        return Ok(Step::Name(part.iter().map(|(char, _)| *char).collect()));
    }
    if part.len() > limits::GLOB_PATTERN_CHARS {
        let message = format!("a pattern for one name has at most {} characters", limits::GLOB_PATTERN_CHARS);
        return Err(Refusal::new("pattern_too_long", message));
    }
    Ok(Step::Match(Pattern::new(part)))
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() || at.ends_with('/') { format!("{at}{name}") } else { format!("{at}/{name}") }
}

fn too_many() -> Refusal {
    Refusal::new("too_many_matches", format!("a pattern may match at most {} names", limits::GLOB_MATCHES))
}

struct Walk<'a> {
    cwd: &'a str,
    world: &'a dyn World,
    visited: &'a mut usize,
}

type Found = Vec<(String, bool)>;

impl Walk<'_> {
    async fn entries(&mut self, at: &str) -> Result<Vec<crate::world::Entry>, Refusal> {
        let Ok(directory) = path::resolve(self.cwd, at) else { return Ok(Vec::new()) };
        // What cannot be listed has no matches, as in every shell.
        let entries = self.world.list(&directory).await.unwrap_or_default();
        *self.visited += entries.len() + 1;
        if *self.visited > limits::GLOB_VISITED {
            return Err(too_many());
        }
        Ok(entries)
    }

    async fn exists(&mut self, at: &str, directory: bool) -> Result<bool, Refusal> {
        *self.visited += 1;
        if *self.visited > limits::GLOB_VISITED {
            return Err(too_many());
        }
        let Ok(resolved) = path::resolve(self.cwd, at) else { return Ok(false) };
        let kind = self.world.metadata(&resolved).await;
        Ok(kind.is_ok_and(|kind| !directory || kind == EntryKind::Directory))
    }

    async fn matching(
        &mut self,
        at: &str,
        pattern: &Pattern,
        any_kind: bool,
        into: &mut Found,
    ) -> Result<(), Refusal> {
        for (index, entry) in self.entries(at).await?.into_iter().enumerate() {
            if index % MATCHES_PER_TURN == MATCHES_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            if !pattern.matches(&entry.name) {
                continue;
            }
            let name = join(at, &entry.name);
            match entry.kind {
                _ if any_kind => into.push((name, true)),
                EntryKind::Directory => into.push((name, true)),
                // It may lead to a directory.
                EntryKind::Symlink if self.exists(&name, true).await? => into.push((name, true)),
                _ => {}
            }
            if into.len() > limits::GLOB_MATCHES {
                return Err(too_many());
            }
        }
        Ok(())
    }

    /// Everything below, not through symlinks, and without what a dot hides.
    async fn below(&mut self, at: &str, any_kind: bool, into: &mut Found) -> Result<(), Refusal> {
        let mut open = vec![(at.to_owned(), 0)];
        while let Some((directory, depth)) = open.pop() {
            for entry in self.entries(&directory).await? {
                if entry.name.starts_with('.') {
                    continue;
                }
                let name = join(&directory, &entry.name);
                let goes_down = entry.kind == EntryKind::Directory;
                if goes_down && depth < limits::GLOB_DEPTH && name.len() <= limits::PATH_BYTES {
                    if open.len() == limits::GLOB_MATCHES {
                        return Err(too_many());
                    }
                    open.push((name.clone(), depth + 1));
                }
                if any_kind || goes_down {
                    into.push((name, true));
                }
                if into.len() > limits::GLOB_MATCHES {
                    return Err(too_many());
                }
            }
        }
        Ok(())
    }
}
