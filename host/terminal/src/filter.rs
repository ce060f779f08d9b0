//! What a guest writes, made fit for the terminal.

use crate::decode::Utf8Decoder;
use crate::effect::Mode;
use crate::escape::{Token, Tokenizer, is_plain};
use crate::policy::{Verdict, csi, escape, osc};
use crate::restore::Changes;

/// A part of what a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtered {
    /// To the terminal.
    Bytes(Vec<u8>),
    /// Here the guest asked for [`Mode::Raw`], or gave it back: [`Mode::Cooked`].
    Mode(Mode),
}

/// Between one stream of a guest and the terminal. What comes out is UTF-8 and has only whole escape sequences, however
/// the guest splits its writes, so the outputs of several filters can be mixed.
///
/// What goes on: text, C0 control characters other than ENQ, colours, cursor movement, erasing, scrolling, margins,
/// character sets, the usual private modes; of OSC titles (0 to 2), links (8), colours (4, 10 to 12, 104, 110 to 112) and
/// progress (9;4). In line modes LF becomes CR LF, unless a CR is before it.
///
/// What is left out:
///
/// - what a guest could forge: every other OSC, among them the marks 133, 633 and 1337, the clipboard (52), the working
///   directory (7), and every DCS, APC, PM and SOS;
/// - what makes a terminal answer, since answers look typed: device attributes, status reports, window reports, mode and
///   colour queries, ENQ. One passes, in raw mode: where the cursor is (`ESC[6n`), whose answer is the guest's input;
/// - modes that turn keys, mouse or focus into more input, outside raw mode, and in raw mode those that a terminal cannot
///   be trusted to leave;
/// - C1 control characters, which some terminals take for sequences; a part that is not UTF-8 becomes U+FFFD, as what
///   terminals leave out could join the halves of a sequence;
/// - a sequence that is too long ([`SEQUENCE_BYTES`](crate::SEQUENCE_BYTES), [`STRING_BYTES`](crate::STRING_BYTES)).
///
/// A guest asks for raw mode by `ESC ] 7770 ; raw` and ST or BEL, and gives it back by `ESC ] 7770 ; line`.
#[derive(Debug, Clone)]
pub struct OutputFilter {
    decoder: Utf8Decoder,
    tokenizer: Tokenizer,
    gate: Gate,
}

#[derive(Debug, Clone)]
struct Gate {
    raw_allowed: bool,
    raw: bool,
    after_cr: bool,
    changes: Changes,
    parts: Vec<Filtered>,
}

impl OutputFilter {
    /// For a stream of a guest, in line mode. A guest that does not have the terminal's input, such as one in the
    /// background, is not allowed raw mode: what it asks for is left out.
    pub fn new(raw_allowed: bool) -> Self {
        let gate =
            Gate { raw_allowed, raw: false, after_cr: false, changes: Changes::default(), parts: Vec::new() };
        Self { decoder: Utf8Decoder::default(), tokenizer: Tokenizer::default(), gate }
    }

    /// Takes what was written and gives what goes on, in order. After a request for a mode, that mode holds.
    pub fn filter(&mut self, bytes: &[u8]) -> Vec<Filtered> {
        let Self { decoder, tokenizer, gate } = self;
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            if tokenizer.is_ground() && !decoder.is_inside() && is_plain(*first) {
                let run = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
                gate.put(&rest[..run]);
                gate.after_cr = false;
                rest = &rest[run..];
                continue;
            }
            decoder.push(*first, &mut |c| tokenizer.push(c, &mut |token| gate.token(&token)));
            rest = after;
        }
        std::mem::take(&mut gate.parts)
    }

    /// True when the guest has raw mode.
    pub fn is_raw(&self) -> bool {
        self.gate.raw
    }

    /// Another mode, which the guest asked for on its other stream, or which was taken from it.
    pub fn set_raw(&mut self, raw: bool) {
        self.gate.raw = raw;
    }

    /// The guest has ended: gives what puts the terminal back as it was (screen, cursor, colours, modes, margins). A
    /// title stays. A sequence that has begun is forgotten. The filter is in line mode and as new after it.
    pub fn finish(&mut self) -> Vec<u8> {
        let gate = &mut self.gate;
        self.decoder.finish(&mut |_| gate.put("\u{fffd}".as_bytes()));
        self.tokenizer.reset();
        let restored = gate.changes.restore();
        gate.put(restored.as_bytes());
        gate.raw = false;
        gate.after_cr = false;
        let mut bytes = Vec::new();
        for part in std::mem::take(&mut gate.parts) {
            if let Filtered::Bytes(part) = part {
                bytes.extend(part);
            }
        }
        bytes
    }
}

impl Gate {
    fn put(&mut self, bytes: &[u8]) {
        match self.parts.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Filtered::Bytes(part)) => part.extend_from_slice(bytes),
            _ => self.parts.push(Filtered::Bytes(bytes.to_vec())),
        }
    }

    fn put_all(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| self.put(text.as_bytes()));
    }

    fn token(&mut self, token: &Token<'_>) {
        let after_cr = std::mem::take(&mut self.after_cr);
        match *token {
            Token::Text(c) => self.put(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Token::Control('\x05') => {}
            Token::Control('\n') if !self.raw && !after_cr => self.put(b"\r\n"),
            Token::Control(c) => {
                self.after_cr = c == '\r';
                if c == '\x0e' {
                    self.changes.shift_out();
                }
                self.put(&[c as u8]);
            }
            Token::Escape { intermediates, last } => {
                if escape(intermediates, last) == Verdict::Pass {
                    self.changes.escape(intermediates, last);
                    self.put_all(&["\x1b", intermediates, last.encode_utf8(&mut [0; 4])]);
                }
            }
            Token::Csi { body, last } => {
                let verdict = csi(body, last, self.raw);
                let body = match &verdict {
                    Verdict::Pass => body,
                    Verdict::Rewrite(body) => body,
                    Verdict::Drop | Verdict::Mode(_) => return,
                };
                self.changes.csi(body, last);
                self.put_all(&["\x1b[", body, last.encode_utf8(&mut [0; 4])]);
            }
            Token::Osc { text, bell } => match osc(text) {
                Verdict::Pass => {
                    self.changes.osc(text);
                    self.put_all(&["\x1b]", text, if bell { "\x07" } else { "\x1b\\" }]);
                }
                Verdict::Mode(raw) if self.raw_allowed => {
                    self.raw = raw;
                    self.parts.push(Filtered::Mode(if raw { Mode::Raw } else { Mode::Cooked }));
                }
                Verdict::Mode(_) | Verdict::Drop | Verdict::Rewrite(_) => {}
            },
        }
    }
}
