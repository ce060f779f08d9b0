//! Completion: what may stand where the cursor is.

use crate::{
    Shell,
    ast::{Piece, Word},
    builtins::BUILTINS,
    expand,
    lex::{Kind, Lexed, Open, Token, lex},
    limits,
    parse::redirects,
    path,
    quote::{escape, escape_in_double},
    world::{CommandInfo, EntryKind, World},
};

/// What the text before the cursor may become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// From which byte of the line to the cursor a candidate takes the text's place.
    pub start: usize,
    /// Sorted; at most [`limits::CANDIDATES`].
    pub candidates: Vec<Candidate>,
    /// Whether there are more.
    pub truncated: bool,
}

/// One possibility.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// What takes the place of the text, quoted as the language wants it.
    pub text: String,
    /// What to show in a list.
    pub display: String,
    /// What it is.
    pub kind: CandidateKind,
    /// What to type behind it when it is the only one.
    pub trailing: Option<char>,
}

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// A command of the shell itself.
    Builtin,
    /// A deployed command.
    Command,
    /// A flag that the command's module declares.
    Flag,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A variable.
    Variable,
    /// A job, or a run of one.
    Job,
    /// A workflow.
    Workflow,
    /// A word that a builtin knows.
    Option,
}

impl Completion {
    /// What all candidates begin with: it can take the text's place when it is longer than that. It never ends in half an escape.
    #[must_use]
    pub fn common_prefix(&self) -> &str {
        let Some(first) = self.candidates.first() else { return "" };
        let mut common = first.text.as_str();
        for candidate in &self.candidates[1..] {
            let same = common.char_indices().zip(candidate.text.chars());
            let length =
                same.take_while(|((_, one), other)| one == other).map(|((at, one), _)| at + one.len_utf8());
            common = &common[..length.last().unwrap_or(0)];
        }
        let backslashes = common.bytes().rev().take_while(|byte| *byte == b'\\').count();
        &common[..common.len() - if self.candidates.len() > 1 { backslashes % 2 } else { 0 }]
    }
}

/// What may stand at the cursor, a byte of the line. Nothing where the line is not understood.
pub async fn complete(line: &str, cursor: usize, shell: &Shell, world: &dyn World) -> Completion {
    let before = line.get(..cursor).unwrap_or(line);
    let Ok(lexed) = lex(before) else { return Completion::default() };
    if lexed.comment || lexed.open == Some(Open::Escape) {
        return Completion { start: before.len(), ..Completion::default() };
    }
    let place = Place::find(before, &lexed);
    let mut found =
        Found { completion: Completion { start: place.start, ..Completion::default() }, names: 0 };
    if let Some(name) = variable_at_end(before, place.start, lexed.open) {
        found.completion.start = before.len() - name.len();
        let braces = before[..before.len() - name.len()].ends_with('{');
        for (variable, _) in shell.state().variables().filter(|(variable, _)| variable.starts_with(name)) {
            let text = if braces { format!("{variable}}}") } else { variable.to_owned() };
            found.add(text, variable, CandidateKind::Variable, None);
        }
        return found.finish();
    }
    if lexed.open == Some(Open::Brace) {
        return found.finish();
    }
    let Some(typed) = place.typed(shell) else { return found.finish() };
    let style = Style { open: lexed.open, tilde: place.tilde() };
    match place.role {
        Role::Command => {
            for (name, _, _) in BUILTINS.iter().filter(|builtin| builtin.0.starts_with(&typed)) {
                found.add(style.word(name), name, CandidateKind::Builtin, Some(' '));
            }
            for command in commands(&typed, world).await {
                found.add(style.word(&command.name), &command.name, CandidateKind::Command, Some(' '));
            }
        }
        Role::File => paths(&typed, false, &style, shell, world, &mut found).await,
        Role::Argument { command } => {
            argument(command, &typed, &style, shell, world, &mut found).await;
        }
    }
    found.finish()
}

