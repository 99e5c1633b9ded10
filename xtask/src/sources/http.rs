//! Downloads one file from a list of mirrors: resumed after a break, retried with back-off, bounded in every way.
//!
//! What is collected so far stays in a part file, also when this process is killed; the next try,
//! in this run or another, asks for the rest (RFC 9110 §14.2, §13.1.5). A mirror that cannot be
//! reached at all, or says that it does not have the file, is left at once; one that breaks off or
//! is overloaded is tried again. Proxies are taken from the environment.

mod part;
mod transfer;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use reqwest::Url;
use reqwest::blocking::Client;

use self::part::Part;
use self::transfer::Stop;
use super::hash::Hash;
use crate::context::Context;
use crate::report::Task;

/// Time limits and patience.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// How long name look-up, connection and TLS may take together.
    pub connect: Duration,
    /// How long an answer, or the next piece of it, may take; also the time over which speed is measured.
    pub stall: Duration,
    /// Bytes a second below which a transfer counts as stalled.
    pub slowest: u64,
    /// How often a mirror may fail in a row, without at least [`PROGRESS`] bytes in between.
    pub tries: u32,
    /// The pause after the first failure; doubled after each further one.
    pub backoff: Duration,
    /// The longest pause.
    pub longest: Duration,
}

/// So many new bytes make a broken transfer a success of its own: the count of failures starts anew.
const PROGRESS: u64 = 64 << 10;

/// A download whose length is not known ends here.
const LARGEST: u64 = 2 << 30;

/// The file to get.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What it is called in messages.
    pub title: &'a str,
    /// Mirrors, tried in this order.
    pub urls: &'a [Url],
    /// Its length and SHA-256; None takes whatever comes.
    pub content: Option<(u64, &'a Hash)>,
}

/// Knows which hosts cannot be reached, and keeps connections.
#[derive(Debug)]
pub struct Downloader {
    client: Client,
    tuning: Tuning,
    unreachable: Mutex<BTreeSet<String>>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            slowest: 1000,
            tries: 5,
            backoff: Duration::from_millis(500),
            longest: Duration::from_secs(15),
        }
    }
}

impl Downloader {
    /// A downloader with these limits.
    ///
    /// # Errors
    /// The TLS library or a proxy setting of the environment does not work.
    pub fn new(tuning: Tuning) -> Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("linnet-xtask/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(tuning.connect)
            .timeout(tuning.stall) // of the blocking client: for the answer, then for each read
            .build()
            .context("cannot set up HTTP; is a proxy variable of the environment malformed?")?;
        Ok(Self { client, tuning, unreachable: Mutex::default() })
    }

    /// Brings `wanted` into `part` and returns the URL that had it.
    ///
    /// A file with the wrong hash is left to `on_wrong`, which must move it away, and the next mirror is tried.
    ///
    /// # Errors
    /// No mirror had it (one line each), a local file could not be written, or the user interrupted.
    pub fn fetch(
        &self,
        cx: &Context,
        task: &Task,
        wanted: Wanted<'_>,
        part: &Path,
        mut on_wrong: impl FnMut(&Url, Hash) -> Result<String>,
    ) -> Result<Url> {
        let mut failures = String::new();
        for url in wanted.urls {
            let mut failed = |why: &str| {
                task.note(&format!("{}: {why}", url.host_str().unwrap_or_default()));
                let _ = write!(failures, "\n  {url}: {why}"); // writing to a String cannot fail
            };
            match self.try_mirror(cx, task, &wanted, url, part, &mut on_wrong) {
                Ok(()) => return Ok(url.clone()),
                Err(Stop::Local(error)) => return Err(error),
                Err(Stop::Unreachable(why) | Stop::Refused(why) | Stop::Broken(why, _)) => failed(&why),
            }
        }
        Err(anyhow!("{} could not be downloaded:{failures}", wanted.title))
    }

    /// One mirror, with its retries.
    fn try_mirror(
        &self,
        cx: &Context,
        task: &Task,
        wanted: &Wanted<'_>,
        url: &Url,
        path: &Path,
        on_wrong: &mut impl FnMut(&Url, Hash) -> Result<String>,
    ) -> Result<(), Stop> {
        let host = url.host_str().unwrap_or_default();
        if self.unreachable().contains(host) {
            return Err(Stop::Unreachable("cannot be reached (tried before)".to_owned()));
        }
        let (mut failures, mut reached, mut restarted) = (0, false, false);
        loop {
            let mut part = Part::open(path)?;
            let before = part.length();
            let result = self.attempt(cx, task, wanted, url, &mut part);
            let gained = part.length().saturating_sub(before);
            drop(part);
            reached |= !matches!(result, Err(Stop::Unreachable(_)));
            let (why, wait) = match result {
                Ok(()) => match self.check(wanted, path)? {
                    None => return Ok(()),
                    // What an earlier try left may have been from another file: once more, from the start.
                    Some(_) if before > 0 && !restarted => {
                        restarted = true;
                        Part::remove(path)?;
                        continue;
                    }
                    Some(hash) => return Err(Stop::Refused(on_wrong(url, hash).map_err(Stop::Local)?)),
                },
                Err(Stop::Broken(why, wait)) => (why, wait),
                Err(Stop::Unreachable(why)) if reached => (why, None),
                Err(Stop::Unreachable(why)) => {
                    self.unreachable().insert(host.to_owned());
                    return Err(Stop::Unreachable(why));
                }
                Err(stop) => return Err(stop),
            };
            failures = if gained >= PROGRESS { 1 } else { failures + 1 };
            if failures >= self.tuning.tries {
                return Err(Stop::Refused(format!("given up after {failures} tries: {why}")));
            }
            let pause = wait.unwrap_or_else(|| self.pause(failures)).min(self.tuning.longest);
            task.note(&format!("{url}: {why}; again in {:.1} s", pause.as_secs_f64()));
            sleep(cx, pause)?;
        }
    }

    /// The hash of the whole file if it is not the wanted one.
    fn check(&self, wanted: &Wanted<'_>, path: &Path) -> Result<Option<Hash>, Stop> {
        let Some((_, expected)) = wanted.content else { return Ok(None) };
        let hash = Hash::of_file(path).map_err(|error| part::local(path, error))?;
        Ok((hash != *expected).then_some(hash))
    }

    fn unreachable(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 1, 2, 4 … times the first pause, less up to half of it, so that many builds do not come back at once.
    fn pause(&self, failures: u32) -> Duration {
        let doubled =
            self.tuning.backoff.saturating_mul(1 << (failures - 1).min(10)).min(self.tuning.longest);
        let random = RandomState::new().hash_one(failures) as u32;
        doubled - doubled.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

/// Sleeps, but not through an interrupt.
fn sleep(cx: &Context, pause: Duration) -> Result<(), Stop> {
    let end = Instant::now() + pause;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        cx.interrupt.check().map_err(|error| Stop::Local(error.into()))?;
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
