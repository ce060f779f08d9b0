//! Words and operators of a line, in one pass, without going back.
//!
//! The grammar of lists, pipelines and redirections is brush-parser's, but not its tokenizer: that one closes up blanks in
//! `${NAME:-a  b}`, recurses as deep as a line nests, and has no answer for a line whose end is still missing, which
//! completion asks about. What this shell does not know is refused here, so that the grammar sees flat commands only.

use crate::{
    ast::{Form, Parameter, Piece, Test, Word},
    error::SyntaxError,
    limits,
};

/// A word or an operator.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Its bytes in the line.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Word(Word),
    Operator(&'static str),
    /// A digit right before `<` or `>`.
    Number(u8),
}

/// What is still open at the end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// `'`
    Single,
    /// `"`
    Double,
    /// A backslash, outside of quotes or in double ones.
    Escape,
    /// `${`, outside of quotes or in double ones.
    Brace,
}

#[derive(Debug)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    /// The last word is not complete, as far as it goes.
    pub(crate) open: Option<Open>,
    /// The line ends within a comment.
    pub(crate) comment: bool,
}

/// Longest first.
const OPERATORS: [&str; 20] = [
    "<<<", "<<-", "&>>", "&&", "||", "|&", ";;", ";&", "&>", "<<", ">>", "<&", ">&", "<>", ">|", "&", "|",
    ";", "<", ">",
];

/// Splits a line into words and operators.
pub(crate) fn lex(line: &str) -> Result<Lexed, SyntaxError> {
    if line.len() > limits::LINE_BYTES {
        return Err(SyntaxError::TooLong { limit: limits::LINE_BYTES, unit: "bytes" });
    }
    let mut lexer = Lexer { line, at: 0, open: None };
    let (mut tokens, mut comment): (Vec<Token>, bool) = (Vec::new(), false);
    while let Some(next) = lexer.peek() {
        let start = lexer.at;
        comment = false;
        let kind = match next {
            ' ' | '\t' => {
                lexer.at += 1;
                continue;
            }
            '\\' if lexer.rest().starts_with("\\\n") => {
                lexer.at += 2;
                continue;
            }
            '#' => {
                lexer.at += lexer.rest().find('\n').unwrap_or(lexer.rest().len());
                comment = true;
                continue;
            }
            '\n' => {
                lexer.at += 1;
                Kind::Operator("\n")
            }
            '(' | ')' => return Err(lexer.parenthesis(tokens.last())),
            _ => match OPERATORS.iter().find(|operator| lexer.rest().starts_with(**operator)) {
                Some(operator) => lexer.operator(operator)?,
                None => lexer.word_or_number()?,
            },
        };
        if tokens.len() == limits::LINE_TOKENS {
            return Err(SyntaxError::TooLong { limit: limits::LINE_TOKENS, unit: "words and operators" });
        }
        tokens.push(Token { kind, start, end: lexer.at });
    }
    Ok(Lexed { tokens, open: lexer.open, comment })
}

/// The column of a byte of the line.
pub(crate) fn column(line: &str, at: usize) -> usize {
    line.get(..at).map_or(0, |before| before.chars().count()) + 1
}

struct Lexer<'a> {
    line: &'a str,
    at: usize,
    open: Option<Open>,
}

/// Collects pieces, joining texts of the same kind.
#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn plain(&mut self, char: char) {
        match self.0.last_mut() {
            Some(Piece::Plain(text)) => text.push(char),
            _ => self.0.push(Piece::Plain(char.into())),
        }
    }

    fn quoted(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Quoted(before)) => before.push_str(text),
            _ => self.0.push(Piece::Quoted(text.to_owned())),
        }
    }
}

