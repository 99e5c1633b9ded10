//! Hashes the archives in the download cache again.

use anyhow::Result;
use serde::Serialize;

use super::cache::{Archive, Cache, Found};
use super::ensure::wrong;
use super::lock::{Lock, Name};
use crate::context::Context;

/// What became of one archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The archive's name: `musl-1.2.5.tar.gz`.
    pub title: String,
    /// Which of the lock file's origins pins it.
    pub origin: String,
    /// How it is.
    pub state: State,
}

/// How an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has the pinned hash.
    Right,
    /// It has not been fetched.
    Missing,
    /// It had another hash and was set aside.
    Wrong,
    /// The lock file has no hash for it, so it is never fetched.
    Unpinned,
}

/// Checks what every origin of the lock file pins. A source is complete if one of its origins is [`State::Right`].
///
/// # Errors
/// The lock file is not sound, or an archive cannot be read.
pub fn verify(cx: &Context) -> Result<Vec<(Name, Vec<Check>)>> {
    let (lock, cache) = (Lock::read(&cx.paths.root)?, Cache::new(&cx.paths.cache));
    let mut all = Vec::new();
    for name in Name::ALL {
        let pinned = lock.pinned(name);
        let task = cx.reporter.task(&format!("verify {name}"));
        let mut checks: Vec<Check> = Vec::new();
        for origin in &pinned.origins {
            cx.interrupt.check()?;
            let mut check = Check {
                title: origin.file().to_owned(),
                origin: origin.kind().to_owned(),
                state: State::Unpinned,
            };
            if let Some(pin) = origin.pin() {
                let archive = Archive::new(name, &pinned.version, origin.file(), pin);
                check.state = match cache.check(&archive)? {
                    Found::Right(_) => State::Right,
                    Found::Missing => State::Missing,
                    Found::Wrong(hash, place) => {
                        cx.reporter.warn(&wrong(&archive, "the download cache", &hash, &place));
                        State::Wrong
                    }
                };
            }
            checks.push(check);
        }
        task.nothing_to_do();
        all.push((name, checks));
    }
    Ok(all)
}
