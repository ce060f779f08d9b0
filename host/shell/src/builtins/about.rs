//! `help`, `history`, `type`, `workflows`.

use super::{BUILTINS, Call, is_builtin};
use crate::{limits, status};

impl Call<'_> {
    pub(super) async fn help(&self) -> i32 {
        let mut commands = self.context.world.commands().await;
        commands.sort_by(|one, other| one.name.cmp(&other.name));
        let mut text = String::new();
        match self.arguments {
            [] => {
                text.push_str("Builtins:\n");
                for (name, arguments, summary) in BUILTINS {
                    text.push_str(&format!("  {:<32}  {summary}\n", format!("{name} {arguments}")));
                }
                text.push_str("Commands:\n");
                for command in &commands {
                    text.push_str(&format!("  {:<32}  {}\n", command.name, command.summary));
                }
                text.push_str(
                    "Also: a | b, a > file, a >> file, a < file, 2>&1, a && b, a || b, a; b, a &, $NAME, *, **\n",
                );
            }
            names => {
                for name in names {
                    let builtin = BUILTINS.iter().find(|builtin| builtin.0 == name);
                    let command = commands.iter().find(|command| command.name == *name);
                    if builtin.is_none() && command.is_none() {
                        return self.complain(&format!("{name}: no such command"), status::FAILURE).await;
                    }
                    if let Some((name, arguments, summary)) = builtin {
                        text.push_str(&format!("{name} {arguments}\n    {summary}\n"));
                    }
                    if let Some(command) = command {
                        text.push_str(&format!("{}\n    {}\n", command.name, command.summary));
                        for flag in &command.flags {
                            let value = if flag.takes_value { " value" } else { "" };
                            text.push_str(&format!("    {}{value}  {}\n", flag.name, flag.summary));
                        }
                    }
                }
            }
        }
        self.print(&text).await
    }

    pub(super) async fn history(&self) -> i32 {
        let (text, limit) = match self.arguments {
            [] => (String::new(), limits::HISTORY_LINES),
            [count] if count.bytes().all(|byte| byte.is_ascii_digit()) && !count.is_empty() => {
                let limit = count.parse::<usize>().unwrap_or(limits::HISTORY_LINES);
                (String::new(), limit.min(limits::HISTORY_LINES))
            }
            words => (words.join(" "), limits::HISTORY_LINES),
        };
        let entries = self.context.world.history(&text, limit).await;
        let line = |entry: &crate::world::HistoryEntry| format!("{:>6}  {}\n", entry.number, entry.line);
        self.print(&entries.iter().map(line).collect::<String>()).await
    }

    pub(super) async fn type_of(&self) -> i32 {
        if self.arguments.is_empty() {
            return self.usage().await;
        }
        let commands = self.context.world.commands().await;
        let (mut text, mut status) = (String::new(), status::SUCCESS);
        for name in self.arguments {
            let deployed = commands.iter().any(|command| command.name == *name);
            match (is_builtin(name), deployed) {
                (true, false) => text.push_str(&format!("{name} is a builtin of the shell\n")),
                (true, true) => text.push_str(&format!(
                    "{name} is a builtin of the shell; `command {name}` runs the deployed one\n"
                )),
                (false, true) => text.push_str(&format!("{name} is a deployed command\n")),
                (false, false) => {
                    status = self.complain(&format!("{name}: no such command"), status::FAILURE).await;
                }
            }
        }
        match self.print(&text).await {
            status::SUCCESS => status,
            closed => closed,
        }
    }

    pub(super) async fn workflows(&self) -> i32 {
        let mut names = self.context.world.workflows().await;
        names.sort_unstable();
        self.print(&names.iter().map(|name| format!("{name}\n")).collect::<String>()).await
    }
}
