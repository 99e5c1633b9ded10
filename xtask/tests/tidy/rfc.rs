//! The table of RFC clauses: collected from the citations beside the code that obeys them.
//!
//! A citation is `RFC 9293 §3.10.7.4`, or `RFC 826` for the whole, in a comment. In production code it
//! says where a clause is obeyed, in a test that the clause is tested there.

use super::source::{Offence, Source, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where the table is kept.
pub const TABLE: &str = "docs/rfc-coverage.md";

/// A clause: the RFC's number, and the numbers of the section (none for the whole).
type Clause = (u32, Vec<String>);

/// Places that obey a clause, and tests of it.
#[derive(Default)]
struct Places {
    production: BTreeSet<String>,
    tests: BTreeSet<String>,
}

pub fn check(tree: &Tree) -> Vec<Offence> {
    let kept = tree.file(TABLE).map_or("", |file| &file.text);
    if kept == table(tree) {
        return Vec::new();
    }
    let say = "does not say what the code cites: LINNET_TIDY=write cargo test -p xtask --test tidy";
    vec![Offence { file: TABLE.to_owned(), line: 0, rule: "rfc", say: say.to_owned() }]
}

/// The table as it ought to be.
pub fn table(tree: &Tree) -> String {
    let clauses = collect(tree);
    let tested = clauses.values().filter(|places| !places.tests.is_empty()).count();
    let mut text = format!(
        "# RFC coverage\n\nWhich clause is obeyed where, and which tests name it. Collected from the citations in \
         `stack/` by `LINNET_TIDY=write cargo test -p xtask --test tidy`; do not edit.\n\n{} clauses, {tested} of \
         them named by a test.\n",
        clauses.len(),
    );
    let mut rfc = 0;
    for ((number, section), places) in &clauses {
        if *number != rfc {
            rfc = *number;
            let title = TITLES.iter().find(|(known, _)| known == number).map_or("", |(_, title)| title);
            let heading = format!("RFC {number} {title}");
            let _ = write!(text, "\n## {}\n\n| clause | where | test |\n|---|---|---|\n", heading.trim_end());
        }
        let clause = if section.is_empty() { "whole".to_owned() } else { format!("§{}", section.join(".")) };
        let list =
            |places: &BTreeSet<String>| places.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "| {clause} | {} | {} |", list(&places.production), list(&places.tests));
    }
    text
}

fn collect(tree: &Tree) -> BTreeMap<Clause, Places> {
    let mut clauses: BTreeMap<Clause, Places> = BTreeMap::new();
    let in_stack = |file: &&Source| file.path.starts_with("stack/");
    for file in tree.files.iter().filter(in_stack) {
        for (at, comment) in file.comments.lines().enumerate() {
            for (number, section) in citations(comment) {
                let clause = (number, section.split('.').filter(|p| !p.is_empty()).map(pad).collect());
                let places = clauses.entry(clause).or_default();
                let here = place(file, at);
                if file.test[at] {
                    places.tests.insert(here)
                } else {
                    places.production.insert(here)
                };
            }
        }
    }
    // Padded for the order, plain for the reader.
    clauses
        .into_iter()
        .map(|((number, section), places)| {
            let plain = section.iter().map(|part| part.trim_start_matches('0').to_owned()).collect();
            ((number, plain), places)
        })
        .fold(BTreeMap::new(), |mut sorted: BTreeMap<Clause, Places>, (clause, places)| {
            let entry = sorted.entry(clause).or_default();
            entry.production.extend(places.production);
            entry.tests.extend(places.tests);
            sorted
        })
}

fn pad(part: &str) -> String {
    format!("{part:0>4}")
}

/// `RFC 1122 §4.2.3.4` as (1122, "4.2.3.4"); the section is empty when none follows.
fn citations(comment: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    for (at, _) in comment.match_indices("RFC ") {
        let rest = &comment[at + 4..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Ok(number) = rest[..digits].parse() else { continue };
        let rest = rest[digits..].trim_start_matches(',').trim_start();
        let section = rest.strip_prefix('§').map_or("", |rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
            rest[..end].trim_end_matches('.')
        });
        found.push((number, section));
    }
    found
}

