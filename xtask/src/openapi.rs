//! Fuzzing the server by its own description, with schemathesis from PyPI; the script is in `tests/openapi/`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::process::{run, step};
use crate::toolchain::venv;

/// The version that everything here was tried with.
const VERSION: &str = "4.32.5";
/// Two kinds of people ask, one after the other.
const ASKERS: u32 = 2;
/// The rates of the tenant's plan and of the host: what is looked for is no 429. A guest that waits for input ends soon.
const CONFIG: &str = "[http]\nrequests_per_minute = 0\n[auth]\nsign_ins_per_minute = 0\n[plans.professional]\n\
    requests_per_minute = 0\nrequests_per_minute_principal = 0\nruns_per_minute = 0\nruns_per_minute_principal = 0\n\
    runs_per_month = 0\nuploads_per_hour = 0\nwall_ms = 2000\n";

/// Asks a server of its own for so many seconds.
pub(crate) fn fuzz(layout: &Layout, seconds: u32, seed: u64) -> Result<()> {
    crate::guests::build(layout)?;
    crate::host::build(layout)?;
    let python = schemathesis(layout)?;
    let folder = layout.target.join("schemathesis");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove what the last time left")?;
    }
    std::fs::create_dir_all(&folder).context("make a directory for the server")?;
    let server = Server::start(layout, &folder)?;
    step(format!("fuzzing {} by its description", server.url));
    let mut fuzzer = Command::new(python);
    fuzzer.arg(layout.root.join("tests/openapi/fuzz.py")).args([&server.url, &server.operator_link]);
    fuzzer.args([(seconds / ASKERS).max(1).to_string(), seed.to_string()]);
    fuzzer.arg(layout.guests().join("commands/hello.wasm"));
    run(&mut fuzzer)
}

/// A Python in which schemathesis works.
fn schemathesis(layout: &Layout) -> Result<PathBuf> {
    let package = format!("schemathesis=={VERSION}");
    venv::ready(&layout.tools().join(format!("schemathesis-{VERSION}")), &package, "schemathesis.cli")
}

/// A server on a free port, ended by its process when the value is dropped.
struct Server {
    child: Child,
    url: String,
    operator_link: String,
}

impl Server {
    fn start(layout: &Layout, folder: &Path) -> Result<Self> {
        let config = folder.join("cloister.toml");
        std::fs::write(&config, CONFIG).context("write the server's settings")?;
        let mut command = Command::new(layout.cloister());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        command.arg("--config").arg(config).stdout(Stdio::piped());
        let mut child = command.spawn().context("start the server")?;
        let output = child.stdout.take().context("the server's output is a pipe")?;
        let mut server = Self { child, url: String::new(), operator_link: String::new() };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let said = (lines.next(), lines.next());
        let (Some(first), Some(second)) = said else { bail!("the server did not start") };
        server.url = first.strip_prefix("Cloister is at ").context("the server's address")?.to_owned();
        server.operator_link = second.split_once("sign in once: ").context("a link")?.1.to_owned();
        // The pipe must be read for as long as the server writes to it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
