//! The download cache: whole archives by content, shared between checkouts and between builds.
//!
//! ```text
//! archives/<sha256>-<name>-<version>.tar.xz           read-only; appears by rename, never half
//! archives/<sha256>-<name>-<version>.tar.xz.verified  its size and time when it was hashed, its origin
//! partial/                                            begun downloads, continued by the next try
//! replaced/<name>-<version>.json                      what a distribution has in a pinned version's place
//! rejected/                                           what had the wrong hash, for a look
//! locks/                                              one lock file an archive
//! ```
//!
//! An archive is hashed when it arrives. Later its size and modification time are compared with
//! the mark beside it; [`super::verify()`] hashes it again.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::lock::{Name, Pin, Version};

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// An archive by everything that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// `<name>-<version>.tar.xz`.
    title: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Hash,
}

/// An archive that is in the cache and is what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where it lies.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: String,
}

/// What was found of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there and right.
    Right(Held),
    /// It is not there.
    Missing,
    /// It was there with this hash; it lies in `rejected/` now (or where it was, if the cache cannot be written).
    Wrong(Hash, PathBuf),
}

/// Held while one archive is fetched; the lock goes with it.
#[derive(Debug)]
pub struct Guard {
    _file: File,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    sha256: Hash,
    size: u64,
    modified_ns: i128,
    origin: String,
}

impl Archive {
    /// The archive of `name` in `version` that `pin` describes; `file` gives the kind of compression.
    #[must_use]
    pub fn new(name: Name, version: &Version, file: &str, pin: &Pin) -> Self {
        let kind = file.rfind(".tar.").map_or(".tar", |at| &file[at..]);
        Self { title: format!("{name}-{version}{kind}"), size: pin.size, sha256: pin.sha256.clone() }
    }

    /// What it is called in messages: `musl-1.2.5.tar.gz`.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
}

