//! The differences that docs/posix.md tells of, and what is wrong with that list.

use super::transcript::Difference;

/// The heading of the list in docs/posix.md; its rows begin with a name in backquotes.
pub const HEADING: &str = "## In the comparison of sockets";

/// What the list does not agree with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Differences that no entry names.
    pub unknown: Vec<Difference>,
    /// Entries that name no difference.
    pub stale: Vec<String>,
    /// Differences that are as the list says.
    pub known: usize,
}

/// The names in the list: a case, a colon, what was done; a `*` stands for anything.
pub fn names(posix: &str) -> Vec<String> {
    let rows = posix.lines().skip_while(|line| *line != HEADING).skip(1);
    let rows = rows.take_while(|line| !line.starts_with("## "));
    // A bar within a cell is written with a backslash before it.
    let name = |row: &str| Some(row.strip_prefix("| `")?.split_once("` |")?.0.replace("\\|", "|"));
    rows.filter_map(name).collect()
}

/// Holds what was found against the list.
pub fn judge(names: &[String], found: Vec<Difference>) -> Verdict {
    let covers = |name: &String, difference: &Difference| matches(name, &difference.name());
    let stale = names.iter().filter(|name| !found.iter().any(|difference| covers(name, difference)));
    let stale = stale.cloned().collect();
    let (known, unknown): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|difference| names.iter().any(|name| covers(name, difference)));
    Verdict { unknown, stale, known: known.len() }
}

/// Whether `name` is what `pattern` says, `*` standing for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| matches(tail, rest))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSIX: &str = "# Title\n\n| `not: here` | x |\n\n## In the comparison of sockets\n\nWords.\n\n| name | why |\n|---|---|\n\
        | `a/b: recv(fd, 0, A \\| B)` | because |\n| `c/*` | all of them |\n\n## Next\n\n| `d` | x |\n";

    fn difference(case: &str, what: &str) -> Difference {
        let side = String::new();
        Difference { case: case.to_owned(), what: what.to_owned(), linux: side.clone(), ours: side }
    }

    #[test]
    fn names_are_read_from_their_section() {
        assert_eq!(names(POSIX), ["a/b: recv(fd, 0, A | B)", "c/*"]);
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in
            [("a/*: x", "a/b/c: x", true), ("a/*: x", "a/b: xy", false), ("*", "", true), ("a", "ab", false)]
        {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_not_listed_and_what_is_listed_in_vain() {
        let names = names(POSIX);
        let verdict =
            judge(&names, vec![difference("c/x", "y"), difference("c/z", "y"), difference("e", "f")]);
        assert_eq!(verdict.known, 2);
        assert_eq!(verdict.unknown, [difference("e", "f")]);
        assert_eq!(verdict.stale, ["a/b: recv(fd, 0, A | B)"]);
        assert_eq!(judge(&[], Vec::new()), Verdict::default());
    }
}
