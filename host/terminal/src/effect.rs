//! What the line discipline tells its session.

/// How typed bytes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A person edits a line at the session's prompt, with history and completion. Entered by
    /// [`LineDiscipline::prompt`](crate::LineDiscipline::prompt) only.
    Prompt,
    /// A guest reads lines: they are edited without history and completion, and leave as [`Effect::Data`].
    Cooked,
    /// A guest reads bytes: they leave as [`Effect::Data`], unchanged, Ctrl-C too, and nothing is echoed.
    Raw,
    /// Nobody reads: what is typed is shown and edited as in [`Mode::Cooked`], and finished lines are kept until the mode
    /// changes.
    Busy,
}

/// What typed bytes led to, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// To the terminal, as it is.
    Echo(Vec<u8>),
    /// Enter at the prompt. The text has no newline at its end; it has some inside when several lines were pasted. The
    /// mode is [`Mode::Busy`] from here on, until the session prompts again or hands the terminal to a guest.
    Line(String),
    /// Ctrl-C outside raw mode. The line and all type-ahead are gone. After one at the prompt the mode is
    /// [`Mode::Busy`], until the session prompts again.
    Interrupt,
    /// Ctrl-D on an empty line. After one at the prompt the mode is [`Mode::Busy`]; in cooked mode it stays.
    EndOfInput,
    /// Tab at the prompt. What is typed from here on is held until
    /// [`LineDiscipline::complete`](crate::LineDiscipline::complete) answers.
    Complete {
        /// The whole line.
        line: String,
        /// Where the cursor is in it, in bytes.
        cursor_bytes: usize,
        /// True when the last key was Tab too, so that the candidates would be listed.
        again: bool,
    },
    /// To the guest: bytes in raw mode; a line with its newline, or a part of one that Ctrl-D sent, in cooked mode.
    Data(Vec<u8>),
}
