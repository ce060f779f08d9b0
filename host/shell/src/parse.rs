//! From a line to what it means.
//!
//! brush-parser's grammar is given the shape of a line only: each word is a placeholder that is found again by its place.
//! So nothing that was typed, which may be a secret, reaches that crate's diagnostics or caches, and hostile words cost it nothing.

use std::{ops::Range, sync::Arc};

use brush_parser::{
    ParseError, ParserOptions, SourcePosition, SourceSpan, Token as BrushToken,
    ast::{
        self as brush, CommandPrefixOrSuffixItem as Part, IoFileRedirectKind, IoFileRedirectTarget,
        IoRedirect,
    },
};

use crate::{
    ast::{AndOr, Command, Connector, Descriptor, Item, Pipeline, Redirection, Script, Target, Word},
    error::SyntaxError,
    lex::{Kind, Token, column, lex},
    limits,
};

/// Parses a line, or several lines joined by line ends.
///
/// # Errors
/// [`SyntaxError::Incomplete`] when more is to come; the others when the line cannot be run at all.
pub fn parse(line: &str) -> Result<Script, SyntaxError> {
    let lexed = lex(line)?;
    refuse_compound_commands(line, &lexed.tokens)?;
    if lexed.open.is_some() {
        return Err(SyntaxError::Incomplete);
    }
    let shape = shape(&lexed.tokens);
    let program = brush_parser::parse_tokens(&shape, &ParserOptions::default())
        .map_err(|error| unexpected(line, &lexed.tokens, &error))?;
    let mut reader = Reader { line, tokens: &lexed.tokens, seen: None };
    let mut items = Vec::new();
    for list in &program.complete_commands {
        for brush::CompoundListItem(and_or, separator) in &list.0 {
            reader.seen = None;
            let list = reader.and_or(and_or)?;
            let seen = reader.seen.clone().unwrap_or_default();
            items.push(Item {
                list,
                background: matches!(separator, brush::SeparatorOperator::Async),
                text: line[seen].to_owned(),
            });
        }
    }
    Ok(Script { items })
}

/// Whether an operator is followed by a file or a descriptor.
pub(crate) fn redirects(operator: &str) -> bool {
    operator.contains(['<', '>'])
}

/// Words that begin or part compound commands, where a command is expected.
fn refuse_compound_commands(line: &str, tokens: &[Token]) -> Result<(), SyntaxError> {
    let (mut command_position, mut target) = (true, false);
    for token in tokens {
        match &token.kind {
            Kind::Operator(operator) if redirects(operator) => target = true,
            Kind::Operator(_) => (command_position, target) = (true, false),
            Kind::Number(_) => {}
            Kind::Word(_) if target => target = false,
            Kind::Word(_) if !command_position => {}
            Kind::Word(word) if word.assignment().is_some() || word.plain() == Some("!") => {}
            Kind::Word(word) => {
                command_position = false;
                let what = match word.plain() {
                    Some("if") => "if is",
                    Some("for" | "select") => "for loops are",
                    Some("while" | "until") => "while loops are",
                    Some("case") => "case is",
                    Some("function") => "functions are",
                    Some("[[") => "[[ … ]] is",
                    Some("{") => "grouping with braces is",
                    Some("coproc") => "coprocesses are",
                    Some(text @ ("then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "}" | "]]")) => {
                        let column = column(line, token.start);
                        return Err(SyntaxError::Unexpected { token: format!("`{text}`"), column });
                    }
                    _ => match word.pieces.first() {
                        Some(crate::ast::Piece::Plain(text)) => match strange_assignment(text) {
                            Some(what) => what,
                            None => continue,
                        },
                        _ => continue,
                    },
                };
                return Err(SyntaxError::Unsupported { what, column: column(line, token.start) });
            }
        }
    }
    Ok(())
}

/// `NAME+=` and `NAME[…]=` at the front of a word.
fn strange_assignment(text: &str) -> Option<&'static str> {
    let (target, _) = text.split_once('=')?;
    if target.strip_suffix('+').is_some_and(crate::ast::is_name) {
        return Some("adding to a variable with += is");
    }
    let (name, index) = target.split_once('[')?;
    (crate::ast::is_name(name) && index.ends_with(']')).then_some("arrays are")
}

