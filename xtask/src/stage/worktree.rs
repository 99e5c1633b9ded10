//! A work tree that outlives its build, for incremental make; thrown away if a build in it was killed.
//!
//! `build/<name>.dirty` stands while something works in `build/<name>/`. It is made before the first
//! write and removed after the last, so that it survives every kind of death. It stands beside
//! the tree, not in it: removing the tree cannot take it away too early.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::process::Failed;
use crate::report::is_disk_full;

/// Below this much free space a failed build may have failed for want of it.
const SCARCE: u64 = 64 << 20;

/// A persistent folder under `build/`. Use it only inside `build` of the one stage that owns
/// it: that stage's lock is what keeps two runs apart.
#[derive(Debug)]
pub struct WorkTree {
    dir: PathBuf,
    mark: PathBuf,
}

impl WorkTree {
    /// Opens the tree called `name`, new and empty if there is none or if the last build in it was killed.
    ///
    /// # Errors
    /// It cannot be made or cleared.
    pub fn open(cx: &Context, name: &str) -> Result<Self> {
        let base = cx.paths.out.join("build");
        let tree = Self { dir: base.join(name), mark: base.join(format!("{name}.dirty")) };
        if tree.mark.exists() {
            cx.reporter.line(&format!(
                "{}: the last build was cut short, starting afresh",
                cx.paths.show(&tree.dir)
            ));
            tree.clear()?;
        }
        fs::create_dir_all(&tree.dir).with_context(|| format!("cannot make {}", tree.dir.display()))?;
        Ok(tree)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Empties the tree: when something changed that make cannot see.
    ///
    /// # Errors
    /// It cannot be cleared.
    pub fn clear(&self) -> Result<()> {
        let clear = || {
            fs::write(&self.mark, "")?;
            if self.dir.exists() {
                fs::remove_dir_all(&self.dir)?;
            }
            fs::create_dir_all(&self.dir)?;
            fs::remove_file(&self.mark)
        };
        clear().with_context(|| format!("cannot clear {}", self.dir.display()))
    }

    /// Runs `work` in the tree with the mark standing. The mark goes when `work` succeeds, or when a
    /// command in it failed by itself (a compile error: make has removed what it had half done) on a
    /// disk with room; it stays after a kill, an interrupt, or a full disk.
    ///
    /// # Errors
    /// Those of `work`; the mark cannot be written.
    pub fn build<T>(&self, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let context = || format!("cannot write {}", self.mark.display());
        fs::write(&self.mark, "").with_context(context)?;
        let result = work(&self.dir);
        let trusted = match &result {
            Ok(_) => true,
            Err(error) => {
                let failed = error.chain().find_map(|cause| cause.downcast_ref::<Failed>());
                failed.is_some_and(Failed::exited) && !is_disk_full(error) && self.has_room()
            }
        };
        if trusted {
            fs::remove_file(&self.mark).with_context(context)?;
        }
        result
    }

    fn has_room(&self) -> bool {
        rustix::fs::statvfs(&self.dir).is_ok_and(|fs| fs.f_bavail.saturating_mul(fs.f_frsize) > SCARCE)
    }
}
