//! What became of scripts: one line each for a person, one document for a program.

use super::machine::Machine;
use super::parse::parse;
use super::stop::Stop;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How scripts are run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Where relative paths of shell commands begin.
    pub folder: PathBuf,
    /// What the command line gives beside the script: name without dashes, and value.
    pub flags: Vec<(String, String)>,
    /// Constants of the command line (`-D`).
    pub defines: BTreeMap<String, String>,
}

/// What became of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The stack did all that it says. What could not be looked up is listed.
    Passed {
        /// Shell commands that check something outside of the stack.
        unchecked: Vec<String>,
    },
    /// The stack did something else.
    Failed {
        /// The line of the event.
        line: usize,
        /// What the script says.
        expected: String,
        /// What happened.
        got: String,
    },
    /// It asks for something that is not there.
    Skipped {
        /// The line of the event.
        line: usize,
        /// For what.
        reason: String,
    },
}

/// Runs the script `text`.
pub fn run(text: &str, options: &Options) -> Outcome {
    let script = match parse(text) {
        Ok(script) => script,
        Err(error) => {
            let (expected, got) = ("the script language".to_owned(), error.what);
            return Outcome::Failed { line: error.line, expected, got };
        }
    };
    let mut machine = match Machine::new(&script, options) {
        Ok(machine) => machine,
        Err(stop) => return stopped(1, stop, &[]),
    };
    let mut last = 1;
    for event in &script.events {
        last = event.line;
        if let Err(stop) = machine.run(event) {
            return stopped(event.line, stop, &machine.world.settings.wanted);
        }
    }
    if let Err(stop) = machine.finish() {
        return stopped(last, stop, &machine.world.settings.wanted);
    }
    Outcome::Passed { unchecked: std::mem::take(&mut machine.world.settings.unchecked) }
}

/// Who lacks something that the script has used, and then differs, is no failure.
fn stopped(line: usize, stop: Stop, wanted: &[String]) -> Outcome {
    match stop {
        Stop::Skip(reason) => Outcome::Skipped { line, reason },
        Stop::Fail { expected, got } if wanted.is_empty() => Outcome::Failed { line, expected, got },
        Stop::Fail { expected, got } => {
            let reason = format!("without {}: expected {expected}, got {got}", wanted.join(", "));
            Outcome::Skipped { line, reason }
        }
    }
}

/// The scripts among `paths`, folders searched through, in order.
///
/// # Errors
/// What cannot be read.
pub fn find(paths: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                let path = entry?.path();
                if path.is_dir() || path.extension().is_some_and(|extension| extension == "pkt") {
                    left.push(path);
                }
            }
        } else {
            std::fs::metadata(&path)?;
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A script and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Result {
    /// Where it is.
    pub path: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of all of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// One for each script.
    pub results: Vec<Result>,
}

impl Report {
    /// How many passed, failed and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count =
            |of: fn(&Outcome) -> bool| self.results.iter().filter(|result| of(&result.outcome)).count();
        let passed = count(|outcome| matches!(outcome, Outcome::Passed { .. }));
        let failed = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
        (passed, failed, self.results.len() - passed - failed)
    }

    /// For a person: a line for each, more for those that failed, and a summary.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Result { path, outcome } in &self.results {
            let path = path.display();
            let _ = match outcome {
                Outcome::Passed { unchecked } if unchecked.is_empty() => writeln!(text, "pass {path}"),
                Outcome::Passed { unchecked } => {
                    writeln!(text, "pass {path} (not looked up: {})", unchecked.join("; "))
                }
                Outcome::Skipped { line, reason } => writeln!(text, "skip {path}:{line}: {reason}"),
                Outcome::Failed { line, expected, got } => {
                    writeln!(text, "FAIL {path}:{line}\n     expected {expected}\n     got      {got}")
                }
            };
        }
        let (passed, failed, skipped) = self.counts();
        let _ = writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped");
        text
    }

    /// For a program.
    pub fn json(&self) -> String {
        let scripts: Vec<String> =
            self.results.iter().map(|result| script(&result.path, &result.outcome)).collect();
        let (passed, failed, skipped) = self.counts();
        let list = scripts.join(",");
        format!("{{\"passed\":{passed},\"failed\":{failed},\"skipped\":{skipped},\"scripts\":[{list}]}}\n")
    }
}

fn script(path: &Path, outcome: &Outcome) -> String {
    let path = quoted(&path.display().to_string());
    match outcome {
        Outcome::Passed { unchecked } => {
            let unchecked: Vec<String> = unchecked.iter().map(|command| quoted(command)).collect();
            format!("{{\"path\":{path},\"outcome\":\"pass\",\"unchecked\":[{}]}}", unchecked.join(","))
        }
        Outcome::Failed { line, expected, got } => {
            let (expected, got) = (quoted(expected), quoted(got));
            format!(
                "{{\"path\":{path},\"outcome\":\"fail\",\"line\":{line},\"expected\":{expected},\"got\":{got}}}"
            )
        }
        Outcome::Skipped { line, reason } => {
            format!("{{\"path\":{path},\"outcome\":\"skip\",\"line\":{line},\"reason\":{}}}", quoted(reason))
        }
    }
}

/// A text in JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