/// The tokens for the grammar: the place of a token is twice its index, so that it is found again.
fn shape(tokens: &[Token]) -> Vec<BrushToken> {
    let (mut command_position, mut target) = (true, false);
    let position = |index| Arc::new(SourcePosition { index, line: 1, column: index + 1 });
    let span = |from, to| SourceSpan { start: position(from), end: position(to) };
    let token = |(index, token): (usize, &Token)| {
        let place = span(2 * index, 2 * index + 1);
        match &token.kind {
            Kind::Operator(operator) => {
                if redirects(operator) {
                    target = true;
                } else {
                    (command_position, target) = (true, false);
                }
                BrushToken::Operator((*operator).to_owned(), place)
            }
            // A number touches its operator.
            Kind::Number(number) => BrushToken::Word(number.to_string(), span(2 * index, 2 * index + 2)),
            Kind::Word(_) if target => {
                target = false;
                BrushToken::Word("w".to_owned(), place)
            }
            Kind::Word(word) if command_position && word.assignment().is_some() => {
                BrushToken::Word("w=w".to_owned(), place)
            }
            Kind::Word(word) if command_position && word.plain() == Some("!") => {
                BrushToken::Word("!".to_owned(), place)
            }
            Kind::Word(_) => {
                command_position = false;
                BrushToken::Word("w".to_owned(), place)
            }
        }
    };
    tokens.iter().enumerate().map(token).collect()
}

fn unexpected(line: &str, tokens: &[Token], error: &ParseError) -> SyntaxError {
    let token = match error {
        ParseError::ParsingNear(position) => tokens.get(position.index / 2),
        _ => None,
    };
    match token {
        Some(Token { kind: Kind::Operator("\n"), start, .. }) => {
            SyntaxError::Unexpected { token: "the end of the line".to_owned(), column: column(line, *start) }
        }
        Some(token) => {
            let text = line[token.start..token.end].chars().take(32).collect::<String>();
            SyntaxError::Unexpected { token: format!("`{text}`"), column: column(line, token.start) }
        }
        None => {
            let last = tokens.iter().rev().find(|token| !matches!(token.kind, Kind::Operator("\n")));
            match last.map(|token| &token.kind) {
                Some(Kind::Operator("|" | "|&" | "&&" | "||")) => SyntaxError::Incomplete,
                _ => SyntaxError::Unexpected {
                    token: "the end of the line".to_owned(),
                    column: column(line, line.len()),
                },
            }
        }
    }
}

/// Reads the grammar's result, with the words put back.
struct Reader<'a> {
    line: &'a str,
    tokens: &'a [Token],
    /// Bytes of the line that the item covers so far.
    seen: Option<Range<usize>>,
}

impl<'a> Reader<'a> {
    fn and_or(&mut self, list: &brush::AndOrList) -> Result<AndOr, SyntaxError> {
        let first = self.pipeline(&list.first)?;
        let rest = list.additional.iter().map(|additional| {
            Ok(match additional {
                brush::AndOr::And(pipeline) => (Connector::And, self.pipeline(pipeline)?),
                brush::AndOr::Or(pipeline) => (Connector::Or, self.pipeline(pipeline)?),
            })
        });
        let rest = rest.collect::<Result<_, _>>()?;
        Ok(AndOr { first, rest })
    }

    fn pipeline(&mut self, pipeline: &brush::Pipeline) -> Result<Pipeline, SyntaxError> {
        let commands =
            pipeline.seq.iter().map(|command| self.command(command)).collect::<Result<Vec<_>, _>>()?;
        if commands.is_empty() {
            let before = self.seen.as_ref().map_or(0, |seen| seen.end);
            let token = "`!` without a command".to_owned();
            return Err(SyntaxError::Unexpected { token, column: column(self.line, before) });
        }
        if commands.len() > limits::PIPELINE_COMMANDS {
            return Err(SyntaxError::TooLong {
                limit: limits::PIPELINE_COMMANDS,
                unit: "commands in a pipeline",
            });
        }
        Ok(Pipeline { negated: pipeline.bang, commands })
    }

