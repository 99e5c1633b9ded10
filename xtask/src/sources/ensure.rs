//! Makes sure that archives are in the cache: from the cache, else from the first origin that delivers.
//!
//! Order: what is in the cache; then each origin of the lock file with a hash, in its order; then,
//! without `--locked`, a newer patch level that the distribution has put in the pinned one's place.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Error, Result, anyhow};
use serde::Serialize;

use super::apt::{Apt, Record};
use super::cache::{Archive, Cache, Found, Held};
use super::hash::Hash;
use super::http::{Downloader, Tuning, Wanted};
use super::lock::{Debian, Lock, Name, Origin, Pin, Pinned, Upstream, Version};
use crate::context::Context;
use crate::report::{Task, is_interrupt, size};

/// An archive in the cache with the right hash: the input of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Which source.
    pub name: Name,
    /// The version that it is.
    pub version: Version,
    /// The version that the lock file pins; another one only if the distribution replaced it.
    pub pinned: Version,
    /// Where it lies: a `.tar.xz`, `.tar.gz` or `.tar.bz2`.
    pub archive: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256: what a stage names as its input.
    pub sha256: Hash,
    /// Where it came from: a URL, or package and version of the distribution.
    pub origin: String,
}

/// All sources of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockedSources {
    /// The kernel.
    pub linux: Source,
    /// The C library.
    pub musl: Source,
    /// The userland.
    pub busybox: Source,
}

/// Sees to it that every source is in the cache.
///
/// # Errors
/// As [`ensure_one`].
pub fn ensure_all(cx: &Context) -> Result<LockedSources> {
    let providers = Providers::new(cx)?;
    let get = |name| providers.ensure(cx, name);
    Ok(LockedSources { linux: get(Name::Linux)?, musl: get(Name::Musl)?, busybox: get(Name::Busybox)? })
}

/// Sees to it that the sources `names` are in the cache; they come back in that order.
///
/// # Errors
/// As [`ensure_one`].
pub fn ensure(cx: &Context, names: &[Name]) -> Result<Vec<Source>> {
    let providers = Providers::new(cx)?;
    names.iter().map(|&name| providers.ensure(cx, name)).collect()
}

/// Sees to it that one source is in the cache. Safe to call from several threads and builds at once.
///
/// # Errors
/// The lock file is not sound; no origin delivered the pinned bytes (the message has a paragraph for
/// each); the cache cannot be written; interrupted.
pub fn ensure_one(cx: &Context, name: Name) -> Result<Source> {
    Providers::new(cx)?.ensure(cx, name)
}

/// The lock file, the cache, and the ways to fetch, set up when first needed.
pub(super) struct Providers {
    pub(super) lock: Lock,
    pub(super) cache: Cache,
    pub(super) tuning: Tuning,
    web: OnceLock<Downloader>,
}

impl Providers {
    pub(super) fn new(cx: &Context) -> Result<Self> {
        let lock = Lock::read(&cx.paths.root)?;
        Ok(Self::with(lock, Cache::new(&cx.paths.cache), Tuning::default()))
    }

    pub(super) fn with(lock: Lock, cache: Cache, tuning: Tuning) -> Self {
        Self { lock, cache, tuning, web: OnceLock::new() }
    }

    pub(super) fn ensure(&self, cx: &Context, name: Name) -> Result<Source> {
        let pinned = self.lock.pinned(name);
        if let Some(source) = self.held(cx, name)? {
            return Ok(source);
        }
        let title = format!("{name}-{}", pinned.version);
        if let Some(explain) = &cx.explain {
            return Err(explain.would_fetch(&title).into());
        }
        if cx.options.offline {
            return Err(anyhow!(
                "{title} is not in the download cache, and --offline forbids to fetch it\n  \
                 with a network: cargo xtask sources fetch"
            ));
        }
        let task = cx.reporter.task(&format!("get {name}"));
        let _guard = self.cache.lock(&title, || task.note("waiting for another build that fetches it"))?;
        // It may be here now.
        let source = match self.held(cx, name)? {
            Some(source) => source,
            None => self.fetch(cx, &task, name)?,
        };
        task.done(&format!("{}, {}", size(source.size), source.origin));
        Ok(source)
    }

