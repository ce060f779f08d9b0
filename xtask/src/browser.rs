//! Browser tests: the console in a real browser, against its mock and against a real server.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::process::{find_program, run, step, succeeds};
use crate::toolchain::apt;

/// Names under which the browser is installed.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How long a server may take from its start to its sign-in link: it compiles the demo's modules first.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How long a server may take to drain.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// Runs the console's browser tests.
pub(crate) fn test(layout: &Layout) -> Result<()> {
    let Some(mut against_mock) = crate::web::browser_tests(layout)? else { return Ok(()) };
    let browser = browser()?;
    step("testing the console in a browser, against its mock");
    run(against_mock.env("CHROMIUM", &browser))?;
    crate::guests::build(layout)?;
    crate::host::build(layout)?;
    step("testing the console in a browser, against a server");
    let server = Server::start(layout)?;
    let Some(mut against_server) = crate::web::browser_tests(layout)? else { return Ok(()) };
    run(against_server
        .env("CHROMIUM", &browser)
        .env("CLOISTER_URL", &server.url)
        .env("CLOISTER_LINK", &server.link)
        .env("CLOISTER_WASM", layout.guests().join("commands/hello.wasm"))
        .env("CLOISTER_EXPECT", "Hello, Ada Lovelace!"))
}

fn browser() -> Result<PathBuf> {
    if let Some(found) = BROWSERS.iter().find_map(|name| find_program(name)) {
        return Ok(found);
    }
    apt::install(&["chromium"], "browser tests")?;
    find_program("chromium").context("find the browser that was just installed")
}

/// A server on a free port with a data directory of its own; ended and removed when dropped.
struct Server {
    child: Child,
    data: PathBuf,
    url: String,
    link: String,
}

impl Server {
    fn start(layout: &Layout) -> Result<Self> {
        let data = layout.stamps().join(format!("browser-data-{}", std::process::id()));
        let mut command = Command::new(layout.cloister());
        command.args(["serve", "--listen", "127.0.0.1:0"]).arg("--data").arg(&data);
        command.arg("--demo").arg(layout.guests().join("commands"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the server")?;
        let lines = lines_of(&mut child);
        let mut server = Self { child, data, url: String::new(), link: String::new() };
        server.link = sign_in_link(&lines, START_LIMIT)?;
        server.url = server.link.split("/#/").next().unwrap_or_default().to_owned();
        // The pipes must be read for as long as the server writes to them.
        std::thread::spawn(move || lines.iter().for_each(drop));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let asked = succeeds(Command::new("kill").args(["-TERM", &id]));
        let deadline = Instant::now() + STOP_LIMIT;
        while asked && Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Nothing is left to do about a server that cannot be ended or a directory that cannot be removed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// The lines of both streams as they come.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let stdout = child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    let stderr = child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    for stream in [stdout, stderr].into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    lines
}

/// Waits for the one-time link of the demo's owner: the one on a line about the demo, else the last one printed.
fn sign_in_link(lines: &Receiver<String>, limit: Duration) -> Result<String> {
    let deadline = Instant::now() + limit;
    let (mut seen, mut found) = (String::new(), None);
    // After a link, a short silence tells that the greeting is over.
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        let patience = if found.is_some() { Duration::from_millis(300).min(left) } else { left };
        match lines.recv_timeout(patience) {
            Ok(line) => {
                if let Some(link) = link_in(&line) {
                    let is_demo = line.contains("demo");
                    found = Some(link);
                    if is_demo {
                        break;
                    }
                }
                seen.push_str(&line);
                seen.push('\n');
            }
            Err(RecvTimeoutError::Timeout) if found.is_some() => break,
            Err(_) => break,
        }
    }
    match found {
        Some(link) => Ok(link),
        None => bail!("the server printed no sign-in link. It said:\n{seen}"),
    }
}

fn link_in(line: &str) -> Option<String> {
    let word = line.split_whitespace().find(|word| word.contains("/#/link/"))?;
    let start = word.find("http")?;
    let is_end = |c: char| matches!(c, '"' | '\'' | '<' | '>' | ',' | '\u{1b}');
    Some(word[start..].split(is_end).next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_in_a_sentence_and_in_json() {
        let link = "http://127.0.0.1:4711/#/link/abc_-1";
        assert_eq!(link_in(&format!("Sign in at {link} within an hour")).as_deref(), Some(link));
        assert_eq!(link_in(&format!("{{\"link\":\"{link}\"}}")).as_deref(), Some(link));
        assert_eq!(link_in("listening on http://127.0.0.1:4711/"), None);
    }

    #[test]
    fn the_demos_link_is_preferred() {
        let (sender, lines) = channel();
        for line in ["operator: http://h/#/link/1", "demo owner: http://h/#/link/2", "x: http://h/#/link/3"] {
            sender.send(line.to_owned()).unwrap();
        }
        drop(sender);
        assert_eq!(sign_in_link(&lines, START_LIMIT).unwrap(), "http://h/#/link/2");
    }

    #[test]
    fn a_server_that_ends_without_a_link_is_quoted() {
        let (sender, lines) = channel();
        sender.send("port in use".to_owned()).unwrap();
        drop(sender);
        let error = sign_in_link(&lines, START_LIMIT).unwrap_err();
        assert!(error.to_string().contains("port in use"));
    }
}
