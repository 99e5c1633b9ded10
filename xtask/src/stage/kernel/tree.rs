//! A kernel tree to build in: the released source linked, patched files and our stack's put in.
//!
//! Every step leaves alone what is already as it should be, so that make rebuilds only what
//! depends on a change. Invariant: no file of the released source is ever written into.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::super::artifact::{Linux, Stack};
use crate::context::Context;
use crate::fingerprint::sha256_hex;
use crate::mirror;
use crate::patch;
use crate::report::Task;

/// A tree below a work folder, with notes beside it of how far it is.
pub(super) struct Tree<'a> {
    dir: PathBuf,
    path: PathBuf,
    linux: &'a Linux,
}

/// A line of text that says in which state a part of the tree is.
pub(super) struct Note(PathBuf);

impl<'a> Tree<'a> {
    /// The tree in `dir`, made anew if it came from another release.
    pub fn prepare(cx: &Context, task: &Task, dir: &Path, linux: &'a Linux) -> Result<Self> {
        let tree = Self { dir: dir.to_path_buf(), path: dir.join("linux"), linux };
        let id = linux.dir.file_name().unwrap_or_default().to_string_lossy();
        let release = tree.note("release");
        if !release.is(&id) {
            task.note("laying out the source");
            for entry in
                fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?.flatten()
            {
                let path = entry.path();
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.with_context(|| format!("cannot remove {}", path.display()))?;
            }
            cx.interrupt.check()?;
            mirror::link_tree(&linux.tree, &tree.path)?;
            release.write(&id)?;
        }
        Ok(tree)
    }

    /// Its top folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder around it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The note called `name`.
    pub fn note(&self, name: &str) -> Note {
        Note(self.dir.join(format!("{name}.txt")))
    }

    /// Makes the tree the release with `patches` applied in this order: no more, no less.
    pub fn apply(&self, cx: &Context, task: &Task, patches: &[PathBuf], log: &Path) -> Result<()> {
        let texts: Vec<String> = patches
            .iter()
            .map(|patch| {
                fs::read_to_string(patch).with_context(|| format!("cannot read {}", patch.display()))
            })
            .collect::<Result<_>>()?;
        let digest = sha256_hex(texts.concat().as_bytes());
        let (applied, list) = (self.note("patched"), self.note("patched-files"));
        if applied.is(&digest) {
            return Ok(());
        }
        task.note("patching");
        let touched: BTreeSet<String> = texts.iter().flat_map(|text| touched(text)).collect();
        let before: BTreeSet<String> = list.read().lines().map(str::to_owned).collect();
        // What may be patched is listed before it is, so that no later run can forget it.
        let all: BTreeSet<&String> = before.union(&touched).collect();
        list.write(&all.iter().fold(String::new(), |text, path| text + path + "\n"))?;

        let scratch = self.dir.join("patching");
        self.patch(cx, task, &scratch, &touched, patches, log)?;
        for file in all {
            let place = self.path.join(file);
            let from = if touched.contains(file) { &scratch } else { &self.linux.tree };
            if from.join(file).is_file() {
                mirror::sync_file(&from.join(file), &place)?;
            } else if place.exists() {
                fs::remove_file(&place).with_context(|| format!("cannot remove {}", place.display()))?;
            }
        }
        applied.write(&digest)
    }

    /// Puts our stack into `net/linnet`. Without its Rust half, only what Kconfig reads.
    pub fn add_shim(&self, shim: &Path, stack: Option<&Stack>) -> Result<()> {
        let place = self.path.join("net/linnet");
        let Some(stack) = stack else {
            return mirror::sync_file(&shim.join("Kconfig"), &place.join("Kconfig")).map(|_| ());
        };
        let names = |dir: &Path| -> BTreeSet<String> {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
        };
        let ours = names(shim);
        for name in names(&place).difference(&ours) {
            let is_source = name.ends_with(".c") && !name.ends_with(".mod.c") || name.ends_with(".h");
            if is_source {
                fs::remove_file(place.join(name)).with_context(|| format!("cannot remove {name}"))?;
            }
        }
        for name in &ours {
            mirror::sync_file(&shim.join(name), &place.join(name))?;
        }
        mirror::sync_file(&stack.object, &place.join("rust.o_shipped")).map(|_| ())
    }

    /// What the meaning of a configuration depends on, beside the release.
    pub fn kconfig_state(&self) -> Result<String> {
        let ours = self.path.join("net/linnet/Kconfig");
        let ours = fs::read_to_string(&ours).with_context(|| format!("cannot read {}", ours.display()))?;
        Ok(format!("{}\n{}\n{ours}", self.note("release").read(), self.note("patched").read()))
    }

    /// Applies `patches` to copies of the `touched` files in `scratch`.
    fn patch(
        &self,
        cx: &Context,
        task: &Task,
        scratch: &Path,
        touched: &BTreeSet<String>,
        patches: &[PathBuf],
        log: &Path,
    ) -> Result<()> {
        if scratch.exists() {
            fs::remove_dir_all(scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
        }
        fs::create_dir_all(scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        for file in touched {
            let released = self.linux.tree.join(file);
            if released.is_file() {
                mirror::sync_file(&released, &scratch.join(file))?;
            }
        }
        let release = format!("Linux {}", self.linux.version);
        for patch in patches {
            patch::apply(cx, task, patch, scratch, log, &release)?;
        }
        Ok(())
    }
}

impl Note {
    /// Whether it says `text`.
    pub fn is(&self, text: &str) -> bool {
        self.read() == text
    }

    /// What it says; nothing if there is none.
    pub fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// Lets it say `text`.
    pub fn write(&self, text: &str) -> Result<()> {
        fs::write(&self.0, text).with_context(|| format!("cannot write {}", self.0.display()))
    }
}

/// The files that a patch changes, makes or removes.
fn touched(patch: &str) -> impl Iterator<Item = String> {
    patch.lines().filter_map(|line| {
        let path = line.strip_prefix("--- a/").or_else(|| line.strip_prefix("+++ b/"))?;
        let path = path.split('\t').next().unwrap_or(path);
        Some(path.to_owned())
    })
}
