//! Which disk is full: found when something fails for want of space, before cleaning up makes room again.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Error;
use rustix::fs::StatVfs;

use super::{is_disk_full, size};

/// A disk without room, as a cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullDisk {
    /// The folder that we write to.
    pub folder: PathBuf,
    /// Where the disk that has it is mounted.
    pub mount: PathBuf,
    /// What it has left, in bytes.
    pub free: u64,
    /// Its size in bytes.
    pub total: u64,
    /// Whether it has no room for another file, whatever it has in bytes.
    pub no_inodes: bool,
}

/// At most this much is left on a disk that made a write fail: a compiler's file at once, or a few blocks.
const LEFT: u64 = 1 << 20;

/// `error` as it is, or within it the one of `folders` whose disk is full. A program that the full disk
/// kills may not say why: with nothing at all left, the disk is named in any case.
#[must_use]
pub fn name_full_disk(error: Error, folders: &[&Path]) -> Error {
    if error.downcast_ref::<FullDisk>().is_some() {
        return error;
    }
    let least = if is_disk_full(&error) { LEFT } else { 0 };
    match folders.iter().find_map(|folder| full(folder, least)) {
        Some(disk) => error.context(disk),
        None => error,
    }
}

/// The disk of `folder`, if it has at most `least` bytes left or no room for a file.
fn full(folder: &Path, least: u64) -> Option<FullDisk> {
    let place = folder.ancestors().find(|place| place.exists())?;
    let disk = rustix::fs::statvfs(place).ok()?;
    let (free, no_inodes) = (disk.f_bavail.saturating_mul(disk.f_frsize), has_no_inodes(&disk));
    (free <= least || no_inodes).then(|| FullDisk {
        folder: folder.to_path_buf(),
        mount: mount_point(place),
        free,
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
        no_inodes,
    })
}

/// Some file systems make them as they need them, and say that they have none at all.
fn has_no_inodes(disk: &StatVfs) -> bool {
    disk.f_files > 0 && disk.f_favail == 0
}

/// The uppermost folder above `place` on the same disk.
fn mount_point(place: &Path) -> PathBuf {
    let disk = |path: &Path| fs::metadata(path).map(|data| data.dev()).ok();
    let own = disk(place);
    let same = place.ancestors().take_while(|above| disk(above) == own);
    same.last().unwrap_or(place).to_path_buf()
}

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, mount, free, total, no_inodes } = self;
        let (folder, mount, total) = (folder.display(), mount.display(), size(*total));
        if *no_inodes {
            return write!(f, "no room for {folder}: the disk at {mount} ({total}) can take no more files");
        }
        write!(f, "no room for {folder}: the disk at {mount} has {} left of {total}", size(*free))
    }
}

impl std::error::Error for FullDisk {}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_disk_with_room_is_not_blamed() {
        let temp = tempfile::tempdir().unwrap();
        let full = || Error::from(std::io::Error::from_raw_os_error(28));
        assert!(
            name_full_disk(anyhow!("a typing error"), &[temp.path()]).downcast_ref::<FullDisk>().is_none()
        );
        assert!(name_full_disk(full(), &[]).downcast_ref::<FullDisk>().is_none());
        assert!(super::full(&temp.path().join("not/there/yet"), u64::MAX).is_some());
    }

    #[test]
    fn a_mount_point_is_the_uppermost_folder_of_its_disk() {
        assert_eq!(mount_point(Path::new("/proc/self")), Path::new("/proc"));
        assert_eq!(mount_point(Path::new("/")), Path::new("/"));
    }

    #[test]
    fn it_says_what_is_full_and_where() {
        let disk = FullDisk {
            folder: "/w/target/linnet".into(),
            mount: "/w".into(),
            free: 0,
            total: 1 << 20,
            no_inodes: false,
        };
        assert_eq!(
            disk.to_string(),
            "no room for /w/target/linnet: the disk at /w has 0 bytes left of 1.0 MiB"
        );
        assert!(FullDisk { no_inodes: true, ..disk }.to_string().contains("no more files"));
    }
}
