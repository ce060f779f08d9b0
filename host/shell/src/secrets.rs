//! Which lines are not kept in a history.

/// Whether a line is not to be remembered: it begins with a blank, or something in it looks like a secret. That is a
/// value of a variable, flag, parameter or header whose name says so, a password in a URL, or a text in the form of a known kind of token.
///
/// It errs towards forgetting. A value that is a variable (`--token $TOKEN`) is no secret. Short flags do not tell
/// (`-p` is a path elsewhere), but for `-u name:password`.
#[must_use]
pub fn is_secret(line: &str) -> bool {
    if line.starts_with([' ', '\t']) {
        return true;
    }
    // Quotes do not matter to what a word means here.
    let bare: String = line.chars().filter(|char| !matches!(char, '"' | '\'' | '\\')).collect();
    let words: Vec<&str> = bare
        .split(|char: char| char.is_whitespace() || matches!(char, ';' | '&' | '|' | '(' | ')' | '`'))
        .collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.iter().enumerate().any(|(index, word)| {
        let next = words.get(index + 1).copied();
        has_named_value(word, next) || is_flag_with_secret(word, next) || has_password(word) || is_token(word)
    }) || bare.contains("-----BEGIN")
}

/// `name=value` and `name:value`, also within a URL or JSON; `name: value` over two words.
fn has_named_value(word: &str, next: Option<&str>) -> bool {
    word.match_indices(['=', ':']).any(|(at, separator)| {
        let name = name_at_end(&word[..at]);
        let value = &word[at + 1..];
        match (value, next) {
            ("", Some(next)) => separator == ":" && is_secret_name(name) && !is_harmless(next),
            _ => is_secret_name(name) && !is_harmless(value),
        }
    })
}

/// `--password value`, `-u name:password`, `Bearer value`.
fn is_flag_with_secret(word: &str, next: Option<&str>) -> bool {
    let Some(next) = next else { return false };
    if word.eq_ignore_ascii_case("bearer") {
        return next.len() >= 12;
    }
    if matches!(word, "-u" | "--user" | "--proxy-user" | "-U") {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        return next.split_once(':').is_some_and(|(_, password)| !is_harmless(password) && !number(password));
    }
    let Some(name) = word.strip_prefix('-') else { return false };
    let name = name.trim_start_matches('-');
    name.len() > 1 && is_secret_name(name) && !next.starts_with('-') && !is_harmless(next)
}

/// `scheme://name:password@host`.
fn has_password(word: &str) -> bool {
    word.match_indices("://").any(|(at, separator)| {
        let rest = &word[at + separator.len()..];
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let before = authority.rsplit_once('@').map(|(before, _)| before);
        before.and_then(|before| before.split_once(':')).is_some_and(|(_, password)| !is_harmless(password))
    })
}

/// How well-known tokens begin, and how long they are at least.
const TOKENS: [(&str, usize); 14] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("AIza", 30),
    ("eyJ", 30),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 20),
    ("npm_", 20),
    ("sk-", 20),
    ("sk_live_", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
];

fn is_token(word: &str) -> bool {
    word.split(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '_' | '-'))
        .any(|part| TOKENS.iter().any(|(front, bytes)| part.starts_with(front) && part.len() >= *bytes))
}

fn name_at_end(text: &str) -> &str {
    let part_of_name = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    let start = text.char_indices().rev().take_while(|(_, char)| part_of_name(*char)).last();
    start.map_or("", |(at, _)| &text[at..])
}

/// Parts of names that say it wherever they stand.
const ANYWHERE: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
];
/// Words of names that say it.
const WORDS: [&str; 13] =
    ["token", "key", "pass", "pwd", "auth", "bearer", "jwt", "pat", "cookie", "pin", "otp", "pw", "passcode"];
/// A last word that says that it is about a secret, and not one.
const ABOUT: [&str; 16] = [
    "file", "path", "dir", "name", "length", "type", "count", "size", "ttl", "env", "url", "field", "column",
    "by", "method", "mode",
];

fn is_secret_name(name: &str) -> bool {
    if matches!(name, "PWD" | "OLDPWD") {
        return false;
    }
    let words = words_of(name);
    if words.last().is_some_and(|last| ABOUT.contains(&last.as_str())) {
        return false;
    }
    let joined = words.concat();
    ANYWHERE.iter().any(|part| joined.contains(part))
        || joined.ends_with("token")
        || words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The words of a name in lower case: parted by signs, or by a capital after a small letter.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for char in name.chars() {
        if !char.is_alphanumeric() || (small && char.is_uppercase()) {
            words.push(String::new());
        }
        small = char.is_lowercase();
        if let (true, Some(word)) = (char.is_alphanumeric(), words.last_mut()) {
            word.extend(char.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A value that tells nothing: none, a variable, a switch, or a short number as in `--key 2`.
fn is_harmless(value: &str) -> bool {
    value.is_empty()
        || value.starts_with('$')
        || matches!(value, "true" | "false" | "yes" | "no" | "none" | "null" | "-")
        || (value.len() <= 3 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b','))
}
