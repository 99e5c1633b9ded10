//! What differs in size between two builds: figures, then what grew and what shrank at each level.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::breakdown::{Breakdown, Level};
use super::{FIGURES, Item, Report};
use crate::report::grouped;

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// What the user calls it.
    pub name: String,
    /// Its figures.
    pub report: Report,
    /// What its kernel is made of.
    pub breakdown: Breakdown,
}

/// What has another size in the second build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is.
    pub name: String,
    /// Its size in the first build, in bytes.
    pub before: u64,
    /// In the second.
    pub after: u64,
}

impl Change {
    /// How much it grew; negative if it shrank.
    #[must_use]
    pub fn growth(&self) -> i64 {
        self.after as i64 - self.before as i64
    }

    fn json(&self) -> Value {
        json!({ "name": self.name, "before": self.before, "after": self.after, "growth": self.growth() })
    }
}

/// What differs between `before` and `after`, the largest change first.
#[must_use]
pub fn changes(before: &[Item], after: &[Item]) -> Vec<Change> {
    let mut both: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for item in before {
        both.entry(&item.name).or_default().0 += item.bytes;
    }
    for item in after {
        both.entry(&item.name).or_default().1 += item.bytes;
    }
    let differing = both.into_iter().filter(|(_, (before, after))| before != after);
    let change = |(name, (before, after)): (&str, _)| Change { name: name.to_owned(), before, after };
    let mut changes: Vec<Change> = differing.map(change).collect();
    changes.sort_by_key(|change| (std::cmp::Reverse(change.growth().unsigned_abs()), change.name.clone()));
    changes
}

/// The comparison of `a` with `b`, which came later or is the variant: as text and for machines.
#[must_use]
pub fn compare(a: &Side, b: &Side) -> (String, Value) {
    let mut text = format!("from {}\nto   {}, in bytes\n\n", a.name, b.name);
    let mut figures = serde_json::Map::new();
    for figure in FIGURES {
        let change = Change {
            name: figure.key.to_owned(),
            before: (figure.of)(&a.report),
            after: (figure.of)(&b.report),
        };
        let percent = match change.before {
            0 => String::new(),
            before => format!("{:+.1} %", change.growth() as f64 * 100.0 / before as f64),
        };
        let (before, after, growth) =
            (grouped(change.before), grouped(change.after), signed(change.growth()));
        let line = format!("  {:<26} {before:>10} {after:>10} {growth:>10} {percent:>9}", figure.title);
        let _ = writeln!(text, "{}", line.trim_end());
        figures.insert(figure.key.to_owned(), change.json());
    }
    let list = |side: &Side, level| side.breakdown.list(level, "").unwrap_or_default();
    let levels = [
        (
            "components",
            "components of the kernel",
            changes(&list(a, Level::Component), &list(b, Level::Component)),
            12,
        ),
        ("objects", "objects", changes(&list(a, Level::Object), &list(b, Level::Object)), 14),
        ("symbols", "symbols", changes(&list(a, Level::Symbol), &list(b, Level::Symbol)), 20),
        (
            "files",
            "files of the root file system",
            changes(&a.report.rootfs_files, &b.report.rootfs_files),
            8,
        ),
    ];
    let mut json = json!({ "a": a.name, "b": b.name, "figures": figures });
    for (key, title, changes, shown) in levels {
        section(&mut text, title, &changes, shown);
        json[key] = changes.iter().map(Change::json).collect();
    }
    (text.trim_end().to_owned(), json)
}

fn section(text: &mut String, title: &str, changes: &[Change], shown: usize) {
    if changes.is_empty() {
        let _ = writeln!(text, "\n{title}: no difference");
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for change in changes.iter().take(shown) {
        let was = match (change.before, change.after) {
            (0, _) => "new".to_owned(),
            (_, 0) => "gone".to_owned(),
            (before, _) => format!("was {}", grouped(before)),
        };
        let name = super::table::shortened(&change.name, NAME);
        let _ = writeln!(text, "  {:>10}  {was:>13}  {name}", signed(change.growth()));
    }
    let rest = &changes[changes.len().min(shown)..];
    if !rest.is_empty() {
        let growth = rest.iter().map(Change::growth).sum();
        let _ = writeln!(text, "  {:>10}  {:>13}  … {} more", signed(growth), "", rest.len());
    }
}

/// `+1,234`, `-56`.
pub(super) fn signed(number: i64) -> String {
    let sign = if number < 0 { '-' } else { '+' };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

/// Columns for a name.
const NAME: usize = 50;

#[cfg(test)]
mod tests {
    use super::super::breakdown::Object;
    use super::*;

    fn item(name: &str, bytes: u64) -> Item {
        Item { name: name.to_owned(), bytes }
    }

    fn side(name: &str, stack: u64, objects: &[(&str, u64)]) -> Side {
        let object = |&(name, bytes): &(&str, u64)| Object {
            name: name.to_owned(),
            bytes,
            symbols: vec![item("main", bytes / 2)],
        };
        Side {
            name: name.to_owned(),
            report: Report { stack_bytes: stack, ..Report::default() },
            breakdown: Breakdown { objects: objects.iter().map(object).collect() },
        }
    }

    #[test]
    fn changes_are_sorted_by_how_much() {
        let before = [item("same", 5), item("shrunk", 900), item("grown", 10), item("gone", 7)];
        let after = [item("same", 5), item("shrunk", 100), item("grown", 60), item("new", 1)];
        let found = changes(&before, &after);
        let names: Vec<(&str, i64)> = found.iter().map(|c| (c.name.as_str(), c.growth())).collect();
        assert_eq!(names, [("shrunk", -800), ("grown", 50), ("gone", -7), ("new", 1)]);
    }

    #[test]
    fn a_comparison_names_what_grew_at_each_level() {
        let a = side("old", 60_000, &[("net/core/dev.o", 4000), ("net/ipv4/tcp.o", 900)]);
        let b = side("new", 61_234, &[("net/core/dev.o", 5000), ("mm/slab.o", 100)]);
        let (text, json) = compare(&a, &b);
        for part in [
            "from old\nto   new, in bytes\n",
            "+1,234    +2.1 %",
            "      +1,000      was 4,000  net/core/dev.o",
            "        -900           gone  net/ipv4/tcp.o",
            "        +100            new  mm/slab.o",
            "        +500      was 2,000  main (net/core/dev.o)",
            "files of the root file system: no difference",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(json["figures"]["stack_bytes"]["growth"], 1234);
        assert_eq!(json["components"][0]["name"], "net/core");
        assert_eq!(json["objects"][1]["after"], 0);
    }
}
