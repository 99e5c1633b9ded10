//! How files look: a head on line 1, at most 600 lines of production code, names that say something.

use super::source::{Offence, Source, Tree};

/// Production lines that a file may have.
const LINES: usize = 600;

/// Names that say nothing about what is in a file.
const NAMELESS: [&str; 6] = ["util", "utils", "helper", "helpers", "misc", "common"];

pub fn check(tree: &Tree) -> Vec<Offence> {
    let sources =
        tree.files.iter().filter(|file| [".rs", ".c", ".h"].iter().any(|end| file.path.ends_with(end)));
    sources.flat_map(|file| [head(file), length(file), name(file)].into_iter().flatten()).collect()
}

fn head(file: &Source) -> Option<Offence> {
    let mut lines = file.text.lines();
    let first = lines.next().unwrap_or_default();
    if file.path.ends_with(".rs") {
        let good = first.strip_prefix("//! ").is_some_and(|said| said.len() > 8);
        return (!good).then(|| {
            file.offence(
                1,
                "head",
                "line 1 says what the module is and promises: `//! ARP cache: resolution, expiry.`",
            )
        });
    }
    let licence = first.contains("SPDX-License-Identifier:");
    let comment = lines.next().is_some_and(|line| line.starts_with("/*") || line.starts_with("//"));
    (!licence || !comment).then(|| {
        file.offence(
            1,
            "head",
            "line 1 is `// SPDX-License-Identifier: …`, line 2 begins a comment: what is this?",
        )
    })
}

fn length(file: &Source) -> Option<Offence> {
    let lines = file.production().count();
    let say =
        || format!("{lines} lines of production code, {LINES} at most: split it by its reasons to change");
    (lines > LINES).then(|| file.offence(0, "length", say()))
}

fn name(file: &Source) -> Option<Offence> {
    let name = file.path.rsplit('/').next()?.split('.').next()?;
    let folder = file.path.rsplit('/').nth(1).unwrap_or_default();
    let named = NAMELESS.iter().find(|bad| **bad == name || **bad == folder)?;
    Some(file.offence(0, "name", format!("`{named}` says nothing: name the file for what it is about")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Tree::planted(&[(path, text)])).iter().map(|offence| offence.rule).collect()
    }

    #[test]
    fn planted() {
        let long = format!("//! What it is.\n{}", "fn f() {}\n".repeat(LINES));
        let cases: [(&str, &str, &[&str]); 9] = [
            ("a/src/x.rs", "//! ARP cache.\n", &[]),
            ("a/src/x.rs", "use a;\n", &["head"]),
            ("a/src/x.rs", "//!\n", &["head"]),
            ("a/src/x.rs", &long, &["length"]),
            ("a/tests/x.rs", &long, &[]),
            ("a/src/utils.rs", "//! ARP cache.\n", &["name"]),
            ("a/c/x.c", "// SPDX-License-Identifier: GPL-2.0-only\n/* Sockets. */\n", &[]),
            ("a/c/x.c", "// SPDX-License-Identifier: GPL-2.0-only\n\nint x;\n", &["head"]),
            ("a/c/x.c", "int x;\n", &["head"]),
        ];
        for (path, text, expected) in cases {
            assert_eq!(rules(path, text), expected, "{path}: {}", text.lines().next().unwrap_or_default());
        }
    }
}
