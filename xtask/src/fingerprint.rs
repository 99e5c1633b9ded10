//! Named inputs by content → SHA-256, kept as text so that `why` can compare.
//!
//! A [`Fingerprint`] is an ordered set of `name → value`. A value is `=TEXT` for a short one-line
//! text (versions, flags) and the SHA-256 in hex for everything else. Fetched sources go in by
//! their locked hash and are not read again; files of the checkout go in by content, read only
//! when size, times or inode changed since they were hashed last.

mod cache;
mod diff;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

pub use cache::FileHashes;
pub use diff::Change;

/// The file in a finished folder that says what went in: the text form.
pub const INPUTS: &str = "inputs.txt";

/// The inputs of one stage.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    inputs: BTreeMap<String, String>,
    hashes: Arc<FileHashes>,
}

impl Fingerprint {
    /// An empty set that looks file contents up in `hashes`.
    #[must_use]
    pub fn new(hashes: &Arc<FileHashes>) -> Self {
        Self { inputs: BTreeMap::new(), hashes: Arc::clone(hashes) }
    }

    /// A version, a flag, a setting. Short one-line texts stay readable in `inputs.txt`.
    pub fn text(&mut self, name: &str, value: impl AsRef<str>) {
        let value = value.as_ref();
        if value.len() <= 120 && !value.contains(char::is_control) {
            self.insert(name, format!("={value}"));
        } else {
            self.bytes(name, value.as_bytes());
        }
    }

    /// Arbitrary bytes.
    pub fn bytes(&mut self, name: &str, value: &[u8]) {
        self.insert(name, sha256_hex(value));
    }

    /// Something whose SHA-256 is known already: a fetched source, by its locked hash.
    pub fn locked(&mut self, name: &str, sha256: &str) {
        self.insert(name, sha256.to_owned());
    }

    /// The finished folder of another stage: it is named by its own inputs.
    pub fn stage(&mut self, name: &str, dir: &Path) {
        let id = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned();
        self.insert(name, format!("={id}"));
    }

    /// One file by content (a symbolic link is followed).
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn file(&mut self, name: &str, path: &Path) -> Result<()> {
        let hash =
            self.hashes.sha256(path).with_context(|| format!("cannot read input {}", path.display()))?;
        self.insert(name, hash);
        Ok(())
    }

    /// Each file below `dir` by relative path, content and executable bit; links by their target.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    pub fn tree(&mut self, name: &str, dir: &Path) -> Result<()> {
        self.insert(name, "=folder".to_owned());
        self.walk(name, dir).with_context(|| format!("cannot read input folder {}", dir.display()))
    }

    /// The fingerprint itself: SHA-256 in hex over the text form.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(self.to_text().as_bytes())
    }

    /// One `name<TAB>value` a line, sorted by name.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.inputs.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}\t{value}"); // writing to a String cannot fail
            text
        })
    }

    /// What changed since `old`, the text of an earlier fingerprint.
    #[must_use]
    pub fn changes_since(&self, old: &str) -> Vec<Change> {
        diff::changes(old, &self.inputs)
    }

    fn walk(&mut self, name: &str, dir: &Path) -> Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&name, &entry.path())?;
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path())?;
                self.insert(&name, format!("link {}", sha256_hex(to.as_os_str().as_bytes())));
            } else {
                let hash = self.hashes.sha256(&entry.path())?;
                let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
                self.insert(&name, if executable { format!("executable {hash}") } else { hash });
            }
        }
        Ok(())
    }

    fn insert(&mut self, name: &str, value: String) {
        debug_assert!(!name.is_empty() && !name.contains(['\t', '\n']), "input name {name:?}");
        let before = self.inputs.insert(name.replace(['\t', '\n'], "?"), value);
        debug_assert!(before.is_none(), "input {name:?} was given twice");
    }
}

/// SHA-256 of `bytes` in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