/// An argument of a command.
async fn argument(
    command: &str,
    typed: &str,
    style: &Style,
    shell: &Shell,
    world: &dyn World,
    found: &mut Found,
) {
    match command {
        "cd" => paths(typed, true, style, shell, world, found).await,
        "fg" | "wait" | "kill" => {
            for job in shell.jobs().all() {
                let (name, display) = (format!("%{}", job.number), format!("%{} {}", job.number, job.text));
                if name.starts_with(typed) {
                    found.add(name, &display, CandidateKind::Job, Some(' '));
                }
                let runs = job.runs.lock().clone();
                for run in runs.iter().filter(|run| command == "kill" && run.starts_with(typed)) {
                    found.add(style.word(run), run, CandidateKind::Job, Some(' '));
                }
            }
        }
        "export" | "unset" => {
            for (name, _) in shell.state().variables().filter(|(name, _)| name.starts_with(typed)) {
                found.add(name.to_owned(), name, CandidateKind::Variable, None);
            }
        }
        "set" => {
            for option in
                ["-o", "+o", "pipefail", "history"].iter().filter(|option| option.starts_with(typed))
            {
                found.add((*option).to_owned(), option, CandidateKind::Option, Some(' '));
            }
        }
        "help" | "type" | "which" | "command" => {
            for (name, _, _) in
                BUILTINS.iter().filter(|name| command != "command" && name.0.starts_with(typed))
            {
                found.add(style.word(name), name, CandidateKind::Builtin, Some(' '));
            }
            for info in commands(typed, world).await {
                found.add(style.word(&info.name), &info.name, CandidateKind::Command, Some(' '));
            }
        }
        _ if typed.starts_with('-') => {
            let commands = world.commands().await;
            let flags = commands.iter().filter(|info| info.name == command).flat_map(|info| &info.flags);
            for flag in flags.filter(|flag| flag.name.starts_with(typed)) {
                let display = format!("{}  {}", flag.name, flag.summary);
                found.add(style.word(&flag.name), display.trim_end(), CandidateKind::Flag, Some(' '));
            }
            if found.names == 0 {
                paths(typed, false, style, shell, world, found).await;
            }
        }
        _ => {
            if command == "workflow" {
                for name in world.workflows().await.iter().filter(|name| name.starts_with(typed)) {
                    found.add(style.word(name), name, CandidateKind::Workflow, Some(' '));
                }
            }
            paths(typed, false, style, shell, world, found).await;
        }
    }
}

async fn commands(typed: &str, world: &dyn World) -> Vec<CommandInfo> {
    let mut commands = world.commands().await;
    commands.retain(|command| command.name.starts_with(typed));
    commands
}

async fn paths(
    typed: &str,
    only_directories: bool,
    style: &Style,
    shell: &Shell,
    world: &dyn World,
    found: &mut Found,
) {
    let (above, name) =
        typed.rsplit_once('/').map_or(("", typed), |(above, name)| (&typed[..=above.len()], name));
    let Ok(directory) = path::resolve(shell.cwd(), above) else { return };
    for entry in world.list(&directory).await.unwrap_or_default() {
        let hidden = entry.name.starts_with('.') && !name.starts_with('.');
        // What cannot be typed or shown safely is not offered.
        if !entry.name.starts_with(name) || hidden || entry.name.chars().any(char::is_control) {
            continue;
        }
        let is_directory = match entry.kind {
            EntryKind::Directory => true,
            EntryKind::Symlink if found.room() => {
                let target = path::resolve(&directory, &entry.name).ok();
                match target {
                    Some(target) => world.metadata(&target).await == Ok(EntryKind::Directory),
                    None => false,
                }
            }
            _ => false,
        };
        if is_directory {
            let text = style.open_word(&format!("{above}{}/", entry.name));
            found.add(text, &format!("{}/", entry.name), CandidateKind::Directory, None);
        } else if !only_directories {
            let text = style.word(&format!("{above}{}", entry.name));
            found.add(text, &entry.name, CandidateKind::File, Some(' '));
        }
    }
}

struct Found {
    completion: Completion,
    names: usize,
}

impl Found {
    fn room(&self) -> bool {
        self.names < limits::CANDIDATES
    }

    fn add(&mut self, text: String, display: &str, kind: CandidateKind, trailing: Option<char>) {
        self.names += 1;
        if self.names > limits::CANDIDATES {
            self.completion.truncated = true;
            return;
        }
        self.completion.candidates.push(Candidate { text, display: display.to_owned(), kind, trailing });
    }

