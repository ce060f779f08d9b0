//! `export`, `unset`, `set`.

use super::Call;
use crate::{quote, status};

impl Call<'_> {
    pub(super) async fn export(&mut self) -> i32 {
        let (remove, names) = match self.arguments {
            [] => (false, &[][..]),
            [flag] if flag == "-p" => (false, &[][..]),
            [flag, names @ ..] if flag == "-n" => (true, names),
            names => (false, names),
        };
        if names.is_empty() {
            let line = |(name, value): (&str, Option<&str>)| match value {
                Some(value) => format!("export {name}={}\n", quote(value)),
                None => format!("export {name}\n"),
            };
            let lines: String = self.state.exported().map(line).collect();
            return self.print(&lines).await;
        }
        let mut status = status::SUCCESS;
        for argument in names {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            let mut done = value.map_or(Ok(()), |value| self.state.set(name, value));
            if remove {
                self.state.unexport(name);
            } else if done.is_ok() {
                done = self.state.export(name);
            }
            if let Err(refusal) = done {
                status = self.refuse(&refusal).await;
            }
        }
        status
    }

    pub(super) async fn unset(&mut self) -> i32 {
        let names = match self.arguments {
            [flag, names @ ..] if flag == "-v" => names,
            names => names,
        };
        for name in names {
            self.state.unset(name);
        }
        status::SUCCESS
    }

    pub(super) async fn set(&mut self) -> i32 {
        match self.arguments {
            [] => {
                let line = |(name, value)| format!("{name}={}\n", quote(value));
                let lines: String = self.state.variables().map(line).collect();
                self.print(&lines).await
            }
            [flag] if flag == "-o" => {
                let shown = |on| if on { "on" } else { "off" };
                let (history, pipefail) = (shown(self.state.history), shown(self.state.pipefail));
                self.print(&format!("history   {history}\npipefail  {pipefail}\n")).await
            }
            [flag, option] if flag == "-o" || flag == "+o" => {
                let on = flag == "-o";
                match option.as_str() {
                    "pipefail" => self.state.pipefail = on,
                    "history" => self.state.history = on,
                    _ => return self.complain(&format!("{option}: no such option"), status::USAGE).await,
                }
                status::SUCCESS
            }
            _ => self.usage().await,
        }
    }
}
