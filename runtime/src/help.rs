//! What a module says of itself.

use wasmparser::{Parser, Payload};

/// The custom section that holds a command's help text: UTF-8, as `--help` shows it.
pub const HELP_SECTION: &str = "cloister.help";
/// Longest help text that is looked at, in bytes.
pub const MAX_HELP_BYTES: usize = 16 << 10;

/// The help text that a module carries, if it carries one: in a component, that of its first core module with one. What is
/// too long or not text is no help.
#[must_use]
pub fn help_text(wasm: &[u8]) -> Option<String> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload.ok()?
            && section.name() == HELP_SECTION
        {
            let text = section.data();
            let fits = !text.is_empty() && text.len() <= MAX_HELP_BYTES;
            return std::str::from_utf8(text).ok().filter(|_| fits).map(str::to_owned);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(wat: &str) -> Vec<u8> {
        wat::parse_str(wat).unwrap()
    }

    #[test]
    fn a_module_and_a_component_carry_their_help() {
        let core = r#"(module (@custom "other" "x") (@custom "cloister.help" "usage: x\n"))"#;
        assert_eq!(help_text(&module(core)).as_deref(), Some("usage: x\n"));
        let component = r#"(component (core module (@custom "cloister.help" "usage: y\n")))"#;
        assert_eq!(help_text(&module(component)).as_deref(), Some("usage: y\n"));
    }

    #[test]
    fn what_is_no_text_or_too_long_or_no_module_has_no_help() {
        assert_eq!(help_text(&module("(module)")), None);
        assert_eq!(help_text(&module(r#"(module (@custom "cloister.help" "\ff"))"#)), None);
        let long = format!(r#"(module (@custom "cloister.help" "{}"))"#, "x".repeat(MAX_HELP_BYTES + 1));
        assert_eq!(help_text(&module(&long)), None);
        assert_eq!(help_text(b"\0asm\x01"), None);
    }
}
