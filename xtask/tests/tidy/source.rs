//! The checkout as the rules see it: files, their parts, and what is test and what is production.

use super::mask::{mask, test_lines};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    pub file: String,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub say: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.file, self.line.max(1), self.rule, self.say)
    }
}

/// The text files of the checkout.
pub struct Tree {
    pub root: PathBuf,
    pub files: Vec<Source>,
}

/// One file.
pub struct Source {
    /// Relative to the root, with slashes.
    pub path: String,
    pub text: String,
    /// Without comments and strings.
    pub code: String,
    /// Comments alone.
    pub comments: String,
    /// Which lines are test code, from 0.
    pub test: Vec<bool>,
}

impl Tree {
    /// Everything below the workspace's root but what is built and what Git keeps.
    pub fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut texts = Vec::new();
        walk(&root, &root, &mut texts);
        texts.sort();
        Self::new(root, texts)
    }

    /// A tree of the given files alone, to show that a rule fails.
    pub fn planted(files: &[(&str, &str)]) -> Self {
        let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self::new(PathBuf::from("/nowhere"), texts)
    }

    fn new(root: PathBuf, texts: Vec<(String, String)>) -> Self {
        let mut files: Vec<Source> = texts.into_iter().map(|(path, text)| Source::new(path, text)).collect();
        let test_files: BTreeSet<String> = files.iter().flat_map(Source::test_modules).collect();
        for file in &mut files {
            let folder_of_tests =
                test_files.iter().any(|test| file.path.starts_with(&format!("{}/", stem(test))));
            if is_test_path(&file.path) || test_files.contains(&file.path) || folder_of_tests {
                file.test.fill(true);
            }
        }
        Self { root, files }
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files below `prefix`.
    pub fn rust<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Source> {
        self.files.iter().filter(move |file| file.path.starts_with(prefix) && file.path.ends_with(".rs"))
    }
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let masked = mask(&text);
        let is_rust = path.ends_with(".rs");
        let test = if is_rust { test_lines(&masked.code) } else { vec![false; text.lines().count() + 1] };
        Self { path, text, code: masked.code, comments: masked.comments, test }
    }

    /// Lines of production code, comments and strings blanked, with their numbers from 1.
    pub fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().filter(|(at, _)| !self.test[*at]).map(|(at, line)| (at + 1, line))
    }

    /// An offence in this file.
    pub fn offence(&self, line: usize, rule: &'static str, say: impl Into<String>) -> Offence {
        Offence { file: self.path.clone(), line, rule, say: say.into() }
    }

    /// Files that this one declares as modules for tests only.
    fn test_modules(&self) -> Vec<String> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let is_root = ["mod.rs", "lib.rs", "main.rs"].contains(&name);
        let folder = if is_root { folder.to_owned() } else { stem(&self.path).to_owned() };
        let lines = self.code.lines().enumerate().filter(|(at, _)| self.test[*at]);
        let declared = lines.filter_map(|(_, line)| {
            let line = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            line.strip_prefix("mod ")?.strip_suffix(';')
        });
        declared.flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]).collect()
    }
}

fn stem(path: &str) -> &str {
    path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs")).unwrap_or(path)
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| ["tests", "benches", "fuzz"].contains(&part))
}

fn walk(root: &Path, folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = entry.file_name();
        if kind.is_dir() && name != "target" && name != ".git" {
            walk(root, &path, texts);
        } else if kind.is_file()
            && name != ".git"
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            texts.push((path, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_test_modules_are_tests() {
        let tree = Tree::planted(&[
            ("a/src/lib.rs", "#[cfg(test)]\nmod helpers;\nmod real;\n"),
            ("a/src/helpers.rs", "fn f() {}\n"),
            ("a/src/real.rs", "fn f() {}\n#[cfg(test)]\nmod inner;\n"),
            ("a/src/real/inner.rs", "fn f() {}\n"),
            ("a/tests/it.rs", "fn f() {}\n"),
        ]);
        let production: Vec<_> =
            tree.files.iter().filter(|f| f.production().any(|(_, l)| l.contains("fn f"))).collect();
        assert_eq!(production.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["a/src/real.rs"]);
    }
}