/// `core/tcp/input.rs` and the item that line `at` (from 0) of it documents or stands in.
fn place(file: &Source, at: usize) -> String {
    let path = file.path.replacen("stack/", "", 1).replacen("/src/", "/", 1);
    let lines: Vec<&str> = file.code.lines().collect();
    let below = || lines[at..].iter().find(|line| !line.trim().is_empty() && !line.trim().starts_with("#["));
    let head = file.text.lines().nth(at).is_some_and(|line| line.trim_start().starts_with("//!"));
    let item = match below().and_then(|line| declared(line)) {
        _ if head => None,
        Some(name) => Some(name),
        None => {
            let indent = indentation(file.text.lines().nth(at).unwrap_or_default());
            let outer =
                lines[..at].iter().rev().filter(|line| !line.trim().is_empty() && indentation(line) < indent);
            outer.into_iter().find_map(|line| declared(line).filter(|_| !line.contains("mod ")))
        }
    };
    item.map_or_else(|| format!("`{path}`"), |item| format!("`{path}` {item}"))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The name of the item that `line` declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        let rest =
            if rest.starts_with('(') { rest.split_once(')').map_or(rest, |(_, rest)| rest) } else { rest };
        rest.trim_start()
    });
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let modifiers = ["const", "unsafe", "extern", "async", "C"];
    let kinds = ["fn", "struct", "enum", "trait", "type", "static", "mod"];
    let first = words.next()?;
    if kinds.contains(&first) {
        return words.next();
    }
    if !modifiers.contains(&first) {
        return None;
    }
    let second = words.next()?;
    match words.find(|_| true) {
        Some(third) if kinds.contains(&second) => Some(third),
        _ if first == "const" => Some(second),
        _ => words.next(),
    }
}

/// What the RFCs are about.
const TITLES: [(u32, &str); 27] = [
    (768, "UDP"),
    (791, "IPv4"),
    (792, "ICMP"),
    (815, "reassembly"),
    (826, "ARP"),
    (894, "IP over Ethernet"),
    (1071, "Internet checksum"),
    (1122, "hosts"),
    (1191, "path MTU discovery"),
    (1624, "incremental checksum"),
    (1812, "routers"),
    (2018, "SACK"),
    (2883, "D-SACK"),
    (5227, "address conflicts"),
    (5681, "congestion control"),
    (5722, "overlapping fragments"),
    (5927, "ICMP attacks on TCP"),
    (5961, "blind attacks on TCP"),
    (6056, "port randomisation"),
    (6298, "retransmission timer"),
    (6528, "initial sequence numbers"),
    (6582, "NewReno"),
    (6675, "SACK loss recovery"),
    (6691, "TCP options and MSS"),
    (6864, "IPv4 ID"),
    (7323, "timestamps, window scale"),
    (9293, "TCP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_read() {
        let cases: [(&str, &[(u32, &str)]); 5] = [
            ("// RFC 9293 §3.10.7.4: check", &[(9293, "3.10.7.4")]),
            ("(RFC 826, RFC 1122 §2.3.2).", &[(826, ""), (1122, "2.3.2")]),
            ("RFC 791, §3.1.", &[(791, "3.1")]),
            ("no RFC here", &[]),
            ("RFC 6298 (2.4)", &[(6298, "")]),
        ];
        for (comment, expected) in cases {
            assert_eq!(citations(comment), expected, "{comment}");
        }
    }

    #[test]
    fn the_table_names_item_and_test() {
        let source = "//! TCP input (RFC 9293).\n\n/// Takes a segment.\npub fn handle() {\n    if a {\n        // RFC 9293 §3.10.7.4: x\n        \
             b();\n    }\n}\n\n// RFC 9293 §3.2\nconst MSS: u16 = 1;\n\n#[cfg(test)]\nmod tests {\n    // RFC 9293 §3.10.7.4\n    \
             #[test]\n    fn acks() {}\n}\n";
        let tree = Tree::planted(&[("stack/core/src/tcp/input.rs", source)]);
        let table = table(&tree);
        for row in [
            "## RFC 9293 TCP",
            "| whole | `core/tcp/input.rs` |  |",
            "| §3.2 | `core/tcp/input.rs` MSS |  |",
            "| §3.10.7.4 | `core/tcp/input.rs` handle | `core/tcp/input.rs` acks |",
            "3 clauses, 1 of them named by a test.",
        ] {
            assert!(table.contains(row), "{row} is not in:\n{table}");
        }
    }

    #[test]
    fn a_stale_table_is_an_offence() {
        let code = ("stack/wire/src/arp.rs", "//! ARP (RFC 826).\n");
        assert_eq!(check(&Tree::planted(&[code])).len(), 1);
        let right = table(&Tree::planted(&[code]));
        assert_eq!(check(&Tree::planted(&[code, (TABLE, &right)])), []);
    }
}
