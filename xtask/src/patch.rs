//! Patches to foreign source: which there are, and how they are put in; the one that does not fit is named.

mod misfit;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::{Context, Paths};
use crate::fingerprint::Fingerprint;
use crate::process::{self, Failed};
use crate::report::Task;

/// All patches in the data folder `folder`: ours in the order of their names, then the product's own.
///
/// # Errors
/// A folder cannot be read.
pub fn all(paths: &Paths, folder: &str) -> Result<Vec<PathBuf>> {
    let mut patches = Vec::new();
    for dir in paths.data_dirs(folder).into_iter().rev().map(|dir| dir.join("patches")) {
        if !dir.is_dir() {
            continue; // a product need not have any
        }
        let context = || format!("cannot read {}", dir.display());
        let entries = fs::read_dir(&dir).with_context(context)?;
        let files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
        let mut files = files.with_context(context)?;
        files.retain(|path| path.extension().is_some_and(|end| end == "patch"));
        files.sort();
        patches.extend(files);
    }
    Ok(patches)
}

/// Names `patches` as inputs, by content.
///
/// # Errors
/// One cannot be read.
pub fn inputs(inputs: &mut Fingerprint, patches: &[PathBuf]) -> Result<()> {
    for patch in patches {
        let name = patch.file_name().unwrap_or_default().to_string_lossy();
        inputs.file(&format!("patches/{name}"), patch)?;
    }
    Ok(())
}

/// Applies one patch to the files below `tree`; `release` is what they are of: `Linux 6.12.107`.
///
/// # Errors
/// It does not fit, not even shifted: the message names each file and hunk that does not, and the ways out.
pub fn apply(cx: &Context, task: &Task, patch: &Path, tree: &Path, log: &Path, release: &str) -> Result<()> {
    let mut command = process::command("patch");
    command.args(["-p1", "--force", "--no-backup-if-mismatch", "--reject-file=-", "--directory"]);
    command.arg(tree).arg("--input").arg(patch);
    let Err(error) = process::run(cx, task, &mut command, log) else { return Ok(()) };
    let text = fs::read_to_string(patch).with_context(|| format!("cannot read {}", patch.display()))?;
    let tail = error.downcast_ref::<Failed>().map_or(&[] as &[String], |failed| &failed.tail);
    let why = misfit::explain(&cx.paths.show(patch), release, &text, tail);
    Err(error).context(why)
}
