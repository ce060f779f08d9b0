//! From words as they were typed to arguments: variables, splitting, patterns, quotes.

use crate::{
    ast::{Form, Parameter, Piece, Test, Word},
    glob, limits, path,
    pattern::{Marked, is_pattern},
    state::State,
    world::{Refusal, World},
};

/// The arguments that a command's words become.
///
/// # Errors
/// When there would be too many or they would be too long, when a pattern matches too much, or when `${NAME:?}` asks for an error.
pub(crate) async fn arguments(
    words: &[Word],
    state: &mut State,
    world: &dyn World,
) -> Result<Vec<String>, Refusal> {
    let mut arguments = Vec::new();
    let mut room = Room { bytes: limits::COMMAND_BYTES, words: limits::COMMAND_WORDS };
    let (mut declares, mut visited) = (false, 0);
    for word in words {
        // `export NAME=$value` takes the value whole, as an assignment does.
        if let (true, Some(assignment)) = (declares, word.assignment()) {
            let value = text(&assignment.value, state)?;
            room.take(assignment.name.len() + value.len() + 1)?;
            arguments.push(format!("{}={value}", assignment.name));
            continue;
        }
        for field in fields(word, state)? {
            if is_pattern(&field) {
                let names = glob::expand(&field, &state.cwd, world, &mut visited).await?;
                if !names.is_empty() {
                    for name in names {
                        room.take(name.len())?;
                        arguments.push(name);
                    }
                    continue;
                }
            }
            let argument: String = field.into_iter().map(|(char, _)| char).collect();
            room.take(argument.len())?;
            arguments.push(argument);
        }
        declares = declares || arguments.first().is_some_and(|first| first == "export");
    }
    Ok(arguments)
}

/// A word as one text: not split, and patterns stand for themselves. For assignments and files.
///
/// # Errors
/// As [`arguments`].
pub(crate) fn text(word: &Word, state: &mut State) -> Result<String, Refusal> {
    let mut expansion = Expansion::new(state);
    expansion.word(word, Within { whole: true, ..Within::default() })?;
    Ok(expansion.finish().into_iter().flatten().map(|(char, _)| char).collect())
}

struct Room {
    bytes: usize,
    words: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.words = self.words.checked_sub(1).ok_or_else(too_long)?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_long)?;
        Ok(())
    }
}

fn too_long() -> Refusal {
    let message = format!(
        "a command has at most {} arguments and {} bytes of them",
        limits::COMMAND_WORDS,
        limits::COMMAND_BYTES
    );
    Refusal::new("arguments_too_long", message)
}

fn fields(word: &Word, state: &mut State) -> Result<Vec<Vec<Marked>>, Refusal> {
    let mut expansion = Expansion::new(state);
    expansion.word(word, Within::default())?;
    Ok(expansion.finish())
}

struct Expansion<'a> {
    state: &'a mut State,
    fields: Vec<Vec<Marked>>,
    /// The field that is being made; `None` between fields.
    field: Option<Vec<Marked>>,
    room: usize,
}

impl<'a> Expansion<'a> {
    fn new(state: &'a mut State) -> Self {
        Self { state, fields: Vec::new(), field: None, room: limits::COMMAND_BYTES }
    }

    fn finish(mut self) -> Vec<Vec<Marked>> {
        self.fields.extend(self.field);
        self.fields
    }

    fn push(&mut self, text: &str, quoted: bool) -> Result<(), Refusal> {
        self.room = self.room.checked_sub(text.len()).ok_or_else(too_long)?;
        let field = self.field.get_or_insert_default();
        field.extend(text.chars().map(|char| (char, quoted)));
        Ok(())
    }

    /// Text of a variable that is not quoted: blanks part fields.
    fn split(&mut self, text: &str) -> Result<(), Refusal> {
        for (index, part) in text.split([' ', '\t', '\n']).enumerate() {
            if index > 0 {
                self.fields.extend(self.field.take());
                if self.fields.len() > limits::COMMAND_WORDS {
                    return Err(too_long());
                }
            }
            if !part.is_empty() {
                self.push(part, false)?;
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &Word, within: Within) -> Result<(), Refusal> {
        for (index, piece) in word.pieces.iter().enumerate() {
            match piece {
                Piece::Plain(text) if within.parameter => self.value(text, within)?,
                Piece::Plain(text) => self.push(text, false)?,
                Piece::Quoted(text) => self.push(text, true)?,
                Piece::Tilde => {
                    // `~/a` is `/a`.
                    let next = word.pieces.get(index + 1);
                    let slash = matches!(next, Some(Piece::Plain(next)) if next.starts_with('/'));
                    self.push(if slash { "" } else { "/" }, true)?;
                }
                Piece::Parameter(parameter) => self.parameter(parameter, within)?,
            }
        }
        Ok(())
    }

    fn parameter(&mut self, parameter: &Parameter, within: Within) -> Result<(), Refusal> {
        let within = Within { quoted: within.quoted || parameter.quoted, parameter: true, ..within };
        let value = match parameter.name.as_str() {
            "?" => Some(self.state.status.to_string()),
            name => self.state.get(name).map(str::to_owned),
        };
        let (test, or_empty, word) = match &parameter.form {
            Form::Value => return self.value(&value.unwrap_or_default(), within),
            Form::Length => {
                let length = value.map_or(0, |value| value.chars().count());
                return self.value(&length.to_string(), within);
            }
            Form::Test { test, or_empty, word } => (test, *or_empty, word),
        };
        let value = value.filter(|value| !or_empty || !value.is_empty());
        match (test, value) {
            (Test::Default | Test::Assign | Test::Require, Some(value)) => self.value(&value, within),
            (Test::Alternative, None) => self.value("", within),
            (Test::Default, None) | (Test::Alternative, Some(_)) => {
                if within.quoted {
                    self.push("", true)?;
                }
                self.word(word, within)
            }
            (Test::Assign, None) => {
                let value = text(word, self.state)?;
                self.state.set(&parameter.name, &value)?;
                self.value(&value, within)
            }
            (Test::Require, None) => {
                let said = text(word, self.state)?;
                let said = if said.is_empty() { "is not set".to_owned() } else { said };
                Err(Refusal::new("variable_not_set", format!("{}: {said}", parameter.name)))
            }
        }
    }

    fn value(&mut self, value: &str, within: Within) -> Result<(), Refusal> {
        match within {
            // Quotes make a field even of nothing.
            Within { quoted: true, .. } => self.push(value, true),
            Within { whole: true, .. } if value.is_empty() => Ok(()),
            Within { whole: true, .. } => self.push(value, false),
            Within { .. } => self.split(value),
        }
    }
}

/// Where a part of a word stands.
#[derive(Clone, Copy, Default)]
struct Within {
    /// In double quotes.
    quoted: bool,
    /// In an assignment or behind a redirection: nothing is split.
    whole: bool,
    /// In `${NAME:-…}`: its text is split as a value is.
    parameter: bool,
}

/// The file that a redirection names.
///
/// # Errors
/// As [`arguments`], and when the word is empty.
pub(crate) fn file(word: &Word, state: &mut State) -> Result<String, Refusal> {
    let name = text(word, state)?;
    if name.is_empty() {
        return Err(Refusal::new("not_found", "an empty file name"));
    }
    path::resolve(&state.cwd, &name)
}
