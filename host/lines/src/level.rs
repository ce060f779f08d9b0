//! Finds the level a line states about itself.

use super::mark::LogLevel;

/// How much of a line is looked at.
const MAX_JSON_SCAN_BYTES: usize = 4096;
const MAX_PREFIX_SCAN_BYTES: usize = 96;
/// Words before the level in a text line: a date, a time, a host, a process.
const MAX_PREFIX_WORDS: usize = 8;
/// Lengths of the words that name a level.
const MIN_WORD_BYTES: usize = 3;
const MAX_WORD_BYTES: usize = 11;
/// True for ASCII letters.
const LETTERS: [bool; 256] = {
    let mut letters = [false; 256];
    let mut letter = b'a';
    while letter <= b'z' {
        letters[letter as usize] = true;
        letters[letter.to_ascii_uppercase() as usize] = true;
        letter += 1;
    }
    letters
};

/// The level of a line: `level`, `severity` or `lvl` of a JSON object, or one of the usual prefixes (`ERROR`, `[warn]`,
/// `level=info`, `error: `, and `E0102` as glog writes it).
#[must_use]
pub fn detect_level(line: &[u8]) -> Option<LogLevel> {
    let line = line.trim_ascii_start();
    if line.first() == Some(&b'{') {
        return json_level(&line[..line.len().min(MAX_JSON_SCAN_BYTES)]);
    }
    prefix_level(&line[..line.len().min(MAX_PREFIX_SCAN_BYTES)])
}

/// Every line of every run comes here, so what is no level is sorted out by its length and first letter.
fn level_of_word(word: &[u8]) -> Option<LogLevel> {
    if !(MIN_WORD_BYTES..=MAX_WORD_BYTES).contains(&word.len()) {
        return None;
    }
    let words: &[(&str, LogLevel)] = match word[0].to_ascii_lowercase() {
        b't' => &[("trace", LogLevel::Trace), ("trc", LogLevel::Trace)],
        b'v' => &[("verbose", LogLevel::Trace)],
        b'd' => &[("debug", LogLevel::Debug), ("dbg", LogLevel::Debug)],
        b'i' => &[("info", LogLevel::Info), ("inf", LogLevel::Info), ("information", LogLevel::Info)],
        b'n' => &[("notice", LogLevel::Info)],
        b'w' => &[("warn", LogLevel::Warn), ("wrn", LogLevel::Warn), ("warning", LogLevel::Warn)],
        b'e' => &[("error", LogLevel::Error), ("err", LogLevel::Error), ("emergency", LogLevel::Error)],
        b'f' => &[("fatal", LogLevel::Error)],
        b'c' => &[("critical", LogLevel::Error), ("crit", LogLevel::Error)],
        b'p' => &[("panic", LogLevel::Error)],
        _ => return None,
    };
    words.iter().find(|(known, _)| word.eq_ignore_ascii_case(known.as_bytes())).map(|(_, level)| *level)
}

/// Numbers as pino and bunyan write them: 10 trace to 60 fatal.
fn level_of_number(text: &[u8]) -> Option<LogLevel> {
    let number: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    match number {
        10..=19 => Some(LogLevel::Trace),
        20..=29 => Some(LogLevel::Debug),
        30..=39 => Some(LogLevel::Info),
        40..=49 => Some(LogLevel::Warn),
        50..=69 => Some(LogLevel::Error),
        _ => None,
    }
}

