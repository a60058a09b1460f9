//! The program, run to its end.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The program under test.
pub(crate) const AUTHGATE: &str = env!("CARGO_BIN_EXE_authgate");

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Panics with all that was said unless the command was done.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The output of `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Whether a text is anywhere in what the command said.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

/// Runs `authgate` with these arguments and this on its standard input.
pub(crate) fn authgate(arguments: &[&str], input: &str) -> Outcome {
    run(Command::new(AUTHGATE).args(arguments), input)
}

/// Runs a program with this on its standard input.
pub(crate) fn run(program: &mut Command, input: &str) -> Outcome {
    let name = program.get_program().to_owned();
    let mut process = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error} (tests/setup test)", name.display()));
    // A command that reads nothing may be gone by now.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let output = process.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