    /// What the cache has for `name`, without the network.
    pub(super) fn held(&self, cx: &Context, name: Name) -> Result<Option<Source>> {
        let pinned = self.lock.pinned(name);
        for (origin, pin) in usable(pinned) {
            let archive = Archive::new(name, &pinned.version, origin.file(), pin);
            match self.cache.find(&archive)? {
                Found::Right(held) => {
                    return Ok(Some(source(name, pinned, pinned.version.clone(), &archive, held)));
                }
                Found::Missing => {}
                Found::Wrong(hash, place) => {
                    cx.reporter.warn(&wrong(&archive, "the download cache", &hash, &place))
                }
            }
        }
        if cx.options.locked {
            return Ok(None);
        }
        let Some((version, archive, held)) = self.cache.replacement(&format!("{name}-{}", pinned.version))?
        else {
            return Ok(None);
        };
        Ok(Some(source(name, pinned, version, &archive, held)))
    }

    fn fetch(&self, cx: &Context, task: &Task, name: Name) -> Result<Source> {
        let pinned = self.lock.pinned(name);
        let mut failures = String::new();
        let mut note = |kind: &str, error: &Error| {
            let _ = write!(failures, "\n  {kind}: {}", format!("{error:#}").replace('\n', "\n  ")); // cannot fail
        };
        for (origin, pin) in usable(pinned) {
            let archive = Archive::new(name, &pinned.version, origin.file(), pin);
            let result = match origin {
                Origin::Upstream(upstream) => self.by_web(cx, task, upstream, &archive),
                Origin::Debian(debian) => self.by_apt(cx, task, debian, &archive),
            };
            match result {
                Ok(held) => return Ok(source(name, pinned, pinned.version.clone(), &archive, held)),
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => note(origin.kind(), &error),
            }
        }
        let distributions = pinned.origins.iter().filter_map(|origin| match origin {
            Origin::Debian(debian) if !cx.options.locked => Some(debian),
            _ => None,
        });
        for debian in distributions {
            match self.replacement(cx, task, name, debian) {
                Ok(source) => return Ok(source),
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => note("a newer patch level", &error),
            }
        }
        Err(anyhow!("{name} {} could not be had from any origin:{failures}", pinned.version))
    }

    fn by_web(&self, cx: &Context, task: &Task, upstream: &Upstream, archive: &Archive) -> Result<Held> {
        let part = self.cache.part(&format!("{}.part", archive.sha256))?;
        let wanted = Wanted {
            title: archive.title(),
            urls: &upstream.urls,
            content: Some((archive.size, &archive.sha256)),
        };
        let on_wrong =
            |url: &reqwest::Url, hash: Hash| match self.cache.admit(&part, archive, url.as_str())? {
                Found::Wrong(_, place) => {
                    let message = wrong(archive, url.as_str(), &hash, &place);
                    cx.reporter.warn(&message);
                    Ok(message)
                }
                _ => Err(anyhow!("{} changed while it was read", part.display())),
            };
        let url = self.web()?.fetch(cx, task, wanted, &part, on_wrong)?;
        self.admit(&part, archive, url.as_str())
    }

    fn by_apt(&self, cx: &Context, task: &Task, debian: &Debian, archive: &Archive) -> Result<Held> {
        // Lists that are not quite fresh may lack it, or name files that are gone.
        let mut force = false;
        loop {
            let apt = Apt::open(cx, task, &self.cache, &debian.suites, force)?;
            let result = apt.records(cx, task, &debian.package).and_then(|records| {
                let known = records.iter().find(|record| record.sha256 == archive.sha256);
                let record = known.ok_or_else(|| gone(debian, archive, &records))?;
                self.download(cx, task, &apt, &debian.package, record, archive)
            });
            match result {
                Err(error) if !is_fatal(&error) && !apt.just_updated() => force = true,
                result => return result,
            }
        }
    }