    fn command(&mut self, command: &brush::Command) -> Result<Command, SyntaxError> {
        let brush::Command::Simple(simple) = command else { return Err(self.lost()) };
        let mut read = Command::default();
        for part in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            self.part(part, &mut read)?;
        }
        if let Some(name) = &simple.word_or_name {
            read.words.push(self.word(name)?.clone());
        }
        for part in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.part(part, &mut read)?;
        }
        Ok(read)
    }

    fn part(&mut self, part: &Part, command: &mut Command) -> Result<(), SyntaxError> {
        match part {
            Part::Word(word) => command.words.push(self.word(word)?.clone()),
            Part::AssignmentWord(_, word) => {
                let assignment = self.word(word)?.assignment();
                command.assignments.push(assignment.ok_or_else(|| self.lost())?);
            }
            Part::IoRedirect(redirect) => self.redirection(redirect, &mut command.redirections)?,
            Part::ProcessSubstitution(..) => return Err(self.lost()),
        }
        Ok(())
    }

    fn redirection(&mut self, redirect: &IoRedirect, into: &mut Vec<Redirection>) -> Result<(), SyntaxError> {
        match redirect {
            IoRedirect::File(number, kind, target) => {
                let reads = matches!(kind, IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput);
                let descriptor = match (number, reads) {
                    (Some(0), _) | (None, true) => Descriptor::Stdin,
                    (Some(1), _) | (None, false) => Descriptor::Stdout,
                    (Some(_), _) => Descriptor::Stderr,
                };
                let target = match (kind, target) {
                    (IoFileRedirectKind::Read, IoFileRedirectTarget::Filename(word)) => {
                        Target::Read(self.word(word)?.clone())
                    }
                    (
                        IoFileRedirectKind::Write | IoFileRedirectKind::Clobber,
                        IoFileRedirectTarget::Filename(word),
                    ) => Target::Write(self.word(word)?.clone()),
                    (IoFileRedirectKind::Append, IoFileRedirectTarget::Filename(word)) => {
                        Target::Append(self.word(word)?.clone())
                    }
                    // What `|&` adds.
                    (_, IoFileRedirectTarget::Fd(_)) => Target::Same(Descriptor::Stdout),
                    (_, IoFileRedirectTarget::Duplicate(word)) => {
                        let at = self.place(word)?.start;
                        let same = match self.word(word)?.plain() {
                            Some("1") => Descriptor::Stdout,
                            Some("2") => Descriptor::Stderr,
                            Some("0") if reads => Descriptor::Stdin,
                            _ => {
                                return Err(self.unsupported("redirecting to anything but &1 and &2 is", at));
                            }
                        };
                        Target::Same(same)
                    }
                    _ => return Err(self.lost()),
                };
                let fits = match &target {
                    Target::Read(_) => descriptor == Descriptor::Stdin,
                    Target::Same(same) => (descriptor == Descriptor::Stdin) == (*same == Descriptor::Stdin),
                    Target::Write(_) | Target::Append(_) => descriptor != Descriptor::Stdin,
                };
                if !fits {
                    let at = self.seen.as_ref().map_or(0, |seen| seen.start);
                    return Err(self.unsupported("reading from an output, or writing to an input, is", at));
                }
                into.push(Redirection { descriptor, target });
            }
            IoRedirect::OutputAndError(word, append) => {
                let word = self.word(word)?.clone();
                let target = if *append { Target::Append(word) } else { Target::Write(word) };
                into.push(Redirection { descriptor: Descriptor::Stdout, target });
                let same = Target::Same(Descriptor::Stdout);
                into.push(Redirection { descriptor: Descriptor::Stderr, target: same });
            }
            IoRedirect::HereDocument(..) | IoRedirect::HereString(..) => return Err(self.lost()),
        }
        Ok(())
    }

    fn index(&self, word: &brush::Word) -> Result<usize, SyntaxError> {
        let place = word.loc.as_ref().map(|place| place.start.index / 2);
        place.filter(|index| *index < self.tokens.len()).ok_or_else(|| self.lost())
    }

    fn place(&self, word: &brush::Word) -> Result<Range<usize>, SyntaxError> {
        let token = &self.tokens[self.index(word)?];
        Ok(token.start..token.end)
    }

    fn word(&mut self, word: &brush::Word) -> Result<&'a Word, SyntaxError> {
        let index = self.index(word)?;
        // What stands before it belongs to the item too: `!`, `2>`.
        let mut first = index;
        while first > 0 && self.belongs_to_next(first - 1) {
            first -= 1;
        }
        let (start, end) = (self.tokens[first].start, self.tokens[index].end);
        let seen = self.seen.get_or_insert(start..end);
        *seen = seen.start.min(start)..seen.end.max(end);
        match &self.tokens[index].kind {
            Kind::Word(word) => Ok(word),
            _ => Err(self.lost()),
        }
    }

    fn belongs_to_next(&self, index: usize) -> bool {
        match &self.tokens[index].kind {
            Kind::Number(_) => true,
            Kind::Operator(operator) => redirects(operator),
            Kind::Word(word) => word.plain() == Some("!") && self.seen.is_none(),
        }
    }

    fn unsupported(&self, what: &'static str, at: usize) -> SyntaxError {
        SyntaxError::Unsupported { what, column: column(self.line, at) }
    }

    /// The grammar gave what the shape has not: refused rather than misread.
    fn lost(&self) -> SyntaxError {
        self.unsupported("this is", 0)
    }
}