/// Walks the top level of an object, without parsing more than strings and nesting; stops at the first level key.
fn json_level(line: &[u8]) -> Option<LogLevel> {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(line, at + 1)?;
                let is_key = depth == 1 && matches!(&line[at + 1..end], b"level" | b"severity" | b"lvl");
                at = end;
                if is_key && let Some(value) = value_after_colon(&line[end + 1..]) {
                    return json_value_level(value);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Index of the quote that ends a string which begins at `from`.
fn string_end(line: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match line.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn value_after_colon(rest: &[u8]) -> Option<&[u8]> {
    Some(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
}

fn json_value_level(value: &[u8]) -> Option<LogLevel> {
    if let Some(text) = value.strip_prefix(b"\"") {
        return level_of_word(&text[..string_end(text, 0)?]);
    }
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    level_of_number(&value[..digits])
}

fn prefix_level(line: &[u8]) -> Option<LogLevel> {
    if let Some(level) = glog_level(line) {
        return Some(level);
    }
    let mut end = 0;
    for index in 0..MAX_PREFIX_WORDS {
        let start = next_word(line, end);
        end = start;
        while end < line.len() && LETTERS[usize::from(line[end])] {
            end += 1;
        }
        if start == end {
            return None;
        }
        let word = &line[start..end];
        if let Some(level) = level_of_word(word) {
            let before = start.checked_sub(1).and_then(|before| line.get(before)).copied();
            let after = line.get(end).copied();
            if stands_as_level(word, index, before, after, &line[..start]) {
                return Some(level);
            }
        }
    }
    None
}

/// `ERROR`, `[error]`, `<error>`, `error:` at the start, `level=error`.
fn stands_as_level(word: &[u8], index: usize, before: Option<u8>, after: Option<u8>, head: &[u8]) -> bool {
    let glued =
        |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte));
    if glued(before) && !ends_in_escape(head) || glued(after) {
        return false;
    }
    let upper = word.iter().all(u8::is_ascii_uppercase);
    let bracketed = matches!((before, after), (Some(b'['), Some(b']')) | (Some(b'<'), Some(b'>')));
    let first = index == 0 && after == Some(b':');
    let keyed = head.strip_suffix(b"\"").unwrap_or(head);
    let keyed = [&b"level="[..], b"lvl=", b"severity="].iter().any(|key| keyed.ends_with(key));
    upper || bracketed || first || keyed
}

/// True when the text ends in a colour sequence such as `ESC [ 3 1 m`.
fn ends_in_escape(head: &[u8]) -> bool {
    let Some(rest) = head.strip_suffix(b"m") else { return false };
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    rest[..rest.len() - digits].ends_with(b"\x1b[")
}

/// Where the next letter is, stepping over colour sequences as a whole.
fn next_word(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && !LETTERS[usize::from(text[at])] {
        if text[at] == b'\x1b' && text.get(at + 1) == Some(&b'[') {
            let body = text[at + 2..].iter().take_while(|b| b.is_ascii_digit() || **b == b';').count();
            at = (at + 2 + body + 1).min(text.len());
        } else {
            at += 1;
        }
    }
    at
}

/// `E0102 15:04:05` as glog and klog write it.
fn glog_level(line: &[u8]) -> Option<LogLevel> {
    let head = line.get(..6)?;
    if !head[1..5].iter().all(u8::is_ascii_digit) || head[5] != b' ' {
        return None;
    }
    match head[0] {
        b'I' => Some(LogLevel::Info),
        b'W' => Some(LogLevel::Warn),
        b'E' | b'F' => Some(LogLevel::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_forms_are_known() {
        let cases: [(&str, Option<LogLevel>); 26] = [
            ("ERROR something broke", Some(LogLevel::Error)),
            ("2024-05-01T10:00:00.123Z  INFO server: listening", Some(LogLevel::Info)),
            ("[warn] low on disk", Some(LogLevel::Warn)),
            ("[2024-05-01 10:00:00] [Debug] hello", Some(LogLevel::Debug)),
            ("ts=2024 level=info msg=hi", Some(LogLevel::Info)),
            ("time=\"x\" level=\"warning\" msg=hi", Some(LogLevel::Warn)),
            ("error: could not compile `x`", Some(LogLevel::Error)),
            ("warning: unused variable", Some(LogLevel::Warn)),
            ("\u{1b}[31mERROR\u{1b}[0m red", Some(LogLevel::Error)),
            ("\u{1b}[2m2024-05-01T10:00:00Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m yellow", Some(LogLevel::Warn)),
            ("E0102 15:04:05.123 main.go:1] broke", Some(LogLevel::Error)),
            ("<err> x", Some(LogLevel::Error)),
            ("FATAL: no", Some(LogLevel::Error)),
            (r#"{"level":"warn","msg":"x"}"#, Some(LogLevel::Warn)),
            (r#"{"time":1,"level": 50, "msg":"x"}"#, Some(LogLevel::Error)),
            (r#"{"a":{"level":"error"},"severity":"INFO"}"#, Some(LogLevel::Info)),
            (r#"{"msg":"the \"level\": \"error\" key","lvl":"debug"}"#, Some(LogLevel::Debug)),
            (r#"{"msg":"level","x":1}"#, None),
            (r#"{"level":"#, None),
            ("there was an error in the text", None),
            ("informative line", None),
            ("INFORMATION_SCHEMA is a word", None),
            ("no level here", None),
            ("", None),
            ("errors: 3", None),
            ("MY_ERROR x", None),
        ];
        for (line, level) in cases {
            assert_eq!(detect_level(line.as_bytes()), level, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(line in proptest::collection::vec(any::<u8>(), 0..300), json in any::<bool>()) {
            let mut line = line;
            if json {
                line.insert(0, b'{');
            }
            let _ = detect_level(&line);
        }
    }
}
