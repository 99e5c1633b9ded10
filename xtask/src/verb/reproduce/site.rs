//! The other folder: a copy of the sources with outputs of its own.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::process::Pid;

use crate::context::Context;
use crate::mirror;
use crate::process;
use crate::target::Target;

/// The second checkout. Nobody else has it while this lives.
pub struct Site {
    base: PathBuf,
    root: PathBuf,
    /// The image builder: a copy, because cargo may put another one in its place meanwhile.
    pub program: PathBuf,
    _lock: File,
}

/// Where it lies below the output folder: deeper, so that no path in it is as long as ours.
const PLACE: &str = "a-second-checkout-whose-path-is-longer/linnet";

/// What is no source.
const LEFT_OUT: [&str; 2] = [".git", "target"];

impl Site {
    /// Copies this checkout, as it is now, to its place.
    ///
    /// # Errors
    /// Another run has it, or something cannot be read or written.
    pub fn create(cx: &Context) -> Result<Self> {
        let base = cx.paths.out.join("reproduce");
        let path = cx.paths.out.join("reproduce.lock");
        let context = || format!("cannot lock {}", path.display());
        fs::create_dir_all(&cx.paths.out).with_context(context)?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(&path).with_context(context)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another `cargo xtask reproduce` is running here: let it end")
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        let site = Self { root: base.join(PLACE), program: base.join("xtask"), base, _lock: lock };
        site.end_workers();
        site.remove()?;
        copy(&cx.paths.root, &site.root, &cx.paths.out)
            .with_context(|| format!("cannot copy the sources to {}", site.root.display()))?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        mirror::copy(&program, &site.program)
            .with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(site)
    }

    /// The top folder of the copy.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where its finished stages lie.
    pub fn stages(&self) -> PathBuf {
        self.root.join("target/linnet/stages")
    }

    /// Where the image of `target` appears.
    pub fn image(&self, target: &Target) -> PathBuf {
        self.root.join("target/linnet").join(target.name())
    }

    /// Whether the build with the process number `builder` has begun `stage` and not finished it.
    pub fn is_half_made(&self, stage: &str, builder: u32) -> bool {
        let end = format!(".tmp-{builder}");
        self.folders(stage).any(|folder| folder.to_string_lossy().ends_with(&end))
    }

    /// Throws away what is finished of `stage`, so that it is built again.
    pub fn forget(&self, stage: &str) -> Result<()> {
        for folder in self.folders(stage).filter(|folder| !folder.to_string_lossy().contains(".tmp-")) {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        Ok(())
    }

    /// The processes that work for a stage of this copy.
    pub fn workers(&self) -> Vec<Pid> {
        process::workers(&self.stages())
    }

    /// Kills them, and what they start meanwhile.
    pub fn end_workers(&self) {
        process::end_workers(&self.stages());
    }

    /// Removes the copy and all that was built in it.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.base) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.base.display()))
            }
            _ => Ok(()),
        }
    }

    /// All folders of `stage`, finished or not: its name, a dash, and hexadecimal digits.
    fn folders(&self, stage: &str) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(self.stages()).into_iter().flatten().flatten();
        let start = format!("{stage}-");
        entries.map(|entry| entry.path()).filter(move |path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.strip_prefix(&start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()))
        })
    }
}

/// Copies the tree `from` without what was built (`out` too, wherever it is).
fn copy(from: &Path, to: &Path, out: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let path = entry.path();
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) || out.starts_with(&path) {
            continue;
        }
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&path, &place, out)?;
        } else {
            mirror::copy(&path, &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_copied_and_outputs_are_not() {
        let temp = tempfile::tempdir().unwrap();
        let (from, to) = (temp.path().join("from"), temp.path().join("to"));
        for (name, text) in [
            ("Cargo.toml", "a"),
            ("rootfs/etc/passwd", "b"),
            ("target/debug/x", "c"),
            (".git/HEAD", "d"),
            (".cargo/config.toml", "e"),
            ("elsewhere/linnet/stages/x", "f"),
        ] {
            let path = from.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("bin/busybox", from.join("rootfs/init")).unwrap();
        copy(&from, &to, &from.join("elsewhere/linnet")).unwrap();
        assert_eq!(fs::read_to_string(to.join("rootfs/etc/passwd")).unwrap(), "b");
        assert_eq!(fs::read_link(to.join("rootfs/init")).unwrap(), Path::new("bin/busybox"));
        assert!(to.join(".cargo/config.toml").exists());
        for absent in ["target", ".git", "elsewhere"] {
            assert!(!to.join(absent).exists(), "{absent}");
        }
    }
}