    /// A newer patch level of the same series, which the distribution has instead of the pinned one.
    fn replacement(&self, cx: &Context, task: &Task, name: Name, debian: &Debian) -> Result<Source> {
        let pinned = self.lock.pinned(name);
        let apt = Apt::open(cx, task, &self.cache, &debian.suites, false)?;
        let records = apt.records(cx, task, &debian.package)?;
        let newer = newest(&records, &pinned.version)
            .ok_or_else(|| anyhow!("the distribution has none that is newer than {}", pinned.version))?;
        let pin = Pin { size: newer.size, sha256: newer.sha256.clone() };
        let archive = Archive::new(name, &newer.upstream, &newer.file, &pin);
        let held = self.download(cx, task, &apt, &debian.package, newer, &archive)?;
        self.cache.note_replacement(&format!("{name}-{}", pinned.version), &newer.upstream, &archive)?;
        cx.reporter.warn(&format!(
            "{name} {} is pinned, but the distribution has replaced it by {}: using that, which apt's\n  \
             signatures vouch for. `cargo xtask sources update` pins it; --locked refuses it.",
            pinned.version, newer.upstream
        ));
        Ok(source(name, pinned, newer.upstream.clone(), &archive, held))
    }

    pub(super) fn download(
        &self,
        cx: &Context,
        task: &Task,
        apt: &Apt,
        package: &str,
        record: &Record,
        archive: &Archive,
    ) -> Result<Held> {
        let part = self.cache.part(&format!("{}.apt", archive.sha256))?;
        task.note(&format!("fetching source package {package} {} with apt", record.version));
        apt.download(cx, task, record, &part)?;
        self.admit(&part, archive, &format!("source package {package} {}", record.version))
    }

    fn admit(&self, part: &Path, archive: &Archive, origin: &str) -> Result<Held> {
        match self.cache.admit(part, archive, origin)? {
            Found::Right(held) => Ok(held),
            Found::Wrong(hash, place) => Err(anyhow!(wrong(archive, origin, &hash, &place))),
            Found::Missing => Err(anyhow!("{} is gone", part.display())),
        }
    }

    pub(super) fn web(&self) -> Result<&Downloader> {
        if let Some(web) = self.web.get() {
            return Ok(web);
        }
        let web = Downloader::new(self.tuning)?;
        Ok(self.web.get_or_init(|| web))
    }
}

/// The newest of `records` that is a later patch level of `version`'s series.
pub(super) fn newest<'a>(records: &'a [Record], version: &Version) -> Option<&'a Record> {
    let later = records.iter().filter(|r| r.upstream.same_series(version) && r.upstream > *version);
    later.max_by(|a, b| a.upstream.cmp(&b.upstream))
}

/// What the user must see when a file is not what the lock file says.
pub(super) fn wrong(archive: &Archive, origin: &str, got: &Hash, place: &Path) -> String {
    format!(
        "wrong hash: {}\n  from     {origin}\n  expected {}\n  got      {got}\n  \
         None of it was used; it lies in {} for a look. Either the file was changed on its way or\n  \
         at its origin. If that is known and right: cargo xtask sources update",
        archive.title(),
        archive.sha256,
        place.display()
    )
}

fn gone(debian: &Debian, archive: &Archive, records: &[Record]) -> Error {
    let mut versions: Vec<&Version> = records.iter().map(|record| &record.upstream).collect();
    versions.sort();
    let has = versions.last().map_or("nothing".to_owned(), |version| version.to_string());
    anyhow!(
        "{} ({}) is not among the source packages of {}; the newest {} there is {has}",
        debian.file,
        &archive.sha256.as_str()[..16],
        debian.suites.join(", "),
        debian.package
    )
}

/// The origins that may be used: those with a hash.
fn usable(pinned: &Pinned) -> impl Iterator<Item = (&Origin, &Pin)> {
    pinned.origins.iter().filter_map(|origin| Some((origin, origin.pin()?)))
}

/// A failure that another origin does not cure.
fn is_fatal(error: &Error) -> bool {
    let local = |cause: &io::Error| cause.kind() != io::ErrorKind::NotFound; // a program that is not installed
    is_interrupt(error) || error.chain().any(|cause| cause.downcast_ref().is_some_and(local))
}

fn source(name: Name, pinned: &Pinned, version: Version, archive: &Archive, held: Held) -> Source {
    Source {
        name,
        version,
        pinned: pinned.version.clone(),
        archive: held.path,
        size: archive.size,
        sha256: archive.sha256.clone(),
        origin: held.origin,
    }
}

#[cfg(test)]
mod tests;