impl Cache {
    /// The cache at `root`; nothing is made yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// A folder in it, made if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).with_context(|| self.cannot_write(&dir))?;
        Ok(dir)
    }

    /// Looks for `archive` without the network. Hashes it only if its mark does not fit it.
    ///
    /// # Errors
    /// It is there but cannot be read.
    pub fn find(&self, archive: &Archive) -> Result<Found> {
        let path = self.path(archive);
        match self.marked(archive, &path) {
            Some(held) => Ok(Found::Right(held)),
            None => self.check(archive),
        }
    }

    /// Looks for `archive` and hashes it whatever its mark says.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn check(&self, archive: &Archive) -> Result<Found> {
        let path = self.path(archive);
        let hash = match Hash::of_file(&path) {
            Ok(hash) => hash,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Found::Missing);
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        if hash != archive.sha256 {
            let place = self.reject(&path, archive, &hash).unwrap_or(path);
            return Ok(Found::Wrong(hash, place));
        }
        let origin =
            read_json::<Mark>(&mark_path(&path)).map_or_else(|| "the cache".to_owned(), |m| m.origin);
        // A cache that others fill may be read-only: then it is hashed each time.
        let _ = write_mark(&path, archive, &origin);
        Ok(Found::Right(Held { path, origin }))
    }

    /// Takes the finished download `part`, which came from `origin`, in: hash, sync, rename, mark.
    ///
    /// # Errors
    /// The cache cannot be written or `part` not read.
    pub fn admit(&self, part: &Path, archive: &Archive, origin: &str) -> Result<Found> {
        let hash = Hash::of_file(part).with_context(|| format!("cannot read {}", part.display()))?;
        if hash != archive.sha256 {
            let place = self.reject(part, archive, &hash)?;
            return Ok(Found::Wrong(hash, place));
        }
        let dir = self.folder("archives")?;
        let path = self.path(archive);
        let store = || -> io::Result<()> {
            fs::set_permissions(part, Permissions::from_mode(0o444))?;
            File::open(part)?.sync_all()?;
            fs::rename(part, &path)?;
            write_mark(&path, archive, origin)?;
            File::open(&dir)?.sync_all()
        };
        store().with_context(|| self.cannot_write(&path))?;
        for way in ["part", "from", "apt"] {
            // What another way had begun; mostly there is nothing.
            let _ = fs::remove_file(self.root.join("partial").join(format!("{}.{way}", archive.sha256)));
        }
        Ok(Found::Right(Held { path, origin: origin.to_owned() }))
    }

    /// Where the download of something called `name` is collected until it is whole.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn part(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder("partial")?.join(name))
    }

    /// Waits for whoever else works on `name`, having called `on_wait`, and keeps others out.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn lock(&self, name: &str, on_wait: impl FnOnce()) -> Result<Guard> {
        let path = self.folder("locks")?.join(format!("{name}.lock"));
        let open = || File::options().create(true).truncate(false).write(true).open(&path);
        let file = open().with_context(|| self.cannot_write(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                on_wait();
                file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(Guard { _file: file })
    }

    /// Notes that a distribution has `archive` in `version` in the place of the pinned version.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn note_replacement(&self, pinned: &str, version: &Version, archive: &Archive) -> Result<()> {
        let path = self.folder("replaced")?.join(format!("{pinned}.json"));
        write_json(&path, &(version, archive)).with_context(|| self.cannot_write(&path))
    }

    /// What [`note_replacement`](Self::note_replacement) noted, if that archive is still here.
    ///
    /// # Errors
    /// It is there but cannot be read.
    pub fn replacement(&self, pinned: &str) -> Result<Option<(Version, Archive, Held)>> {
        let path = self.root.join("replaced").join(format!("{pinned}.json"));
        let Some((version, archive)) = read_json::<(Version, Archive)>(&path) else { return Ok(None) };
        match self.find(&archive)? {
            Found::Right(held) => Ok(Some((version, archive, held))),
            Found::Missing | Found::Wrong(..) => Ok(None),
        }
    }

    /// Moves a file with the wrong hash out of the way, beside no more than a few others.
    fn reject(&self, path: &Path, archive: &Archive, hash: &Hash) -> Result<PathBuf> {
        let dir = self.folder("rejected")?;
        let place = dir.join(format!("{}-{}", &hash.as_str()[..16], archive.title));
        fs::rename(path, &place).with_context(|| self.cannot_write(&place))?;
        let _ = fs::remove_file(mark_path(path)); // it may have none
        Ok(place)
    }

    fn marked(&self, archive: &Archive, path: &Path) -> Option<Held> {
        let metadata = fs::metadata(path).ok()?;
        let mark: Mark = read_json(&mark_path(path))?;
        let fits = mark.sha256 == archive.sha256
            && mark.size == metadata.len()
            && mark.modified_ns == modified(&metadata);
        fits.then(|| Held { path: path.to_path_buf(), origin: mark.origin })
    }

    fn path(&self, archive: &Archive) -> PathBuf {
        self.root.join("archives").join(format!("{}-{}", archive.sha256, archive.title))
    }

    fn cannot_write(&self, path: &Path) -> String {
        let root = self.root.display();
        format!(
            "cannot write {}: the download cache is {root}; LINNET_CACHE names another folder",
            path.display()
        )
    }
}

fn mark_path(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".verified");
    PathBuf::from(name)
}

fn write_mark(path: &Path, archive: &Archive, origin: &str) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    let (size, modified_ns) = (metadata.len(), modified(&metadata));
    write_json(
        &mark_path(path),
        &Mark { sha256: archive.sha256.clone(), size, modified_ns, origin: origin.to_owned() },
    )
}

fn modified(metadata: &fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    File::create(&new)?.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}

