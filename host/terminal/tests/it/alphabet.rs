//! What proptests type.

use proptest::prelude::*;

/// One key: its bytes, and what it does to the model.
#[derive(Debug, Clone)]
pub(crate) enum Press {
    Insert(String),
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
    KillEnd,
    KillStart,
    Yank,
    Transpose,
    Swallowed(&'static str),
}

impl Press {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Insert(text) if text == "\t" || text == "\x01" => format!("\x16{text}").into_bytes(),
            Self::Insert(text) if text == "\n" => b"\x1b[200~\r\n\x1b[201~".to_vec(),
            Self::Insert(text) => text.clone().into_bytes(),
            Self::Left => b"\x1b[D".to_vec(),
            Self::Right => b"\x06".to_vec(),
            Self::Home => b"\x1bOH".to_vec(),
            Self::End => b"\x05".to_vec(),
            Self::Backspace => b"\x7f".to_vec(),
            Self::Delete => b"\x1b[3~".to_vec(),
            Self::KillEnd => b"\x0b".to_vec(),
            Self::KillStart => b"\x15".to_vec(),
            Self::Yank => b"\x19".to_vec(),
            Self::Transpose => b"\x14".to_vec(),
            Self::Swallowed(bytes) => bytes.as_bytes().to_vec(),
        }
    }
}

/// Clusters that do not join with one another.
pub(crate) fn cluster() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z ]",
        1 => Just("\t".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("\x01".to_owned()),
        1 => Just("é".to_owned()),
        1 => Just("e\u{301}".to_owned()),
        2 => Just("世".to_owned()),
        1 => Just("😀".to_owned()),
        1 => Just("👨‍👩‍👧".to_owned()),
        1 => Just("🇨🇭".to_owned()),
    ]
}

/// Any key that edits a line.
pub(crate) fn press() -> impl Strategy<Value = Press> {
    prop_oneof![
        12 => cluster().prop_map(Press::Insert),
        3 => Just(Press::Left),
        2 => Just(Press::Right),
        1 => Just(Press::Home),
        1 => Just(Press::End),
        2 => Just(Press::Backspace),
        2 => Just(Press::Delete),
        1 => Just(Press::KillEnd),
        1 => Just(Press::KillStart),
        1 => Just(Press::Yank),
        1 => Just(Press::Transpose),
        1 => Just(Press::Swallowed("\x1b[15~")),
        1 => Just(Press::Swallowed("\x1b[<0;3;4M")),
    ]
}

/// The bytes in pieces; `cuts` says how long each is.
pub(crate) fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut all, mut cuts) = (bytes, Vec::new(), cuts.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*cuts.next().unwrap_or(&1)).clamp(1, rest.len()));
        all.push(piece);
        rest = after;
    }
    all
}

/// What the keys should make of a line: clusters, and the cursor among them.
#[derive(Debug, Default)]
pub(crate) struct Model {
    clusters: Vec<String>,
    cursor: usize,
    killed: Vec<String>,
    killing: bool,
}

impl Model {
    pub(crate) fn press(&mut self, press: &Press) {
        let killing = std::mem::take(&mut self.killing);
        match press {
            Press::Insert(cluster) => {
                self.clusters.insert(self.cursor, cluster.clone());
                self.cursor += 1;
            }
            Press::Left => self.cursor = self.cursor.saturating_sub(1),
            Press::Right => self.cursor = (self.cursor + 1).min(self.clusters.len()),
            Press::Home => self.cursor = 0,
            Press::End => self.cursor = self.clusters.len(),
            Press::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.clusters.remove(self.cursor);
            }
            Press::Delete if self.cursor < self.clusters.len() => drop(self.clusters.remove(self.cursor)),
            Press::KillEnd => self.kill(self.cursor, self.clusters.len(), killing),
            Press::KillStart => self.kill(0, self.cursor, killing),
            Press::Yank => {
                self.clusters.splice(self.cursor..self.cursor, self.killed.iter().cloned());
                self.cursor += self.killed.len();
            }
            Press::Transpose => {
                let middle = if self.cursor == self.clusters.len() {
                    self.cursor.saturating_sub(1)
                } else {
                    self.cursor
                };
                if middle > 0 {
                    self.clusters.swap(middle - 1, middle);
                    self.cursor = middle + 1;
                }
            }
            Press::Swallowed(_) => self.killing = killing,
            Press::Backspace | Press::Delete => {}
        }
    }

    fn kill(&mut self, from: usize, to: usize, killing: bool) {
        self.killing = killing;
        if from < to {
            let more: Vec<_> = self.clusters.drain(from..to).collect();
            let before = if killing { std::mem::take(&mut self.killed) } else { Vec::new() };
            self.killed = if from < self.cursor { [more, before].concat() } else { [before, more].concat() };
            self.cursor = from;
            self.killing = true;
        }
    }

    pub(crate) fn line(&self) -> (String, usize) {
        (self.clusters.concat(), self.clusters[..self.cursor].concat().len())
    }
}
