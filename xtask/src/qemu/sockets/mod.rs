//! The comparison of sockets: one program of socket calls on two machines that differ in the stack alone, and
//! every result that is not the same.
//!
//! The program is the probe's part `calls` (`xtask/probe/calls`). What is known to differ, docs/posix.md says
//! ([`known`]); everything else is a defect, and so is an entry there that no longer differs.

pub mod known;
pub mod sequence;
mod side;
pub mod transcript;

pub use side::{Side, calls};

use std::fmt::Write as _;
use std::thread;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use known::Verdict;
use transcript::Difference;

/// What a comparison found.
#[derive(Debug)]
pub struct Comparison {
    /// Cases that were run on both.
    pub cases: usize,
    /// Results that were compared.
    pub results: usize,
    /// Held against the list of known differences.
    pub verdict: Verdict,
    /// What came of generated sequences.
    pub sequences: Option<(sequence::Plan, sequence::Found)>,
}

/// Runs the cases whose names begin with `prefix` on both machines, side by side.
///
/// # Errors
/// A machine ended, or the program did not come to its end on one of them.
pub fn compare(linux: &mut Side, ours: &mut Side, prefix: &str, known: &[String]) -> Result<Comparison> {
    let (theirs, found) = both(|| linux.calls(prefix), || ours.calls(prefix))?;
    let names: Vec<String> = known.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
    Ok(Comparison {
        cases: theirs.cases(),
        results: theirs.results(),
        verdict: known::judge(&names, theirs.differences(&found)),
        sequences: None,
    })
}

/// Does something on both machines at a time.
///
/// # Errors
/// The first's error, else the second's.
pub fn both<A: Send, B: Send>(
    first: impl FnOnce() -> Result<A> + Send,
    second: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B)> {
    thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        let second = second.join().map_err(|_| anyhow!("a machine's thread panicked"))?;
        Ok((first?, second?))
    })
}

impl Comparison {
    /// Whether nothing is there that the list does not have, nor the other way round.
    #[must_use]
    pub fn passed(&self) -> bool {
        let differs = self.sequences.as_ref().is_some_and(|(_, found)| !found.stories.is_empty());
        self.verdict.unknown.is_empty() && self.verdict.stale.is_empty() && !differs
    }

    /// What was found, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for difference in &self.verdict.unknown {
            let Difference { linux, ours, .. } = difference;
            let _ = writeln!(text, "{}\n    Linux {linux}\n    here  {ours}", difference.name());
        }
        for name in &self.verdict.stale {
            let _ = writeln!(text, "{name}\n    does not differ any more: take it out of docs/posix.md");
        }
        if let Some((plan, found)) = &self.sequences {
            found.stories.iter().for_each(|story| text += story);
            let verdict = if found.stories.is_empty() { "all as on Linux" } else { "NOT THE SAME" };
            let sequence::Plan { first, count, length } = plan;
            let _ = writeln!(
                text,
                "{count} sequences of {length} steps from seed {first} on, {} results: {verdict}",
                found.results
            );
        }
        let (cases, results, known) = (self.cases, self.results, self.verdict.known);
        let bad = self.verdict.unknown.len() + self.verdict.stale.len();
        let _ = match bad {
            0 => {
                writeln!(text, "{cases} cases, {results} results: all as on Linux but {known} that are known")
            }
            _ => writeln!(text, "{cases} cases, {results} results: {bad} MISMATCHES, {known} that are known"),
        };
        text
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let unknown = self.verdict.unknown.iter().map(
            |difference| json!({ "name": difference.name(), "linux": difference.linux, "ours": difference.ours }),
        );
        json!({
            "passed": self.passed(),
            "cases": self.cases,
            "results": self.results,
            "known": self.verdict.known,
            "mismatches": unknown.collect::<Vec<_>>(),
            "stale": self.verdict.stale,
            "sequences": self.sequences.as_ref().map_or(0, |(plan, _)| plan.count),
            "sequence_results": self.sequences.as_ref().map_or(0, |(_, found)| found.results),
            "sequence_mismatches": self.sequences.as_ref().map_or(&[][..], |(_, found)| &found.stories),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_has_a_name_and_both_sides() {
        let difference = Difference {
            case: "a".to_owned(),
            what: "recv".to_owned(),
            linux: "1".to_owned(),
            ours: "2".to_owned(),
        };
        let verdict = Verdict { unknown: vec![difference], stale: vec!["b: c".to_owned()], known: 3 };
        let comparison = Comparison { cases: 5, results: 9, verdict, sequences: None };
        assert!(!comparison.passed());
        let text = comparison.text();
        assert!(text.starts_with("a: recv\n    Linux 1\n    here  2\nb: c\n"), "{text}");
        assert!(text.ends_with("5 cases, 9 results: 2 MISMATCHES, 3 that are known\n"), "{text}");
        let comparison = Comparison { verdict: Verdict { known: 3, ..Verdict::default() }, ..comparison };
        assert!(comparison.passed() && comparison.json()["passed"] == true);
    }
}
