//! `cargo xtask clean`: removes what was built, says what that freed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
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

/// Removes, and tells what it freed.
///
/// # Errors
/// Something cannot be removed.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let out = &cx.paths.out;
    let mut removed: Vec<PathBuf> = match args.stages {
        true => vec![out.join("stages"), out.join("build"), out.join("tmp")],
        false => vec![out.clone()],
    };
    if args.all {
        removed.push(cx.paths.cache.clone());
    }
    let mut freed = 0;
    for dir in &removed {
        freed += usage(dir);
        match fs::remove_dir_all(dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(e).with_context(|| format!("cannot remove {}", dir.display()));
            }
            _ => {}
        }
    }
    let names: Vec<String> = removed.iter().map(|dir| cx.paths.show(dir)).collect();
    let json = json!({ "removed": names, "freed_bytes": freed });
    Ok(Outcome::good(format!("removed {}: {} freed", names.join(", "), size(freed)), json))
}

/// Bytes in the files below `dir`; what cannot be read counts as nothing.
fn usage(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => usage(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
