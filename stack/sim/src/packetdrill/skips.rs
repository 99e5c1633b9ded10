//! Lists of scripts that are expected to differ, with the reason for each.

use super::report::Outcome;

/// Such a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Skips(Vec<(String, String)>);

impl Skips {
    /// Reads a list: in each line a script's file name and the reason; `#` begins a comment.
    ///
    /// # Errors
    /// A line without a reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut skips = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, reason)) = line.split_once(char::is_whitespace) else {
                return Err(format!("line {}: `{line}` has no reason", number + 1));
            };
            skips.push((name.to_owned(), reason.trim().to_owned()));
        }
        Ok(Self(skips))
    }

    /// What the outcome of the script `name` counts as: a failure that is expected is a skip, a pass
    /// that is not, a failure.
    pub fn judge(&self, name: &str, outcome: Outcome) -> Outcome {
        let Some((_, reason)) = self.0.iter().find(|(listed, _)| listed == name) else { return outcome };
        match outcome {
            Outcome::Failed { line, .. } => Outcome::Skipped { line, reason: reason.clone() },
            Outcome::Passed { .. } => Outcome::Failed {
                line: 1,
                expected: format!("a difference, for the list has it: {reason}"),
                got: "the script passes: take it off the list".into(),
            },
            skipped @ Outcome::Skipped { .. } => skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_excuses_failures_and_no_passes() {
        let skips = Skips::parse("# a comment\n\na.pkt   pacing, say\n").expect("a list");
        let failed = Outcome::Failed { line: 3, expected: "x".into(), got: "y".into() };
        let passed = Outcome::Passed { unchecked: Vec::new() };
        let excused = Outcome::Skipped { line: 3, reason: "pacing, say".into() };
        assert_eq!(skips.judge("a.pkt", failed.clone()), excused);
        assert_eq!(skips.judge("b.pkt", failed.clone()), failed);
        assert_eq!(skips.judge("b.pkt", passed.clone()), passed);
        assert!(matches!(skips.judge("a.pkt", passed), Outcome::Failed { .. }));
        assert_eq!(Skips::parse("a.pkt"), Err("line 1: `a.pkt` has no reason".into()));
    }
}
