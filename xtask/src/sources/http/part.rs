//! A download in progress: the bytes so far, and beside them which URL they are from.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::transfer::Stop;

/// The bytes so far. Survives the process: the file is only ever appended to or begun anew.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
    length: u64,
    from: Option<From>,
}

/// Where the bytes are from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct From {
    /// The URL that was asked for.
    pub url: String,
    /// Its strong validator: an entity tag or a date (RFC 9110 §8.8).
    pub validator: Option<String>,
}

impl Part {
    /// Opens or creates the part file at `path`.
    pub fn open(path: &Path) -> Result<Self, Stop> {
        let open = || -> io::Result<(File, u64)> {
            let file = File::options().create(true).append(true).open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| local(path, error))?;
        let note = fs::read(note_path(path)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Self { path: path.to_path_buf(), file, length, from: note.filter(|_| length > 0) })
    }

    /// Removes the part file at `path` and the note beside it.
    pub fn remove(path: &Path) -> Result<(), Stop> {
        for path in [path, &note_path(path)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(local(path, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where they are from, if that was noted.
    pub fn from(&self) -> Option<&From> {
        self.from.as_ref()
    }

    /// Throws away what there is; what comes now is from `from`.
    pub fn restart(&mut self, from: From) -> Result<(), Stop> {
        let restart = || -> io::Result<()> {
            if self.length > 0 {
                self.file.set_len(0)?;
            }
            fs::write(note_path(&self.path), serde_json::to_vec(&from)?)
        };
        restart().map_err(|error| local(&self.path, error))?;
        self.length = 0;
        self.from = Some(from);
        Ok(())
    }

    /// Adds bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.file.write_all(bytes).map_err(|error| local(&self.path, error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// The error for a part file that cannot be written or read back.
pub fn local(path: &Path, error: io::Error) -> Stop {
    let path = path.display();
    let context = format!("cannot keep the download in {path}; LINNET_CACHE names another folder for it");
    Stop::Local(anyhow::Error::new(error).context(context))
}

fn note_path(path: &Path) -> PathBuf {
    path.with_extension("from")
}
