//! The smoke test: what a device must do to count as talking, one file a step.
//!
//! Steps run in order; each gets the same [`Guest`] and returns its [`Evidence`] or why not. A step
//! has its own limits, so that a hang is told within a minute. Steps that mostly wait are started
//! early in the background (`background.rs`) and judged late.

mod addresses;
mod background;
mod boot;
mod dhcp;
mod dns;
mod download;
mod errors;
mod impaired;
mod lease;
mod log;
mod loopback;
mod ping;
mod poweroff;
mod probe;
mod readiness;
mod report;
mod run;
mod serve;
mod udp;
mod upload;

pub use log::judge as judge_log;
pub use report::{Report, StepReport};
pub use run::{Session, Subject, run, start, take};

use std::fmt;

use anyhow::Result;
use serde_json::{Map, Value};

use super::guest::Guest;

/// One step of a test.
#[derive(Clone, Copy)]
pub struct Step {
    /// Short, unique, lower case.
    pub name: &'static str,
    /// Does it.
    pub run: fn(&mut Guest) -> Result<Evidence>,
}

/// All steps, in order.
pub const STEPS: &[Step] = &[
    Step { name: "boot", run: boot::run },
    Step { name: "dhcp", run: dhcp::run },
    Step { name: "addresses", run: addresses::run },
    Step { name: "ping", run: ping::run },
    Step { name: "dns", run: dns::run },
    Step { name: "probe", run: probe::run },
    Step { name: "download", run: download::run },
    Step { name: "upload", run: upload::run },
    Step { name: "serve", run: serve::run },
    Step { name: "udp", run: udp::run },
    Step { name: "errors", run: errors::run },
    Step { name: "readiness", run: readiness::run },
    Step { name: "loopback", run: loopback::run },
    Step { name: "impaired", run: impaired::run },
    Step { name: "waiting", run: background::run },
    Step { name: "lease", run: lease::run },
    Step { name: "log", run: log::run },
    Step { name: "poweroff", run: poweroff::run },
];

/// What it takes to run the probe on a machine.
pub const REACH: &[Step] = &[
    Step { name: "boot", run: boot::run },
    Step { name: "dhcp", run: dhcp::run },
    Step { name: "fetch", run: probe::fetch },
];

/// What a step found: a few words, and figures for machines.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// For people.
    pub text: String,
    /// For machines.
    pub figures: Map<String, Value>,
}

impl Evidence {
    /// Evidence without figures.
    pub fn new(text: impl Into<String>) -> Evidence {
        Evidence { text: text.into(), figures: Map::new() }
    }

    /// With a figure more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Evidence {
        self.figures.insert(name.to_owned(), value.into());
        self
    }
}

/// What was expected and what was found instead.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub got: String,
}

impl Mismatch {
    /// Expected this, got that.
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Mismatch {
        Mismatch { expected: expected.into(), got: got.into() }
    }

    /// An error unless both are equal; `what` says what they are.
    ///
    /// # Errors
    /// The mismatch.
    pub fn check<T: fmt::Display + PartialEq + ?Sized>(what: &str, got: &T, expected: &T) -> Result<()> {
        if got == expected {
            return Ok(());
        }
        Err(Mismatch::new(format!("{what} to be {expected}"), got.to_string()).into())
    }

    /// An error unless `text`, the output of `command`, has for each of `lines` a line with all its
    /// words, in that order.
    ///
    /// # Errors
    /// The mismatch.
    pub fn check_lines(command: &str, text: &str, lines: &[&[&str]]) -> Result<()> {
        for words in lines {
            let found = text.lines().any(|line| {
                let mut rest = line;
                words.iter().all(|word| match rest.split_once(word) {
                    Some((_, after)) => {
                        rest = after;
                        true
                    }
                    None => false,
                })
            });
            if !found {
                let expected = format!("`{command}` to print a line with {}", words.join(" … "));
                return Err(Mismatch::new(expected, format!("\n{}", text.trim_end())).into());
            }
        }
        Ok(())
    }
}

/// The SHA-256 in the output of `sha256sum`, wherever other programs have spoken in between.
fn hash_in(output: &str) -> &str {
    let is_hash = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    output.split_whitespace().find(is_hash).unwrap_or_else(|| output.trim())
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps_are_unique() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[index + 1..].iter().all(|other| other.name != step.name), "{}", step.name);
        }
    }

    #[test]
    fn a_hash_is_found_among_other_words() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_in(&format!("starting pid 7\n{hash}  -\n")), hash);
        assert_eq!(hash_in("sha256sum: no\n"), "sha256sum: no");
    }

    #[test]
    fn lines_are_found_by_words_in_order() {
        let text = "Destination Gateway\n0.0.0.0  192.0.2.1  0.0.0.0  UG\n";
        let check = |words: &[&str]| Mismatch::check_lines("route", text, &[words]);
        assert!(check(&["0.0.0.0", "192.0.2.1", "UG"]).is_ok());
        assert!(check(&["UG", "192.0.2.1"]).is_err());
        assert!(check(&["Destination", "UG"]).is_err());
    }
}
