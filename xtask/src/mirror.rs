//! Copies of files and trees for builds: linked where nobody writes, untouched where nothing changed.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Makes `to` a second tree of the same files: folders anew, files as hard links, symbolic links
/// copied. Whoever changes a file in either tree must replace it, not write into it. 100,000 files
/// take about two seconds and no space.
///
/// # Errors
/// Something cannot be read or made; `to` exists; the two are on different disks.
pub fn link_tree(from: &Path, to: &Path) -> Result<()> {
    walk(from, to, &mut |source, place| fs::hard_link(source, place))
        .with_context(|| format!("cannot mirror {} in {}", from.display(), to.display()))
}

/// Copies the tree `from` to `to`, which may exist: files of the same name are replaced.
///
/// # Errors
/// Something cannot be read or made.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    walk(from, to, &mut |source, place| copy(source, place).map(|_| ()))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Makes the file `to` what `from` is, executable bit included. A file that has the content
/// already is not touched, so make sees no change. Returns whether it was.
///
/// # Errors
/// One of them cannot be read, or `to` cannot be replaced.
pub fn sync_file(from: &Path, to: &Path) -> Result<bool> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let changed = sync_bytes(&bytes, to)?;
    if changed {
        let permissions = fs::metadata(from).map(|meta| meta.permissions());
        permissions
            .and_then(|permissions| fs::set_permissions(to, permissions))
            .with_context(|| format!("cannot set the mode of {}", to.display()))?;
    }
    Ok(changed)
}

/// Makes `bytes` the content of the file `to`, as [`sync_file`].
///
/// # Errors
/// `to` cannot be read or replaced.
pub fn sync_bytes(bytes: &[u8], to: &Path) -> Result<bool> {
    let context = || format!("cannot write {}", to.display());
    match fs::read(to) {
        Ok(present) if present == bytes => return Ok(false),
        // Not into it: it may be a link into another tree.
        Ok(_) => fs::remove_file(to).with_context(context)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).with_context(context)?;
            }
        }
        Err(error) => return Err(error).with_context(context),
    }
    fs::write(to, bytes).with_context(context)?;
    Ok(true)
}

/// Copies one file or symbolic link, replacing what is there; modes are 644 or 755.
///
/// # Errors
/// It cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let meta = fs::symlink_metadata(from)?;
    if meta.is_symlink() {
        return symlink(fs::read_link(from)?, to).map(|()| 0);
    }
    let bytes = fs::copy(from, to)?;
    let mode = if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(bytes)
}

fn walk(from: &Path, to: &Path, file: &mut impl FnMut(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, place) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&source, &place, file)?;
        } else if kind.is_symlink() {
            copy(&source, &place)?;
        } else {
            file(&source, &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_linked_tree_is_safe_from_syncing() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/file"), "old").unwrap();
        symlink("sub/file", from.join("link")).unwrap();
        link_tree(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("sub/file")).unwrap().nlink(), 2);
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("sub/file"));

        assert!(sync_bytes(b"new", &to.join("sub/file")).unwrap());
        assert_eq!(fs::read(from.join("sub/file")).unwrap(), b"old");
        assert!(!sync_bytes(b"new", &to.join("sub/file")).unwrap());
        assert!(sync_bytes(b"more", &to.join("another/file")).unwrap());
    }

    #[test]
    fn syncing_leaves_equal_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "text").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(sync_file(&from, &to).unwrap());
        let before = fs::metadata(&to).unwrap();
        assert_eq!(before.permissions().mode() & 0o777, 0o755);
        assert!(!sync_file(&from, &to).unwrap());
        assert_eq!(fs::metadata(&to).unwrap().ino(), before.ino());
    }

    #[test]
    fn copying_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("file"), "a").unwrap();
        symlink("file", from.join("link")).unwrap();
        copy_tree(&from, &to).unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("link")).unwrap(), b"a");
        assert_eq!(fs::metadata(to.join("file")).unwrap().permissions().mode() & 0o777, 0o644);
    }
}
