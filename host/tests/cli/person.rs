//! Somebody who types `cloister`: a configuration directory of their own, and nothing from the real environment.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::mock::Mock;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

pub(crate) struct Person {
    home: TempDir,
    host: String,
}

impl Person {
    /// Signed in to nothing.
    pub(crate) fn new(mock: &Mock) -> Self {
        Self { home: TempDir::new().unwrap(), host: mock.url.clone() }
    }

    /// Signed in to the mock, as the only member of `acme`.
    pub(crate) fn signed_in(mock: &Mock) -> Self {
        let person = Self::new(mock);
        let said = person.type_with_input(
            &["login", &mock.url, "--email", "ann@example.com", "--password-stdin"],
            b"correct horse battery\n",
        );
        assert_eq!(said.code, Some(0), "{said:?}");
        person
    }

    /// Where this person's files are.
    pub(crate) fn dir(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.dir().join("config/credentials.json")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister"));
        command
            .args(args)
            .env_clear()
            .env("CLOISTER_CONFIG_DIR", self.dir().join("config"))
            .env("CLOISTER_CACHE_DIR", self.dir().join("cache"))
            .current_dir(self.dir())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn types(&self, args: &[&str]) -> Said {
        self.said(self.command(args).output().unwrap())
    }

    pub(crate) fn type_with_input(&self, args: &[&str], input: &[u8]) -> Said {
        let mut child = self.starts(args);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // The command may end without reading all of it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let said = self.said(child.wait_with_output().unwrap());
        writer.join().unwrap();
        said
    }

    /// Started, with pipes on all three streams.
    pub(crate) fn starts(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// With the mock's port and this person's directory replaced by fixed words.
    pub(crate) fn said(&self, output: Output) -> Said {
        let stderr = String::from_utf8(output.stderr).unwrap();
        let stderr = stderr.replace(&self.host, "http://HOST").replace(self.dir().to_str().unwrap(), "HOME");
        Said { code: output.status.code(), stdout: output.stdout, stderr }
    }
}