/// None if it is missing or from another time: it is only ever a shortcut.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(content: &[u8]) -> Archive {
        let pin = Pin { size: content.len() as u64, sha256: Hash::of(content) };
        let version = Version::try_from("1.2.5".to_owned()).unwrap_or_else(|e| panic!("{e}"));
        Archive::new(Name::Musl, &version, "musl_1.2.5.orig.tar.gz", &pin)
    }

    /// A cache that holds `archive(b"abc")`.
    fn filled(dir: &Path) -> Result<(Cache, Archive, PathBuf)> {
        let (cache, archive) = (Cache::new(dir), archive(b"abc"));
        let part = cache.part("x")?;
        fs::write(&part, "abc")?;
        let Found::Right(held) = cache.admit(&part, &archive, "here")? else { panic!("refused") };
        Ok((cache, archive, held.path))
    }

    #[test]
    fn what_was_admitted_is_found() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (cache, archive, path) = filled(dir.path())?;
        assert_eq!(path, dir.path().join(format!("archives/{}-musl-1.2.5.tar.gz", archive.sha256)));
        let held = Held { path, origin: "here".to_owned() };
        assert_eq!(cache.find(&archive)?, Found::Right(held.clone()));
        assert_eq!(cache.check(&archive)?, Found::Right(held));
        assert!(!dir.path().join("partial/x").exists());
        Ok(())
    }

    #[test]
    fn an_unchanged_file_is_not_hashed_again() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (cache, archive, path) = filled(dir.path())?;
        // Other bytes of the same length and time: only a new hash would tell.
        let time = fs::metadata(&path)?.modified()?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        fs::write(&path, "abd")?;
        File::options().write(true).open(&path)?.set_modified(time)?;
        assert!(matches!(cache.find(&archive)?, Found::Right(_)));
        assert!(matches!(cache.check(&archive)?, Found::Wrong(..)));
        Ok(())
    }

    #[test]
    fn a_changed_file_is_set_aside() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (cache, archive, path) = filled(dir.path())?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        fs::write(&path, "abcd")?;
        let Found::Wrong(hash, place) = cache.find(&archive)? else { panic!("accepted") };
        assert_eq!(hash, Hash::of(b"abcd"));
        assert!(place.starts_with(dir.path().join("rejected")) && place.is_file());
        assert_eq!(cache.find(&archive)?, Found::Missing);
        Ok(())
    }

    #[test]
    fn a_lost_mark_costs_one_hash() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (cache, archive, path) = filled(dir.path())?;
        fs::remove_file(mark_path(&path))?;
        assert!(matches!(cache.find(&archive)?, Found::Right(_)));
        assert!(mark_path(&path).is_file());
        Ok(())
    }

    #[test]
    fn a_replacement_is_remembered_while_it_is_there() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (cache, archive, path) = filled(dir.path())?;
        let version = Version::try_from("1.2.6".to_owned()).map_err(anyhow::Error::msg)?;
        assert_eq!(cache.replacement("musl-1.2.5")?, None);
        cache.note_replacement("musl-1.2.5", &version, &archive)?;
        assert_eq!(cache.replacement("musl-1.2.5")?.map(|(v, a, _)| (v, a)), Some((version, archive)));
        fs::remove_file(path)?;
        assert_eq!(cache.replacement("musl-1.2.5")?, None);
        Ok(())
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("file"), "")?; // root may write into any folder, but not into a file
        let error = Cache::new(&dir.path().join("file")).part("x").unwrap_err().to_string();
        assert!(error.contains("LINNET_CACHE") && error.contains("/file"), "{error}");
        Ok(())
    }

    #[test]
    fn the_second_waits_for_the_first() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let cache = Cache::new(dir.path());
        let first = cache.lock("a", || panic!("nobody else is here"))?;
        let waited = std::thread::scope(|scope| {
            let (told, wait) = std::sync::mpsc::channel();
            let second = scope.spawn({
                let cache = &cache;
                move || cache.lock("a", || told.send(()).unwrap_or(()))
            });
            wait.recv()?; // it says so before it blocks
            drop(first);
            second.join().map_err(|_| anyhow::anyhow!("panicked"))?
        });
        waited.map(drop)
    }
}
