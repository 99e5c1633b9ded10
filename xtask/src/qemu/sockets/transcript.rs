//! What the probe wrote about its calls, and where two such transcripts differ.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// What came of one case: each thing that was done, with its result.
pub type Lines = Vec<(String, String)>;

/// All cases, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    cases: BTreeMap<String, Lines>,
}

/// One result that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// What was done.
    pub what: String,
    /// What came of it on Linux.
    pub linux: String,
    /// What came of it on our stack.
    pub ours: String,
}

impl Transcript {
    /// Reads what the probe wrote.
    ///
    /// # Errors
    /// It did not come to its end, or says less than it counted.
    pub fn parse(text: &str) -> Result<Self> {
        let mut cases: BTreeMap<String, Lines> = BTreeMap::new();
        let mut current = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("case ") {
                current = Some(name.to_owned());
                if cases.insert(name.to_owned(), Lines::new()).is_some() {
                    bail!("the probe has two cases called `{name}`");
                }
            } else if let Some(count) = line.strip_prefix("end of ") {
                let expected = format!("{} cases", cases.len());
                if count != expected {
                    bail!("the probe counted {count}, but has told of {expected}");
                }
                return Ok(Self { cases });
            } else if let Some(lines) = current.as_ref().and_then(|name| cases.get_mut(name)) {
                let (what, value) = line.trim_start().split_once(" =").unwrap_or((line, ""));
                lines.push((what.trim().to_owned(), value.trim().to_owned()));
            }
        }
        let last = text.lines().last().unwrap_or_default();
        bail!("the probe did not come to its end; it last wrote {last:?}")
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// What came of one case.
    pub fn lines(&self, case: &str) -> &[(String, String)] {
        self.cases.get(case).map_or(&[], Vec::as_slice)
    }

    /// How many results there are.
    pub fn results(&self) -> usize {
        self.cases.values().map(Vec::len).sum()
    }

    /// Where `ours` differs from this one, Linux's.
    pub fn differences(&self, ours: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let names = self.cases.keys().chain(ours.cases.keys().filter(|name| !self.cases.contains_key(*name)));
        let none = Lines::new();
        for name in names {
            let lines = |side: &Self| side.cases.get(name).unwrap_or(&none).clone();
            compare(name, &lines(self), &lines(ours), &mut differences);
        }
        differences
    }
}

/// Compares line by line, as long as both did the same things.
fn compare(case: &str, linux: &Lines, ours: &Lines, differences: &mut Vec<Difference>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for index in 0..linux.len().max(ours.len()) {
        let show = |side: &Lines| match side.get(index) {
            Some((what, value)) => format!("{what} = {value}"),
            None => "nothing more".to_owned(),
        };
        let (Some((what, theirs)), Some((also, our))) = (linux.get(index), ours.get(index)) else {
            differences.push(Difference {
                case: case.to_owned(),
                what: "course".to_owned(),
                linux: show(linux),
                ours: show(ours),
            });
            return;
        };
        if what != also {
            let what = "course".to_owned();
            differences.push(Difference {
                case: case.to_owned(),
                what,
                linux: show(linux),
                ours: show(ours),
            });
            return;
        }
        // The same thing done again has a number.
        let times = seen.entry(what).and_modify(|times| *times += 1).or_insert(1);
        if theirs != our {
            let what = if *times == 1 { what.clone() } else { format!("{what} #{times}") };
            differences.push(Difference {
                case: case.to_owned(),
                what,
                linux: theirs.clone(),
                ours: our.clone(),
            });
        }
    }
}

impl Difference {
    /// Its name in the list of known ones: case, colon, what was done.
    pub fn name(&self) -> String {
        format!("{}: {}", self.case, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Transcript {
        Transcript::parse(text).unwrap()
    }

    #[test]
    fn cases_and_results_are_counted() {
        let transcript = parse("case a\n  x = 1\n  poll = IN OUT\ncase b\nend of 2 cases\n");
        assert_eq!((transcript.cases(), transcript.results()), (2, 2));
        for (text, message) in [
            ("case a\n  x = 1\n", "did not come to its end"),
            ("case a\ncase a\nend of 2 cases\n", "two cases called `a`"),
            ("case a\nend of 2 cases\n", "counted 2 cases, but has told of 1 cases"),
        ] {
            assert!(Transcript::parse(text).unwrap_err().to_string().contains(message), "{text}");
        }
    }

    #[test]
    fn differences_have_names() {
        let linux =
            parse("case a\n  x = 1\n  y = 2\n  x = 3\ncase b\n  z = 0\ncase c\n  q = 1\nend of 3 cases\n");
        let ours = parse("case a\n  x = 1\n  y = 5\n  x = 4\ncase b\ncase c\n  r = 1\nend of 3 cases\n");
        let names: Vec<String> = linux.differences(&ours).iter().map(Difference::name).collect();
        assert_eq!(names, ["a: y", "a: x #2", "b: course", "c: course"]);
        assert!(linux.differences(&linux).is_empty());
    }
}
