//! What `patch` says when a patch does not fit, in words for people: which file, which hunk, and what to do.

use std::fmt::Write as _;

/// A place at which a patch does not fit.
#[derive(Debug, PartialEq, Eq)]
struct Misfit {
    /// The file to be changed.
    file: String,
    /// The hunk of that file, from 1, and its line in the patch, from 1; none when there is no such file.
    hunk: Option<(usize, usize)>,
}

/// Why the patch called `patch`, which reads `text`, does not fit `release`: from the `output` of GNU patch.
pub(super) fn explain(patch: &str, release: &str, text: &str, output: &[String]) -> String {
    let mut message = format!("{patch} does not fit {release}");
    for Misfit { file, hunk } in misfits(output, text) {
        let _ = match hunk {
            Some((number, line)) => write!(message, "\n  {file}: hunk {number} (line {line} of the patch)"),
            None => write!(message, "\n  {file}: there is no such file"),
        }; // cannot fail
    }
    message
        + "\nLook for what these lines became in this release and change the patch; or take it out of the series and \
           what asks for it out of the fragments; or go back to the release before in sources.lock.yaml."
}

fn misfits(output: &[String], text: &str) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut file = String::new();
    for line in output {
        if let Some(name) = line.strip_prefix("patching file ") {
            file = name.trim_matches('\'').to_owned();
        } else if let Some(rest) = line.strip_prefix("|+++ b/") {
            file = rest.split('\t').next().unwrap_or(rest).to_owned(); // what it quotes when there is no file
        } else if line.starts_with("No file to patch.") {
            misfits.push(Misfit { file: file.clone(), hunk: None });
        } else if let Some(number) = failed_hunk(line) {
            let hunk = hunk_line(text, &file, number).map(|line| (number, line));
            misfits.push(Misfit { file: file.clone(), hunk });
        }
    }
    misfits
}

/// The number in `Hunk #2 FAILED at 17.`
fn failed_hunk(line: &str) -> Option<usize> {
    let (number, rest) = line.strip_prefix("Hunk #")?.split_once(' ')?;
    number.parse().ok().filter(|_| rest.starts_with("FAILED"))
}

/// The line of a patch at which the hunk of this number stands that changes `file`.
fn hunk_line(text: &str, file: &str, number: usize) -> Option<usize> {
    let is_file =
        |line: &str| line.strip_prefix("+++ b/").is_some_and(|name| name.split('\t').next() == Some(file));
    let start = text.lines().position(is_file)?;
    let hunks = text.lines().enumerate().skip(start).filter(|(_, line)| line.starts_with("@@ "));
    hunks.map(|(at, _)| at + 1).nth(number.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::apply;
    use crate::context::{Context, Options, Paths};
    use crate::process::Interrupt;
    use crate::report::Reporter;

    const PATCH: &str = "net: a change\n\n--- a/net/a.c\n+++ b/net/a.c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n\
                         @@ -11,3 +11,3 @@\n eleven\n-twelve\n+12\n thirteen\n\
                         --- a/net/b.c\n+++ b/net/b.c\n@@ -1,1 +1,1 @@\n-b\n+B\n";

    const A: &str = "one\ntwo\nthree\n4\n5\n6\n7\n8\n9\n10\neleven\ntwelve\nthirteen\n";

    /// Files of a tree: name and text.
    type Files<'a> = &'a [(&'a str, &'a str)];

    /// What comes of `PATCH` on a tree with these files.
    fn outcome(files: Files<'_>) -> Result<(), String> {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().to_path_buf();
        for (name, text) in files {
            let path = root.join("tree").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let patch = root.join("0007-net-a.patch");
        fs::write(&patch, PATCH).unwrap();
        let paths =
            Paths { out: root.join("out"), cache: root.join("cache"), root: root.clone(), external: None };
        let options = Options { jobs: 1, offline: true, locked: true, yes: false, json: false };
        let cx = Context::new(paths, options, Reporter::quiet(), Interrupt::default()).unwrap();
        let (task, log) = (cx.reporter.task("patch"), cx.paths.log("patch"));
        apply(&cx, &task, &patch, &root.join("tree"), &log, "Linux 6.12.1").map_err(|error| error.to_string())
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let other = A.replace("twelve", "a dozen");
        let cases: [(&str, Files<'_>, &[&str]); 3] = [
            (
                "another text",
                &[("net/a.c", &other), ("net/b.c", "b\n")],
                &["0007-net-a.patch does not fit Linux 6.12.1", "net/a.c: hunk 2 (line 10 of the patch)"],
            ),
            ("no file", &[("net/a.c", A)], &["net/b.c: there is no such file", "take it out of the series"]),
            ("both", &[("net/a.c", &other)], &["net/a.c: hunk 2", "net/b.c: there is no such file"]),
        ];
        for (name, files, expected) in cases {
            let message = outcome(files).unwrap_err();
            for part in expected {
                assert!(message.contains(part), "{name}: {part} is not in: {message}");
            }
            assert!(!message.contains("hunk 1"), "{name}: {message}");
        }
    }

    #[test]
    fn what_fits_is_applied() {
        outcome(&[("net/a.c", A), ("net/b.c", "b\n")]).unwrap();
    }
}