/// Where a word ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// At a blank or an operator.
    Blank,
    /// At the `}` of `${`.
    Brace,
    /// At the `}` of `${` in double quotes: single quotes mean nothing there.
    QuotedBrace,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn unsupported(&self, what: &'static str, at: usize) -> SyntaxError {
        SyntaxError::Unsupported { what, column: column(self.line, at) }
    }

    fn operator(&mut self, operator: &'static str) -> Result<Kind, SyntaxError> {
        let start = self.at;
        self.at += operator.len();
        let what = match operator {
            "<<" | "<<-" => "here-documents are",
            "<<<" => "here-strings are",
            "<>" => "opening a file to read and write is",
            "<" | ">" if self.peek() == Some('(') => "process substitution is",
            ";;" | ";&" => {
                let column = column(self.line, start);
                return Err(SyntaxError::Unexpected { token: format!("`{operator}`"), column });
            }
            _ => return Ok(Kind::Operator(operator)),
        };
        Err(self.unsupported(what, start))
    }

    fn parenthesis(&self, before: Option<&Token>) -> SyntaxError {
        if self.peek() == Some(')') {
            return SyntaxError::Unexpected { token: "`)`".to_owned(), column: column(self.line, self.at) };
        }
        let what = match before {
            Some(Token { kind: Kind::Word(word), end, .. }) => match word.plain() {
                Some(text) if *end == self.at && text.ends_with('=') => "arrays are",
                Some(text) if text.ends_with(['?', '*', '+', '@', '!']) => "extended patterns are",
                _ => "functions are",
            },
            _ if self.rest().starts_with("((") => "arithmetic is",
            _ => "subshells are",
        };
        self.unsupported(what, self.at)
    }

    fn word_or_number(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        let word = self.word(Until::Blank, 0)?;
        if let Some(text) = word.plain()
            && matches!(self.peek(), Some('<' | '>'))
            && text.bytes().all(|byte| byte.is_ascii_digit())
        {
            return match text {
                "0" | "1" | "2" => Ok(Kind::Number(text.as_bytes()[0] - b'0')),
                _ => Err(self.unsupported("file descriptors above 2 are", start)),
            };
        }
        if braces_expand(&word) {
            return Err(self.unsupported("brace expansion (unless the braces are quoted) is", start));
        }
        Ok(Kind::Word(word))
    }

    fn word(&mut self, until: Until, depth: usize) -> Result<Word, SyntaxError> {
        let mut pieces = Pieces::default();
        if until != Until::QuotedBrace && self.peek() == Some('~') {
            let after = self.rest()[1..].chars().next();
            let ends = |after| match until {
                Until::Blank => matches!(after, '/' | ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>'),
                _ => matches!(after, '/' | '}'),
            };
            if after.is_none_or(ends) {
                self.at += 1;
                pieces.0.push(Piece::Tilde);
            }
        }
        while let Some(next) = self.peek() {
            match next {
                '}' if until != Until::Blank => break,
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' if until == Until::Blank => break,
                '\0' => {
                    let column = column(self.line, self.at);
                    return Err(SyntaxError::Unexpected { token: "a NUL".to_owned(), column });
                }
                '\'' if until != Until::QuotedBrace => self.single(&mut pieces),
                '"' => self.double(&mut pieces, depth)?,
                '\\' => self.escape(&mut pieces, until == Until::QuotedBrace),
                '$' => self.dollar(&mut pieces, until == Until::QuotedBrace, depth)?,
                '`' => return Err(self.unsupported("command substitution is", self.at)),
                _ => {
                    self.at += next.len_utf8();
                    if until == Until::QuotedBrace {
                        pieces.quoted(next.encode_utf8(&mut [0; 4]));
                    } else {
                        pieces.plain(next);
                    }
                }
            }
            if self.open.is_some() {
                break;
            }
        }
        Ok(Word { pieces: pieces.0 })
    }

    fn single(&mut self, pieces: &mut Pieces) {
        self.at += 1;
        let text = self.rest();
        let length = text.find('\'');
        pieces.quoted(&text[..length.unwrap_or(text.len())]);
        match length {
            Some(length) => self.at += length + 1,
            None => {
                self.at = self.line.len();
                self.open = Some(Open::Single);
            }
        }
    }

    fn double(&mut self, pieces: &mut Pieces, depth: usize) -> Result<(), SyntaxError> {
        self.at += 1;
        pieces.quoted("");
        loop {
            match self.peek() {
                None => {
                    self.open = Some(Open::Double);
                    return Ok(());
                }
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => self.escape(pieces, true),
                Some('$') => self.dollar(pieces, true, depth)?,
                Some('`') => return Err(self.unsupported("command substitution is", self.at)),
                Some('\0') => {
                    let column = column(self.line, self.at);
                    return Err(SyntaxError::Unexpected { token: "a NUL".to_owned(), column });
                }
                Some(next) => {
                    self.at += next.len_utf8();
                    pieces.quoted(next.encode_utf8(&mut [0; 4]));
                }
            }
            if self.open.is_some() {
                return Ok(());
            }
        }
    }

    fn escape(&mut self, pieces: &mut Pieces, in_double: bool) {
        self.at += 1;
        match self.next() {
            None => self.open = Some(Open::Escape),
            Some('\n') => {}
            Some(next) => {
                if in_double && !matches!(next, '$' | '"' | '\\' | '`') {
                    pieces.quoted("\\");
                }
                pieces.quoted(next.encode_utf8(&mut [0; 4]));
            }
        }
    }

    fn dollar(&mut self, pieces: &mut Pieces, quoted: bool, depth: usize) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at += 1;
        let Some(next) = self.peek() else {
            text(pieces, '$', quoted);
            return Ok(());
        };
        let what = match next {
            '(' if self.rest().starts_with("((") => "arithmetic is",
            '(' => "command substitution is",
            '[' => "arithmetic is",
            '\'' | '"' if !quoted => "$'…' and $\"…\" are",
            '0'..='9' | '@' | '*' | '#' => "positional parameters are",
            '$' | '!' => "$$ and $! are",
            '{' => {
                self.at += 1;
                let parameter = self.brace(start, quoted, depth)?;
                pieces.0.extend(parameter.map(Piece::Parameter));
                return Ok(());
            }
            '?' => {
                self.at += 1;
                let name = "?".to_owned();
                pieces.0.push(Piece::Parameter(Parameter { name, quoted, form: Form::Value }));
                return Ok(());
            }
            _ => {
                let name = self.name();
                if name.is_empty() {
                    text(pieces, '$', quoted);
                } else {
                    pieces.0.push(Piece::Parameter(Parameter { name, quoted, form: Form::Value }));
                }
                return Ok(());
            }
        };
        Err(self.unsupported(what, start))
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        if rest.starts_with(|first: char| first.is_ascii_digit()) {
            return String::new();
        }
        let length =
            rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        self.at += length;
        name
    }

    /// What stands behind `${`. `None` when the line ends within the name.
    fn brace(&mut self, start: usize, quoted: bool, depth: usize) -> Result<Option<Parameter>, SyntaxError> {
        if depth == limits::EXPANSION_DEPTH {
            return Err(self.unsupported("${…} nested so deep is", start));
        }
        let length = self.rest().starts_with('#') && !self.rest().starts_with("#}");
        if length {
            self.at += 1;
        }
        let name = if self.rest().starts_with('?') {
            self.at += 1;
            "?".to_owned()
        } else {
            self.name()
        };
        let Some(next) = self.peek() else {
            self.open = Some(Open::Brace);
            return Ok(None);
        };
        if name.is_empty() {
            let what = match next {
                '!' => "indirect expansion is",
                '0'..='9' | '@' | '*' | '#' => "positional parameters are",
                _ => return Err(self.bad_substitution(start)),
            };
            return Err(self.unsupported(what, start));
        }
        if next == '}' {
            self.at += 1;
            let form = if length { Form::Length } else { Form::Value };
            return Ok(Some(Parameter { name, quoted, form }));
        }
        if length {
            return Err(self.bad_substitution(start));
        }
        let or_empty = next == ':';
        self.at += usize::from(or_empty);
        let test = match self.next() {
            Some('-') => Test::Default,
            Some('=') => Test::Assign,
            Some('+') => Test::Alternative,
            Some('?') => Test::Require,
            None => {
                self.open = Some(Open::Brace);
                return Ok(None);
            }
            Some(_) if or_empty => return Err(self.unsupported("a part of a variable is", start)),
            Some('%' | '#' | '/' | '^' | ',' | '@') => {
                return Err(self.unsupported("changing a variable's value within ${…} is", start));
            }
            Some('[') => return Err(self.unsupported("arrays are", start)),
            Some(_) => return Err(self.bad_substitution(start)),
        };
        let word = self.word(if quoted { Until::QuotedBrace } else { Until::Brace }, depth + 1)?;
        if self.open.is_none() {
            match self.next() {
                Some(_) => {}
                None => self.open = Some(Open::Brace),
            }
        }
        Ok(Some(Parameter { name, quoted, form: Form::Test { test, or_empty, word } }))
    }

    fn bad_substitution(&self, start: usize) -> SyntaxError {
        let token = self.line[start..].chars().take(16).collect::<String>();
        SyntaxError::Unexpected { token: format!("`{token}`"), column: column(self.line, start) }
    }
}

fn text(pieces: &mut Pieces, char: char, quoted: bool) {
    if quoted { pieces.quoted(char.encode_utf8(&mut [0; 4])) } else { pieces.plain(char) }
}

/// Whether other shells would make several words of it: `{a,b}` or `{1..3}`.
fn braces_expand(word: &Word) -> bool {
    let (mut open, mut parted, mut before) = (false, false, '\0');
    for piece in &word.pieces {
        let Piece::Plain(text) = piece else {
            before = '\0';
            continue;
        };
        for char in text.chars() {
            match char {
                '{' if !open => open = true,
                ',' if open => parted = true,
                '.' if open && before == '.' => parted = true,
                '}' if parted => return true,
                '}' => open = false,
                _ => {}
            }
            before = char;
        }
    }
    false
}
