//! Hashes of files already read, valid while size, times and inode stay the same.
//!
//! The table is advice, never truth: a damaged or missing one costs time only. A file changed in
//! the last second before it was hashed is not remembered, because a second change within the
//! clock's granularity would not show.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::atomic;

/// The table, read at the start of a run and written back when something was added.
#[derive(Debug)]
pub struct FileHashes {
    store: PathBuf,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    known: BTreeMap<PathBuf, (Identity, String)>,
    changed: bool,
}

/// What must be unchanged for a remembered hash to hold. Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    size: u64,
    inode: u64,
    modified: i128,
    status_changed: i128,
}

impl FileHashes {
    /// Reads the table at `store`; a missing or damaged one is empty.
    #[must_use]
    pub fn load(store: &Path) -> Self {
        let text = fs::read_to_string(store).unwrap_or_default();
        let known = text.lines().filter_map(parse_line).collect();
        Self { store: store.to_path_buf(), table: Mutex::new(Table { known, changed: false }) }
    }

    /// SHA-256 in hex of the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sha256(&self, path: &Path) -> io::Result<String> {
        let mut file = File::open(path)?;
        let identity = Identity::of(&file.metadata()?);
        if let Some((known, hash)) = self.lock().known.get(path)
            && *known == identity
        {
            return Ok(hash.clone());
        }
        let hash = hash_reader(&mut file)?;
        if Identity::of(&file.metadata()?) == identity && identity.settled() {
            let mut table = self.lock();
            table.known.insert(path.to_path_buf(), (identity, hash.clone()));
            table.changed = true;
        }
        Ok(hash)
    }

    /// Writes the table back, by rename, if something was added. Failing to is harmless.
    pub fn save(&self) {
        let mut table = self.lock();
        if !table.changed {
            return;
        }
        table.known.retain(|path, _| path.exists());
        let mut text = String::new();
        for (path, (id, hash)) in &table.known {
            let Some(path) = path.to_str().filter(|p| !p.contains('\n')) else { continue };
            let Identity { size, inode, modified, status_changed } = id;
            let _ = writeln!(text, "{hash} {size} {inode} {modified} {status_changed} {path}");
        }
        let _ = atomic::write(&self.store, text.as_bytes()); // without it, files are hashed again
        table.changed = false;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    fn of(meta: &Metadata) -> Self {
        let nanos = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Self {
            size: meta.size(),
            inode: meta.ino(),
            modified: nanos(meta.mtime(), meta.mtime_nsec()),
            status_changed: nanos(meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Whether a change after hashing is certain to show in the times.
    fn settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
        now - self.modified.max(self.status_changed) > 1_000_000_000
    }
}

fn parse_line(line: &str) -> Option<(PathBuf, (Identity, String))> {
    let mut fields = line.splitn(6, ' ');
    let hash = fields.next().filter(|h| h.len() == 64)?.to_owned();
    let size = fields.next()?.parse().ok()?;
    let inode = fields.next()?.parse().ok()?;
    let modified = fields.next()?.parse().ok()?;
    let status_changed = fields.next()?.parse().ok()?;
    Some((PathBuf::from(fields.next()?), (Identity { size, inode, modified, status_changed }, hash)))
}

fn hash_reader(file: &mut File) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(super::hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}
