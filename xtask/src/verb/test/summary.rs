//! What the checks came to: a table with times, then each failure with its last lines.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use super::checks::{Check, Counts};
use crate::report::{Outcome, duration};

/// A check that was run.
#[derive(Clone, Debug)]
pub struct Done {
    /// The check's name.
    pub name: &'static str,
    /// How long it took.
    pub time: Duration,
    /// What it came to, in a few words.
    pub remark: String,
    /// Why it failed, with the last lines of its log and the log's path.
    pub failure: Option<String>,
    /// Tests that it ran.
    pub counts: Counts,
}

/// All that were run.
#[derive(Debug)]
pub struct Summary {
    start: Instant,
    done: Vec<Done>,
}

impl Summary {
    /// Begins now.
    pub fn new() -> Self {
        Self { start: Instant::now(), done: Vec::new() }
    }

    /// Takes one more.
    pub fn add(&mut self, done: Done) {
        self.done.push(done);
    }

    /// Good if every check passed.
    pub fn outcome(&self) -> Outcome {
        let failed: Vec<&Done> = self.done.iter().filter(|done| done.failure.is_some()).collect();
        let (text, time) = (self.text(), self.start.elapsed());
        let checks: Vec<_> = self.done.iter().map(Done::json).collect();
        let json =
            json!({ "passed": failed.is_empty(), "milliseconds": time.as_millis() as u64, "checks": checks });
        if failed.is_empty() { Outcome::good(text, json) } else { Outcome::bad(text, json) }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for Done { name, failure, .. } in &self.done {
            if let Some(failure) = failure {
                let _ = writeln!(text, "---- {name} failed ----\n{}\n", failure.trim_end());
            }
        }
        for done in &self.done {
            let _ = writeln!(text, "{}", done.row());
        }
        let count = |f: fn(&Counts) -> u64| self.done.iter().map(|done| f(&done.counts)).sum::<u64>();
        let (passed, failed, ignored) = (count(|c| c.passed), count(|c| c.failed), count(|c| c.ignored));
        if passed + failed > 0 {
            let verdict = if failed == 0 { "ok" } else { "FAILED" };
            let _ =
                writeln!(text, "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored");
        }
        let bad = self.done.iter().filter(|done| done.failure.is_some()).count();
        let time = duration(self.start.elapsed());
        match bad {
            0 => text + &format!("all {} checks passed in {time}", self.done.len()),
            _ => text + &format!("{bad} of {} checks FAILED in {time}", self.done.len()),
        }
    }
}

impl Done {
    fn row(&self) -> String {
        let verdict = if self.failure.is_none() { "ok" } else { "FAIL" };
        let remark: String = self.remark.chars().take(REMARK).collect();
        let row = format!("{verdict:<4}  {:<12} {:>12}  {remark}", self.name, duration(self.time));
        row.trim_end().to_owned()
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "ok": self.failure.is_none(),
            "milliseconds": self.time.as_millis() as u64,
            "remark": self.remark,
            "failure": self.failure,
            "tests_passed": self.counts.passed,
            "tests_failed": self.counts.failed,
        })
    }
}

/// The checks that there are.
pub fn list(checks: &[Check]) -> Outcome {
    let lines: Vec<String> =
        checks.iter().map(|check| format!("{:<12} {}", check.name, check.what)).collect();
    let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
    Outcome::good(lines.join("\n"), json!(names))
}

/// Columns that are left for a remark, of 80.
const REMARK: usize = 46;

#[cfg(test)]
mod tests {
    use super::*;

    fn done(name: &'static str, failure: Option<&str>, passed: u64, failed: u64) -> Done {
        Done {
            name,
            time: Duration::from_millis(12_400),
            remark: "a remark that is much longer than what is left of eighty columns".to_owned(),
            failure: failure.map(str::to_owned),
            counts: Counts { passed, failed, ignored: 0 },
        }
    }

    #[test]
    fn all_good() {
        let mut summary = Summary::new();
        summary.add(done("clippy", None, 0, 0));
        summary.add(done("rust", None, 116, 0));
        let outcome = summary.outcome();
        assert!(outcome.ok);
        assert!(outcome.text.contains("test result: ok. 116 passed; 0 failed"), "{}", outcome.text);
        assert!(
            outcome.text.lines().last().unwrap().starts_with("all 2 checks passed in"),
            "{}",
            outcome.text
        );
        assert!(outcome.text.lines().all(|line| line.chars().count() <= 80), "{}", outcome.text);
    }

    #[test]
    fn failures_come_with_their_last_lines_and_count() {
        let mut summary = Summary::new();
        summary.add(done("rust", Some("`cargo test` failed\n  test x ... FAILED\nlog: x.log"), 115, 1));
        summary.add(done("native", None, 0, 0));
        let outcome = summary.outcome();
        assert!(!outcome.ok);
        for part in [
            "---- rust failed ----",
            "log: x.log",
            "FAIL  rust",
            "ok    native",
            "FAILED. 115 passed; 1 failed",
            "1 of 2 checks FAILED",
        ] {
            assert!(outcome.text.contains(part), "{part} is not in:\n{}", outcome.text);
        }
        assert_eq!(outcome.json["checks"][0]["ok"], false);
    }
}