    fn finish(mut self) -> Completion {
        self.completion.candidates.sort();
        self.completion.candidates.dedup_by(|one, other| one.text == other.text);
        self.completion
    }
}

/// How a candidate is quoted: as what was typed.
struct Style {
    open: Option<Open>,
    tilde: bool,
}

impl Style {
    /// A complete word.
    fn word(&self, text: &str) -> String {
        let word = self.open_word(text);
        match self.open {
            Some(Open::Single) => format!("{word}'"),
            Some(Open::Double) => format!("{word}\""),
            _ => word,
        }
    }

    /// A word that goes on.
    fn open_word(&self, text: &str) -> String {
        match self.open {
            Some(Open::Single) => format!("'{}", text.replace('\'', r"'\''")),
            Some(Open::Double) => format!("\"{}", escape_in_double(text)),
            _ if self.tilde => format!("~{}", escape(text)),
            _ => escape(text),
        }
    }
}

/// The word at the cursor, and what it is to its command.
struct Place<'a> {
    start: usize,
    /// The word as far as it was typed; what stands before its value (`NAME=`, `--flag=`) is left out.
    word: Word,
    role: Role<'a>,
}

enum Role<'a> {
    Command,
    File,
    Argument { command: &'a str },
}

impl<'a> Place<'a> {
    fn find(before: &str, lexed: &'a Lexed) -> Self {
        let (tokens, current): (&[Token], Option<(&Token, &Word)>) = match lexed.tokens.split_last() {
            Some((token, tokens)) if token.end == before.len() => match &token.kind {
                Kind::Word(word) => (tokens, Some((token, word))),
                _ => (&lexed.tokens, None),
            },
            _ => (&lexed.tokens, None),
        };
        let (mut command, mut target) = (None, false);
        for token in tokens {
            match &token.kind {
                Kind::Operator(operator) if redirects(operator) => target = true,
                Kind::Operator(_) => (command, target) = (None, false),
                Kind::Word(_) if target => target = false,
                Kind::Word(word) if command.is_none() => {
                    let skipped = word.assignment().is_some() || word.plain() == Some("!");
                    command = (!skipped).then(|| word.plain().unwrap_or_default());
                }
                Kind::Word(_) | Kind::Number(_) => {}
            }
        }
        let role = match command {
            _ if target => Role::File,
            None => Role::Command,
            Some(command) => Role::Argument { command },
        };
        let Some((token, word)) = current else {
            return Self { start: before.len(), word: Word::default(), role };
        };
        if let Some((front, value)) = value_of(word)
            && before[token.start..].starts_with(front)
        {
            return Self { start: token.start + front.len(), word: value, role: Role::File };
        }
        Self { start: token.start, word: word.clone(), role }
    }

    fn tilde(&self) -> bool {
        matches!(self.word.pieces.first(), Some(Piece::Tilde)) && self.word.pieces.len() > 1
    }

    /// What the word says, without its quotes. A tilde in front is left out.
    fn typed(&self, shell: &Shell) -> Option<String> {
        let mut word = self.word.clone();
        if self.tilde() {
            word.pieces.remove(0);
        }
        expand::text(&word, &mut shell.state().clone()).ok()
    }
}

/// `NAME=` or `--flag=` in front of a word, and the rest.
fn value_of(word: &Word) -> Option<(&str, Word)> {
    let Some(Piece::Plain(text)) = word.pieces.first() else { return None };
    let at = text.find('=')?;
    let (front, rest) = text.split_at(at + 1);
    if !front.starts_with("--") && word.assignment().is_none() {
        return None;
    }
    let mut pieces = vec![Piece::Plain(rest.to_owned())];
    pieces.extend_from_slice(&word.pieces[1..]);
    Some((front, Word { pieces }))
}

/// The name behind a `$` or `${` that the text ends with, perhaps empty.
fn variable_at_end(before: &str, start: usize, open: Option<Open>) -> Option<&str> {
    if open == Some(Open::Single) {
        return None;
    }
    let word = &before[start..];
    let name_length =
        word.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (front, name) = word.split_at(word.len() - name_length);
    let front = front.strip_suffix('{').unwrap_or(front).strip_suffix('$')?;
    let backslashes = front.bytes().rev().take_while(|byte| *byte == b'\\').count();
    (backslashes % 2 == 0).then_some(name)
}
