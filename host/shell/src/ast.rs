//! What a line means, before anything is expanded.

/// A parsed line, perhaps of several lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// What is run, one after the other.
    pub items: Vec<Item>,
}

/// What stands between `;`, `&` and line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The pipelines.
    pub list: AndOr,
    /// Whether `&` follows: a job.
    pub background: bool,
    /// As it was typed.
    pub text: String,
}

/// Pipelines joined by `&&` and `||`, which bind alike, from the left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AndOr {
    /// The first one.
    pub first: Pipeline,
    /// The others, each with what stands before it.
    pub rest: Vec<(Connector, Pipeline)>,
}

/// What joins two pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connector {
    /// `&&`: when the last status is 0.
    And,
    /// `||`: when it is not.
    Or,
}

/// Commands joined by `|`; one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Whether `!` stands before it: a status of 0 becomes 1, any other 0.
    pub negated: bool,
    /// The commands.
    pub commands: Vec<Command>,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// Assignments before the name.
    pub assignments: Vec<Assignment>,
    /// The name and its arguments; none when there are only assignments or redirections.
    pub words: Vec<Word>,
    /// Redirections in the order they were typed.
    pub redirections: Vec<Redirection>,
}

/// `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Its value: not split and not matched against files.
    pub value: Word,
}

/// One redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// What is redirected.
    pub descriptor: Descriptor,
    /// Where to.
    pub target: Target,
}

/// One of a command's three streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descriptor {
    /// 0
    Stdin,
    /// 1
    Stdout,
    /// 2
    Stderr,
}

/// Where a stream is redirected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `<`
    Read(Word),
    /// `>` and `>|`
    Write(Word),
    /// `>>`
    Append(Word),
    /// `>&1`: where the other one goes at that moment.
    Same(Descriptor),
}

/// A word as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Its parts, which are joined.
    pub pieces: Vec<Piece>,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text without quotes: `*`, `?` and `[` in it match files.
    Plain(String),
    /// Text that was quoted or escaped; perhaps empty.
    Quoted(String),
    /// `~` before `/` or alone: the tenant's directory.
    Tilde,
    /// A variable.
    Parameter(Parameter),
}

/// A variable in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Which one: a name, or `?` for the last status.
    pub name: String,
    /// Whether it stands in double quotes: then it is not split.
    pub quoted: bool,
    /// What becomes of its value.
    pub form: Form,
}

/// What becomes of a variable's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `$NAME`, `${NAME}`
    Value,
    /// `${#NAME}`: its length in characters.
    Length,
    /// `${NAME:-word}` and the like.
    Test {
        /// What is done.
        test: Test,
        /// Whether a colon stands there: an empty variable then counts as one that is not set.
        or_empty: bool,
        /// The word behind.
        word: Word,
    },
}

/// What `${NAME…word}` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `-`: the word, if not set.
    Default,
    /// `=`: the word, if not set, which is assigned as well.
    Assign,
    /// `+`: the word, if set.
    Alternative,
    /// `?`: an error with the word for its message, if not set.
    Require,
}

impl Word {
    /// The text, when nothing in the word is quoted or expanded.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// The word as an assignment, when it begins with an unquoted name and `=`.
    #[must_use]
    pub fn assignment(&self) -> Option<Assignment> {
        let Some(Piece::Plain(text)) = self.pieces.first() else { return None };
        let (name, rest) = text.split_once('=')?;
        if !is_name(name) {
            return None;
        }
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let alone = self.pieces.len() == 1;
        match rest.strip_prefix('~') {
            Some(after) if (after.is_empty() && alone) || after.starts_with('/') => {
                pieces.push(Piece::Tilde);
                if !after.is_empty() {
                    pieces.push(Piece::Plain(after.to_owned()));
                }
            }
            _ if rest.is_empty() => {}
            _ => pieces.push(Piece::Plain(rest.to_owned())),
        }
        pieces.extend_from_slice(&self.pieces[1..]);
        Some(Assignment { name: name.to_owned(), value: Self { pieces } })
    }
}

/// Whether a text can name a variable: ASCII letters, digits and `_`, and no digit first.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
