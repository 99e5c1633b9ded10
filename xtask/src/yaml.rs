//! YAML files as people write them: an error names file and line, and the nearest word that would do.
//!
//! The types that are read say what is allowed (`deny_unknown_fields`, enums, `try_from`); this
//! turns serde's complaint into one that helps.

use std::path::Path;

use anyhow::{Error, anyhow};
use serde::de::DeserializeOwned;

/// Reads a `T` from `text`, which came from the file `path`.
///
/// # Errors
/// Not YAML, or not a `T`: `boards/x.yaml:12:3: unknown key `cpuu`: did you mean `cpu`?`
/// and the line itself
pub fn from_str<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Error> {
    serde_yaml::from_str(text).map_err(|error| {
        let message = explain(&error.to_string());
        // Of a repeated key the parser reports where its mapping begins.
        if let Some((line, column)) = repeated_key(&message).and_then(|key| find_last_key(text, key)) {
            return complain(path, text, line, column, &message);
        }
        match error.location() {
            Some(at) => complain(path, text, at.line(), at.column(), &message),
            None => anyhow!("{}: {message}", path.display()),
        }
    })
}

/// The error `path:LINE:COLUMN: message` with the line itself below it; both count from 1.
#[must_use]
pub fn complain(path: &Path, text: &str, line: usize, column: usize, message: &str) -> Error {
    let place = format!("{}:{line}:{column}", path.display());
    match text.lines().nth(line.saturating_sub(1)) {
        Some(source) if !source.trim().is_empty() => {
            let space = " ".repeat(column.saturating_sub(1));
            anyhow!("{place}: {message}\n  {line:>4} | {source}\n       | {space}^")
        }
        _ => anyhow!("{place}: {message}"),
    }
}

/// Where `word` stands in `text` as a word of its own: (line, column), from 1.
#[must_use]
pub fn find_word(text: &str, word: &str) -> Option<(usize, usize)> {
    let inside = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    text.lines().enumerate().find_map(|(line, source)| {
        let source = source.split_once('#').map_or(source, |(before, _)| before);
        source.match_indices(word).find_map(|(at, _)| {
            let free = !source[..at].ends_with(inside) && !source[at + word.len()..].starts_with(inside);
            free.then(|| (line + 1, source[..at].chars().count() + 1))
        })
    })
}

/// The member of `known` that `word` was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong, and at least one.
    let limit = (word.chars().count() / 3).max(1);
    let ranked = known.into_iter().map(|candidate| (distance(word, candidate), candidate));
    ranked.filter(|&(d, _)| d <= limit).min_by_key(|&(d, _)| d).map(|(_, candidate)| candidate)
}

const REPEATED: &str = "the same key twice:";

fn repeated_key(message: &str) -> Option<&str> {
    message.split_once(REPEATED)?.1.split('`').nth(1)
}

/// Where `key:` stands last.
fn find_last_key(text: &str, key: &str) -> Option<(usize, usize)> {
    let lines = text.lines().enumerate().filter_map(|(line, source)| {
        let rest = source.trim_start();
        rest.strip_prefix(key)?.starts_with(':').then_some((line + 1, source.len() - rest.len() + 1))
    });
    lines.last()
}

/// "there is no board `x`: did you mean `y`?", or which there are.
#[must_use]
pub fn no_such(what: &str, name: &str, known: &[String]) -> String {
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() => "there is none at all".to_owned(),
        None => format!("known: {}", known.join(", ")),
    };
    format!("there is no {what} `{name}`: {help}")
}

/// serde's message in our words, without the position that stands before it already.
fn explain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let unknown = [("unknown field `", "key"), ("unknown variant `", "value")];
    for (marker, what) in unknown {
        let Some((place, rest)) = message.split_once(marker) else { continue };
        let Some((word, rest)) = rest.split_once('`') else { continue };
        // "expected `a`", "expected `a` or `b`", "expected one of `a`, `b`": every second piece is a word.
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let place = match place.trim_end_matches([' ', ':']) {
            "" => String::new(),
            place => format!(" in `{place}`"),
        };
        let help = match nearest(word, known.iter().copied()) {
            Some(candidate) => format!("did you mean `{candidate}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        return format!("unknown {what} `{word}`{place}: {help}");
    }
    message
        .replace("expected u32", "expected a number")
        .replace("missing field", "missing key")
        .replace("duplicate field", REPEATED)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Top {
        #[serde(rename = "cpu")]
        _cpu: Cpu,
        #[serde(rename = "memory")]
        _memory: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Cpu {
        #[serde(rename = "isa")]
        _isa: Isa,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Isa {
        I586,
        Armv5,
    }

    #[test]
    fn errors_name_file_line_and_remedy() {
        let cases = [
            (
                "memory: 1\ncpu:\n  isaa: i586\n",
                "f.yaml:3:3: unknown key `isaa` in `cpu`: did you mean `isa`?",
            ),
            ("memory: 1\nxyzzy: 2\n", "f.yaml:2:1: unknown key `xyzzy`: known here: cpu, memory"),
            (
                "memory: 1\ncpu:\n  isa: i568\n",
                "f.yaml:3:8: unknown value `i568` in `cpu.isa`: did you mean `i586`?",
            ),
            ("memory: 1\n", "f.yaml:1:1: missing key `cpu`"),
            ("memory: 1\nmemory: 2\n", "f.yaml:2:1: the same key twice: `memory`"),
            ("memory: [1\n", "f.yaml:1:9: memory: invalid type: sequence, expected a number"),
            ("cpu: }\n", "f.yaml:1:6: "),
        ];
        for (text, expected) in cases {
            let message = from_str::<Top>(Path::new("f.yaml"), text).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message:?} should begin with {expected:?}");
        }
    }

    #[test]
    fn the_line_is_shown_with_a_mark_under_the_column() {
        let error = from_str::<Top>(Path::new("f.yaml"), "memory: 1\ncpu:\n  isaa: i586\n").unwrap_err();
        assert!(error.to_string().ends_with("\n     3 |   isaa: i586\n       |   ^"), "{error}");
    }

    #[test]
    fn a_word_is_found_whole_and_outside_comments() {
        let text = "# nic\nkernel:\n  fragments: [base-nic, nic]\n";
        assert_eq!(find_word(text, "nic"), Some((3, 25)));
        assert_eq!(find_word(text, "frag"), None);
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["sha256", "size", "suites", "file"];
        for (word, found) in [("sha265", Some("sha256")), ("suite", Some("suites")), ("fiel", Some("file"))] {
            assert_eq!(nearest(word, known), found);
        }
        assert_eq!(nearest("package", known), None);
    }
}
