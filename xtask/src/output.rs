//! Puts a finished image where the user finds it: `target/linnet/<board>-<profile>/`.
//!
//! Each file by rename, the manifest last: while it does not match the files beside it, a build was
//! cut short there, and the next one puts it right.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::atomic;
use crate::context::Context;
use crate::manifest;
use crate::target::Target;

/// Copies the files of the finished folder `from` to the target's place, as far as they differ, and
/// returns that place.
///
/// # Errors
/// A file cannot be read or written.
pub fn publish(cx: &Context, target: &Target, from: &Path) -> Result<PathBuf> {
    let to = target.dir(cx);
    let context = || format!("cannot read {}", from.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(from).with_context(context)? {
        let entry = entry.with_context(context)?;
        let is_result = entry.file_name() != "inputs.txt" && entry.file_name() != manifest::NAME;
        if is_result && entry.file_type().with_context(context)?.is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    names.extend(from.join(manifest::NAME).is_file().then(|| manifest::NAME.into()));
    for name in names {
        let (source, place) = (from.join(&name), to.join(&name));
        let hash = cx.hashes.sha256(&source).with_context(context)?;
        if cx.hashes.sha256(&place).ok() != Some(hash) {
            atomic::copy(&source, &place)?;
        }
    }
    Ok(to)
}
