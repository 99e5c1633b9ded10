//! Moves the lock file to the newest patch level of each series that can be had.
//!
//! What is newest, and its hash, is the word of apt's signed indices. An upstream archive of
//! that version is downloaded and hashed; it has been vouched for if it is the same as Debian's,
//! and otherwise only by HTTPS, which the result says. Every new archive is in the cache afterwards.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::apt::{Apt, Record};
use super::cache::{Archive, Found};
use super::edit;
use super::ensure::Providers;
use super::hash::Hash;
use super::http::Wanted;
use super::lock::{Debian, Name, Origin, Pin, Pinned, Upstream, Version};
use crate::context::Context;
use crate::report::{Task, is_disk_full, is_interrupt};

/// What became of one source's entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which source.
    pub name: Name,
    /// The version that was pinned.
    pub from: Version,
    /// The version that is pinned now.
    pub to: Version,
    /// Whether anything in the entry changed.
    pub changed: bool,
    /// What a person should know: hashes that are new or gone, what could not be had.
    pub notes: Vec<String>,
}

/// Updates the entries of all sources and writes the lock file if anything changed.
///
/// # Errors
/// `--locked` or `--offline`; the lock file cannot be changed; the cache cannot be written; interrupted.
pub fn update(cx: &Context) -> Result<Vec<Change>> {
    if cx.options.locked || cx.options.offline {
        bail!("an update needs the network and changes the lock file: not with --offline or --locked");
    }
    let mut providers = Providers::new(cx)?;
    let before = providers.lock.text.clone();
    let mut changes = Vec::new();
    for name in Name::ALL {
        let task = cx.reporter.task(&format!("update {name}"));
        let (wanted, mut notes) = (Update { cx, task: &task, providers: &providers, name }).entry()?;
        let pinned = providers.lock.pinned(name);
        let changed = *pinned != wanted;
        let (from, to) = (pinned.version.clone(), wanted.version.clone());
        if changed {
            providers.lock = edit::rewrite(&providers.lock, name, &wanted)?;
        }
        notes.dedup();
        changes.push(Change { name, from, to, changed, notes });
        task.nothing_to_do();
    }
    let (path, text) = (&providers.lock.path, &providers.lock.text);
    if *text != before {
        let new = path.with_extension("yaml.new");
        let write = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
        write.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(changes)
}

/// The update of one entry.
struct Update<'a> {
    cx: &'a Context,
    task: &'a Task,
    providers: &'a Providers,
    name: Name,
}

impl Update<'_> {
    /// The entry as it should be, and what to tell.
    fn entry(&self) -> Result<(Pinned, Vec<String>)> {
        let mut wanted = self.providers.lock.pinned(self.name).clone();
        let mut notes = Vec::new();
        let mut record = None;
        for origin in &wanted.origins {
            let Origin::Debian(debian) = origin else { continue };
            record = self.newest(debian, &wanted.version, &mut notes)?;
            if record.is_some() {
                break;
            }
        }
        let old = wanted.version.clone();
        if let Some(record) = &record {
            wanted.version = record.upstream.clone();
        }
        for origin in &mut wanted.origins {
            match origin {
                Origin::Debian(debian) => {
                    if let Some(record) = &record {
                        debian.file.clone_from(&record.file);
                        debian.pin = Some(Pin { size: record.size, sha256: record.sha256.clone() });
                    }
                }
                Origin::Upstream(upstream) => {
                    self.upstream(upstream, &old, &wanted.version, record.as_ref(), &mut notes)?;
                }
            }
        }
        Ok((wanted, notes))
    }

    /// The newest patch level that apt lists and delivers, brought into the cache; None if it is the
    /// pinned one, or nothing can be had.
    fn newest(&self, debian: &Debian, pinned: &Version, notes: &mut Vec<String>) -> Result<Option<Record>> {
        let Self { cx, task, providers, name } = self;
        let listed = Apt::open(cx, task, &providers.cache, &debian.suites, false)
            .and_then(|apt| Ok((apt.records(cx, task, &debian.package)?, apt)));
        let (mut records, apt) = match listed {
            Ok(listed) => listed,
            Err(error) if is_interrupt(&error) || is_disk_full(&error) => return Err(error),
            Err(error) => {
                notes.push(format!("whether there is a newer one is not known: {error:#}"));
                return Ok(None);
            }
        };
        records.retain(|record| record.upstream.same_series(pinned) && record.upstream > *pinned);
        records.sort_by(|a, b| b.upstream.cmp(&a.upstream));
        records.dedup_by(|a, b| a.sha256 == b.sha256);
        let mut undelivered = Vec::new();
        let mut found = None;
        for record in records {
            let pin = Pin { size: record.size, sha256: record.sha256.clone() };
            let archive = Archive::new(*name, &record.upstream, &record.file, &pin);
            let held = matches!(providers.cache.find(&archive)?, Found::Right(_));
            let result = match held {
                true => Ok(()),
                false => providers.download(cx, task, &apt, &debian.package, &record, &archive).map(drop),
            };
            match result {
                Ok(()) => {
                    found = Some(record);
                    break;
                }
                Err(error) if is_interrupt(&error) || is_disk_full(&error) => return Err(error),
                Err(_) => undelivered.push(record.upstream.to_string()),
            }
        }
        if !undelivered.is_empty() {
            notes.push(format!(
                "listed, but not delivered by any mirror of this host: {}",
                undelivered.join(", ")
            ));
        }
        Ok(found)
    }

    /// Moves an upstream origin from version `old` to `new` and finds out its hash, if that can be done.
    fn upstream(
        &self,
        upstream: &mut Upstream,
        old: &Version,
        new: &Version,
        record: Option<&Record>,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        if old == new && upstream.pin.is_some() {
            return Ok(());
        }
        let Self { cx, task, providers, name } = self;
        let renamed = |text: &str| text.replace(old.as_str(), new.as_str());
        upstream.file = renamed(&upstream.file);
        for url in &mut upstream.urls {
            *url = renamed(url.as_str()).parse()?;
        }
        upstream.pin = None;
        let part = providers.cache.part(&format!("update-{}.part", upstream.file))?;
        let wanted = Wanted { title: &upstream.file, urls: &upstream.urls, content: None };
        let unjudged = |_: &_, _| bail!("judged without a hash"); // there is none to be wrong
        let url = match providers.web()?.fetch(cx, task, wanted, &part, unjudged) {
            Ok(url) => url,
            Err(error) if is_interrupt(&error) || is_disk_full(&error) => return Err(error),
            Err(error) => {
                notes.push(format!("upstream stays without a hash, and unused: {error:#}"));
                return Ok(());
            }
        };
        let read = || -> std::io::Result<Pin> {
            Ok(Pin { size: std::fs::metadata(&part)?.len(), sha256: Hash::of_file(&part)? })
        };
        let pin = read().with_context(|| format!("cannot read {}", part.display()))?;
        let vouched = record.is_some_and(|record| record.sha256 == pin.sha256);
        let by = if vouched {
            "the same as Debian's"
        } else {
            "vouched for by HTTPS alone: compare it with what upstream signs"
        };
        notes.push(format!("{}: sha256 {}, {by}", upstream.file, pin.sha256));
        providers.cache.admit(&part, &Archive::new(*name, new, &upstream.file, &pin), url.as_str())?;
        upstream.pin = Some(pin);
        Ok(())
    }
}
