//! What a command says of itself, read from the help text that its module carries.

use super::{Registry, RegistryError};
use crate::auth::{Permit, act};
use crate::ids::CommandName;
use crate::store::ModuleRecord;

/// Flags read from one help text.
const MAX_FLAGS: usize = 128;
/// Longest summary, of a command or a flag, in characters.
const MAX_SUMMARY_CHARS: usize = 200;

/// How a command is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The command.
    pub name: CommandName,
    /// One sentence, or empty.
    pub summary: String,
    /// The flags that its help text lists.
    pub flags: Vec<Flag>,
}

/// A flag of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// With its dashes.
    pub name: String,
    /// What its value is called, when it takes one.
    pub value: Option<String>,
    /// One sentence, or empty.
    pub summary: String,
}

impl Registry {
    /// How the tenant's commands are called, by name; of at most so many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn interfaces(
        &self,
        permit: &Permit<act::DeploymentRead>,
        limit: usize,
    ) -> Result<Vec<Interface>, RegistryError> {
        let scope = permit.scope().clone();
        let read = self.inner.store.read::<_, RegistryError, _>(move |reader| {
            let page = reader.deployments(&scope, None, limit, |_| true)?;
            let mut interfaces = Vec::with_capacity(page.items.len());
            for deployment in page.items {
                let module: Option<ModuleRecord> = reader.module(&scope, &deployment.active.module)?;
                let help = module.and_then(|module| module.help).unwrap_or_default();
                let summary = match deployment.active.description.is_empty() {
                    true => summary(&help),
                    false => deployment.active.description,
                };
                interfaces.push(Interface { name: deployment.name, summary, flags: flags(&help) });
            }
            Ok(interfaces)
        });
        read.await
    }
}

/// The first sentence of a help text that is not about how the command is called; empty when there is none.
pub(crate) fn summary(help: &str) -> String {
    let mut paragraphs = help.split("\n\n").map(str::trim);
    let about = |paragraph: &&str| {
        let begin = paragraph.get(..6).unwrap_or(paragraph);
        !paragraph.is_empty() && !begin.eq_ignore_ascii_case("usage:") && !begin.starts_with('-')
    };
    let paragraph = paragraphs.find(about).unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.find(". ").map_or(line.len(), |end| end + 1);
    line[..end].trim_end_matches('.').chars().take(MAX_SUMMARY_CHARS).collect()
}

/// The flags: lines that begin with white space and a dash, such as `  -n, --lines N  how many`.
fn flags(help: &str) -> Vec<Flag> {
    let mut flags = Vec::new();
    for line in help.lines().filter(|line| line.starts_with([' ', '\t'])) {
        let line = line.trim();
        if !line.starts_with('-') {
            continue;
        }
        // What the flag does stands behind two blanks.
        let (names, about) = line.split_once("  ").unwrap_or((line, ""));
        let names: Vec<_> = names.split([',', ' ', '=']).filter(|name| !name.is_empty()).collect();
        let value = names.iter().find(|name| !name.starts_with('-')).map(|name| (*name).to_owned());
        for name in names.iter().filter(|name| name.starts_with('-') && name.len() > 1) {
            if flags.len() >= MAX_FLAGS {
                return flags;
            }
            let summary = about.trim().chars().take(MAX_SUMMARY_CHARS).collect();
            flags.push(Flag { name: (*name).to_owned(), value: value.clone(), summary });
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "\
usage: head [-n N] [FILE]...

Writes the first lines of each FILE. Of standard input
without one.

  -n, --lines N    how many lines
  -q, --quiet      no names
      --zero=BYTE  what ends a line
      -            is no flag
";

    #[test]
    fn a_help_text_lists_flags_and_says_what_the_command_is_for() {
        assert_eq!(summary(HELP), "Writes the first lines of each FILE");
        let found = flags(HELP);
        let shown: Vec<_> = found
            .iter()
            .map(|flag| (flag.name.as_str(), flag.value.as_deref(), flag.summary.as_str()))
            .collect();
        let expected = [
            ("-n", Some("N"), "how many lines"),
            ("--lines", Some("N"), "how many lines"),
            ("-q", None, "no names"),
            ("--quiet", None, "no names"),
            ("--zero", Some("BYTE"), "what ends a line"),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn no_help_text_is_no_summary_and_no_flags() {
        for help in ["", "\n\n", "usage: x", "-\n -", "ä\n\nä"] {
            assert!(flags(help).is_empty(), "{help:?}");
            assert!(summary(help).len() < 5, "{help:?}");
        }
        let many: String = (0..1_000).map(|number| format!("  --f{number}  x\n")).collect();
        assert_eq!(flags(&many).len(), MAX_FLAGS);
    }
}
