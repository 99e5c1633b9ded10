//! Unpacks a source archive into an empty folder: the same tree on every machine, and nothing beside it.
//!
//! The host's xz, gzip or bzip2 decompresses (xz in a third of the time of the Rust crate tried, on the
//! kernel's archive); reading the tar format and writing the tree are ours, so that every name is judged
//! before something is made of it, and neither umask nor the version of a host tool has a say. Modes
//! become 755 or 644, times are the archive's.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read, Seek as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};
use tar::EntryType;

use crate::context::Context;
use crate::process;
use crate::report::Task;

/// Unpacks `archive` (`.tar.xz`, `.tar.gz`, `.tar.bz2`) into `dest` without the archive's own top folder.
/// `dest` is made if need be, and must be empty.
///
/// # Errors
/// The archive cannot be read or decompressed; something in it does not belong into a source tree
/// (a path or link that leads out, a device); the disk; interrupted. What was written until then is left.
pub fn unpack(cx: &Context, task: &Task, archive: &Path, dest: &Path) -> Result<()> {
    let context = || format!("cannot unpack {} into {}", archive.display(), dest.display());
    fs::create_dir_all(dest).with_context(context)?;
    if fs::read_dir(dest).with_context(context)?.next().is_some() {
        return Err(anyhow!("the folder is not empty").context(context()));
    }
    let mut input = File::open(archive).with_context(context)?;
    let total = input.metadata().with_context(context)?.len();
    let mut decompress = process::command(decompressor(archive).with_context(context)?);
    // Its standard input and `input` are one open file: its position tells how far it is.
    decompress.args(["-d", "-c"]).stdin(input.try_clone().with_context(context)?);
    let mut tree =
        Tree { dest: dest.to_path_buf(), top: None, folder: PathBuf::new(), links: BTreeSet::new() };
    let read = |output: &mut std::process::ChildStdout| {
        let mut tar = tar::Archive::new(BufReader::with_capacity(1 << 18, output));
        for (count, entry) in tar.entries()?.enumerate() {
            if count % 256 == 0 {
                cx.interrupt.check()?;
                task.bytes(input.stream_position()?, total);
            }
            let mut entry = entry?;
            let shown = entry.path()?.display().to_string();
            tree.add(&mut entry).with_context(|| format!("at `{shown}` in it"))?;
        }
        match tree.top {
            Some(_) => Ok(()),
            None => bail!("there is nothing in it"),
        }
    };
    process::pipe(cx, task, &mut decompress, read).with_context(context)
}

fn decompressor(archive: &Path) -> Result<&'static str> {
    match archive.extension().and_then(|end| end.to_str()) {
        Some("xz") => Ok("xz"),
        Some("gz") => Ok("gzip"),
        Some("bz2") => Ok("bzip2"),
        _ => bail!("its name does not end in .xz, .gz or .bz2"),
    }
}

/// The tree as far as it is written.
struct Tree {
    dest: PathBuf,
    /// The folder that everything in the archive lies in.
    top: Option<PathBuf>,
    /// The folder that was written into last: most members lie in the one of the member before.
    folder: PathBuf,
    /// Paths of symbolic links, relative to `dest`: nothing is written through one.
    links: BTreeSet<PathBuf>,
}

impl Tree {
    fn add(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<()> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(()); // a comment: git's commit
        }
        let path = self.strip(&plain(&entry.path()?)?)?;
        if path.as_os_str().is_empty() {
            return Ok(()); // the top folder
        }
        if path.ancestors().skip(1).any(|ancestor| self.links.contains(ancestor)) {
            bail!("it lies behind a symbolic link");
        }
        let place = self.dest.join(&path);
        if let Some(parent) = place.parent().filter(|parent| *parent != self.folder) {
            fs::create_dir_all(parent)?;
            self.folder = parent.to_path_buf();
        }
        match kind {
            EntryType::Directory => Ok(fs::create_dir_all(&place)?),
            EntryType::Regular | EntryType::Continuous => write_file(entry, &place),
            EntryType::Symlink => {
                let target = link_target(entry)?;
                if !stays_inside(&path, &target) {
                    bail!("it is a link that leads out, to `{}`", target.display());
                }
                symlink(&target, &place)?;
                self.links.insert(path);
                Ok(())
            }
            EntryType::Link => {
                let target = self.strip(&plain(&link_target(entry)?)?)?;
                if target.ancestors().any(|ancestor| self.links.contains(ancestor)) {
                    bail!("it is a hard link to a symbolic one");
                }
                Ok(fs::hard_link(self.dest.join(target), &place)?)
            }
            other => bail!("it is neither file, folder nor link (type {:?})", char::from(other.as_byte())),
        }
    }

    /// `path` without the top folder, which must be the same for all.
    fn strip(&mut self, path: &Path) -> Result<PathBuf> {
        let mut parts = path.components();
        let top = parts.next().map(|part| PathBuf::from(part.as_os_str())).unwrap_or_default();
        let rest = parts.as_path().to_path_buf();
        let known = self.top.get_or_insert_with(|| top.clone());
        if *known != top {
            bail!("it is not in the folder `{}` that all else is in", known.display());
        }
        Ok(rest)
    }
}

fn write_file(entry: &mut tar::Entry<'_, impl Read>, place: &Path) -> Result<()> {
    let mode = if entry.header().mode()? & 0o100 == 0 { 0o644 } else { 0o755 };
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(entry.header().mtime()?);
    let size = entry.size();
    let mut file = File::create_new(place)?;
    let copied = io::copy(entry, &mut file)?;
    if copied != size {
        bail!("it ends after {copied} of {size} bytes");
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file.set_modified(modified)?)
}

fn link_target(entry: &tar::Entry<'_, impl Read>) -> Result<PathBuf> {
    let target = entry.link_name()?.context("it is a link to nowhere")?;
    Ok(target.into_owned())
}

/// The path without `.` parts, if it has no other than plain ones.
fn plain(path: &Path) -> Result<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => bail!("the path leads out of the folder"),
        })
        .collect()
}

/// Whether a link at `path` to `target` stays below the folder that `path` is relative to.
fn stays_inside(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count() - 1;
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
