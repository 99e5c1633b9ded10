//! `cargo xtask clean`: removes what was built, says what that freed.

use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::context::Context;
use crate::report::{Outcome, size};

/// Which parts to remove.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask clean             everything built: target/linnet
  cargo xtask clean --stages    finished stages and work trees; images stay
  cargo xtask clean --all       the download cache too, shared by checkouts")]
pub struct Args {
    /// Remove finished stages and work trees, keep images and logs
    #[arg(long, conflicts_with = "all")]
    stages: bool,

    /// Remove the download cache too, which other checkouts share
    #[arg(long)]
    all: bool,
}

/// What the download cache consists of. Nothing else below it is touched: LINNET_CACHE may name
/// a folder that has other things in it.
const CACHE: [&str; 6] = ["apt", "archives", "locks", "partial", "rejected", "replaced"];

/// Removes, and tells what it freed.
///
/// # Errors
/// A build is running, or something cannot be removed.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let out = &cx.paths.out;
    if let Some(lock) = held_lock(&out.join("stages")) {
        let stage = lock.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        bail!("another run is building {stage}: wait for it or end it, then clean");
    }
    let mut removed: Vec<PathBuf> = match args.stages {
        true => ["stages", "build", "tmp", "hashes.txt"].map(|name| out.join(name)).into(),
        false => vec![out.clone()],
    };
    if args.all {
        removed.extend(CACHE.map(|name| cx.paths.cache.join(name)));
    }
    removed.retain(|path| path.exists());
    let mut freed = 0;
    for path in &removed {
        freed += usage(path);
        let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        gone.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    if args.all {
        let _ = fs::remove_dir(&cx.paths.cache); // only if nothing else is in it
    }
    let names: Vec<String> = removed.iter().map(|path| cx.paths.show(path)).collect();
    let text = match names.is_empty() {
        true => "nothing to remove".to_owned(),
        false => format!("removed {}: {} freed", names.join(", "), size(freed)),
    };
    Ok(Outcome::good(text, json!({ "removed": names, "freed_bytes": freed })))
}

/// The lock file of a stage that is being built now.
fn held_lock(stages: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(stages).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut locks = entries.filter(|path| path.extension().is_some_and(|e| e == "lock"));
    locks.find(|path| {
        fs::File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    })
}

/// Bytes in a file, or in the files below a folder; what cannot be read counts as nothing.
fn usage(path: &Path) -> u64 {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| usage(&entry.path())).sum()
        }
        Ok(meta) => meta.len(),
        Err(_) => 0,
    }
}
