//! What a run of the smoke test found, for people and for machines.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Error;
use serde_json::{Value, json};

use super::{Evidence, Mismatch};
use crate::qemu::guest::Traces;
use crate::report::duration;

/// One step that was run.
pub struct StepReport {
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub time: Duration,
    /// What it found, or why it failed.
    pub result: Result<Evidence, Failure>,
}

/// Why a step failed.
pub struct Failure {
    /// The error.
    pub error: Error,
    /// The last lines on the console.
    pub console: Vec<String>,
    /// What QEMU complained about; mostly nothing.
    pub complaints: String,
}

/// A whole run.
pub struct Report {
    /// The steps that were run, in order.
    pub steps: Vec<StepReport>,
    /// Names of the steps that were not run, because an earlier one failed.
    pub skipped: Vec<&'static str>,
    /// From QEMU's start to its end.
    pub time: Duration,
    /// The files of the run.
    pub traces: Traces,
}

impl StepReport {
    /// The step as one line, or as many as a failure needs.
    pub fn line(&self) -> String {
        let time = duration(self.time);
        match &self.result {
            Ok(evidence) => format!("  ok    {:<10} {time:>8}  {}", self.name, evidence.text),
            Err(failure) => format!("  FAIL  {:<10} {time:>8}  {}", self.name, failure.headline()),
        }
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "name": self.name,
            "milliseconds": self.time.as_millis() as u64,
            "ok": self.result.is_ok(),
        });
        let more = match &self.result {
            Ok(evidence) => json!({ "text": evidence.text, "figures": evidence.figures }),
            Err(failure) => failure.json(),
        };
        if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
            value.extend(more);
        }
        value
    }
}

impl Failure {
    /// The mismatch, if the step came far enough to compare something.
    fn mismatch(&self) -> Option<&Mismatch> {
        self.error.chain().find_map(|cause| cause.downcast_ref())
    }

    fn headline(&self) -> String {
        match self.mismatch() {
            Some(mismatch) => format!("expected {}", mismatch.expected),
            None => self.error.to_string(),
        }
    }

    fn text(&self) -> String {
        let mut text = match self.mismatch() {
            Some(mismatch) => {
                format!("  expected {}\n  got      {}\n", mismatch.expected, indent(&mismatch.got))
            }
            None => format!("  {}\n", indent(&format!("{:#}", self.error))),
        };
        if !self.complaints.is_empty() {
            let _ = writeln!(text, "  QEMU says: {}", indent(&self.complaints));
        }
        text.push_str(match self.console.is_empty() {
            true => "  nothing was ever on the console: has the kernel enough RAM, and this console?\n",
            false => "  last lines on the console:\n",
        });
        for line in &self.console {
            let _ = writeln!(text, "    | {line}");
        }
        text
    }

    fn json(&self) -> Value {
        let mismatch = self.mismatch();
        json!({
            "error": format!("{:#}", self.error),
            "expected": mismatch.map(|mismatch| &mismatch.expected),
            "got": mismatch.map(|mismatch| &mismatch.got),
            "qemu_stderr": self.complaints,
            "console": self.console,
        })
    }
}

impl Report {
    /// Whether every step was run and passed.
    pub fn passed(&self) -> bool {
        self.skipped.is_empty() && self.steps.iter().all(|step| step.result.is_ok())
    }

    /// The end of the story: what failed, how, and where the traces are.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            if let Err(failure) = &step.result {
                let _ = write!(text, "step `{}` failed:\n{}", step.name, failure.text());
            }
        }
        let passed = self.steps.iter().filter(|step| step.result.is_ok()).count();
        let _ = match (passed == self.steps.len(), self.skipped.len()) {
            (true, 0) => writeln!(text, "all {passed} steps passed in {}", duration(self.time)),
            (_, 0) => writeln!(text, "{passed} of {} steps passed", self.steps.len()),
            (_, skipped) => {
                writeln!(text, "{passed} steps passed, {skipped} not run: {}", self.skipped.join(", "))
            }
        };
        let _ = writeln!(text, "  transcript {}", self.traces.transcript.display());
        let _ = writeln!(text, "  capture    {}", self.traces.capture.display());
        text
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        json!({
            "passed": self.passed(),
            "milliseconds": self.time.as_millis() as u64,
            "steps": self.steps.iter().map(StepReport::json).collect::<Vec<_>>(),
            "skipped": self.skipped,
            "transcript": self.traces.transcript,
            "capture": self.traces.capture,
            "qemu_stderr": self.traces.errors,
        })
    }
}

fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n           ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(result: Result<Evidence, Failure>, skipped: Vec<&'static str>) -> Report {
        let traces = Traces {
            transcript: "/t/console.log".into(),
            capture: "/t/wire.pcap".into(),
            errors: "/t/qemu.log".into(),
            lock: "/t/qemu.lock".into(),
        };
        let boot =
            StepReport { name: "boot", time: Duration::from_millis(900), result: Ok(Evidence::new("up")) };
        let udp = StepReport { name: "udp", time: Duration::from_millis(100), result };
        Report { steps: vec![boot, udp], skipped, time: Duration::from_secs(1), traces }
    }

    #[test]
    fn a_good_run() {
        let report = report(Ok(Evidence::new("all sizes").with("largest", 8192)), vec![]);
        assert!(report.passed());
        assert!(report.text().starts_with("all 2 steps passed in 1.00 s\n"));
        let json = report.json();
        assert_eq!(json["passed"], true);
        assert_eq!(json["steps"][1]["name"], "udp");
        assert_eq!(json["steps"][1]["milliseconds"], 100);
        assert_eq!(json["steps"][1]["figures"]["largest"], 8192);
        assert_eq!(json["capture"], "/t/wire.pcap");
    }

    #[test]
    fn a_bad_run_says_what_where_and_leaves_traces() {
        let failure = Failure {
            error: Error::from(Mismatch::new("32 echoes", "31 echoes")).context("counting"),
            console: vec!["last words".to_owned()],
            complaints: "qemu: no".to_owned(),
        };
        let report = report(Err(failure), vec!["poweroff"]);
        assert!(!report.passed());
        let text = report.text();
        for part in [
            "step `udp` failed:",
            "expected 32 echoes",
            "got      31 echoes",
            "QEMU says: qemu: no",
            "    | last words",
            "1 steps passed, 1 not run: poweroff",
            "/t/console.log",
            "/t/wire.pcap",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert_eq!(report.json()["steps"][1]["got"], "31 echoes");
    }
}
