//! Quoting a text so that it parses to itself.

/// A text as one word of the language: unchanged when nothing in it has a meaning, in quotes otherwise.
#[must_use]
pub fn quote(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text with a backslash before each character that has a meaning outside of quotes. A line end cannot be escaped so.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if !is_safe(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// A text with a backslash before each character that has a meaning in double quotes.
pub(crate) fn escape_in_double(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '"' | '\\' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

fn is_safe(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',')
}
