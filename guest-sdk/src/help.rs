//! The help text of a command, which its module carries for whoever wants to know how it is called.

/// Defines `HELP`, the command's help text, and puts it into the module, in the custom section `cloister.help`. The console reads it there:
/// flags for completion from lines such as `  -n, --lines N  how many`, and what the command is for from its first sentence.
///
/// ```
/// cloister_guest::help! {
///     "\
/// usage: head [-n N] [FILE]...
///
/// Writes the first lines of each FILE.
///
///   -n, --lines N  how many lines
/// "
/// }
/// assert!(HELP.starts_with("usage: head"));
/// ```
#[macro_export]
macro_rules! help {
    ($text:literal) => {
        const HELP: &str = $text;

        #[cfg(target_family = "wasm")]
        #[expect(unsafe_code, reason = "a section of the program's own that nothing else reads or writes")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "cloister.help")]
            static CARRIED: [u8; HELP.len()] = $crate::help_bytes(HELP);
        };
    };
}

/// The bytes of a text of `N` bytes.
#[doc(hidden)]
#[must_use]
pub const fn help_bytes<const N: usize>(text: &str) -> [u8; N] {
    match text.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => [0; N],
    }
}
