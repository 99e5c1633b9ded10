//! Files that appear whole or not at all: written beside their place, then renamed.
//!
//! A kill leaves at most a `.tmp-` file beside the target, which the next write of the same name
//! from the same process number replaces and `clean` removes; readers never see half a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Gives `path` the content `bytes`, making its folder if need be.
///
/// # Errors
/// It cannot be written; what was there before is untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |temporary| fs::write(temporary, bytes))
}

/// Gives `to` the content and permissions of the file `from`, making its folder if need be.
///
/// # Errors
/// `from` cannot be read or `to` not written; what was there before is untouched.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    replace(to, |temporary| fs::copy(from, temporary).map(drop))
}

fn replace(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let temporary = temporary(path);
    let made = match path.parent() {
        Some(dir) => fs::create_dir_all(dir),
        None => Ok(()),
    };
    let done = made.and_then(|()| fill(&temporary)).and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        let _ = fs::remove_file(&temporary); // it may never have appeared
    }
    done.with_context(|| format!("cannot write {}", path.display()))
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("new/file");
        write(&path, b"one").unwrap();
        assert!(copy(&temp.path().join("missing"), &path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(temp.path().join("new")).unwrap().count(), 1, "no temporary file stays");
    }
}
