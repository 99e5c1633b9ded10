//! Source packages through the host's apt, with a configuration of our own: no root, no change to the system.
//!
//! The mirrors, keys and proxy settings are the host's; the suites are ours, so that Debian 12 and
//! 13 give the same archives. Lists and caches of apt lie in the download cache. What is right is
//! decided by apt's signed indices and then once more by the lock file. [`open`](Apt::open) holds
//! no lock afterwards: an index that another build renews meanwhile is replaced by rename.

mod host;
mod index;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};

pub use index::Record;

use super::cache::Cache;
use crate::context::Context;
use crate::process::{self, command};
use crate::report::{Task, is_interrupt};

/// apt's program for single downloads; it is not in PATH.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// Package lists of this age are not asked for again, unless something is missing from them.
const FRESH: Duration = Duration::from_secs(600);

/// A private apt with package lists of certain suites.
#[derive(Debug)]
pub struct Apt {
    config: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    just_updated: bool,
    /// Part of the lists could not be had; matters only if what is looked for is not in the rest.
    incomplete: Option<Error>,
}

impl Apt {
    /// Sets it up below `cache` for `suites` and fetches the package lists, unless they are fresh.
    ///
    /// # Errors
    /// This host has no apt, or no source list of Debian's; the cache cannot be written; interrupted.
    pub fn open(cx: &Context, task: &Task, cache: &Cache, suites: &[String], force: bool) -> Result<Self> {
        let dir = cache.folder(&format!("apt/{}", suites.join("+")))?;
        let _guard = cache.lock("apt", || task.note("waiting for another build's apt"))?;
        let sources = derive(cx, task, suites)?;
        let config = configuration(&dir);
        let stamp = dir.join("updated");
        let told = format!("{config}\n{sources}");
        let mut apt = Self {
            config: dir.join("apt.conf"),
            log: cx.paths.out.join("logs/sources-apt.log"),
            just_updated: false,
            incomplete: None,
            dir,
        };
        if !force && is_fresh(&stamp, &told) {
            return Ok(apt);
        }
        apt.write(&config, &sources)?;
        task.note("fetching the package lists with apt");
        let mut update = command("apt-get");
        update.arg("-c").arg(&apt.config).args(["-q", "update"]);
        match process::fetch(cx, task, &mut update, &apt.log) {
            Ok(()) => fs::write(&stamp, told).with_context(|| format!("cannot write {}", stamp.display()))?,
            Err(error) if is_interrupt(&error) => return Err(error),
            Err(error) => apt.incomplete = Some(error),
        }
        apt.just_updated = true;
        Ok(apt)
    }

    /// The versions of the source package `package` that the suites have.
    ///
    /// # Errors
    /// There is none, or apt fails.
    pub fn records(&self, cx: &Context, task: &Task, package: &str) -> Result<Vec<Record>> {
        let mut show = command("apt-cache");
        show.arg("-c").arg(&self.config).args(["showsrc", "--only-source", package]);
        let text = match process::capture(cx, task, &mut show) {
            Ok(text) => text,
            Err(error) if is_interrupt(&error) => return Err(error),
            // It fails when there is no such package; why there is none is known better here.
            Err(error) => return Err(self.reason().unwrap_or(error).context(lacks(package))),
        };
        let records = index::parse(&text, package);
        if records.is_empty() {
            let reason = self.reason().unwrap_or_else(|| anyhow!("no release of it is listed there"));
            return Err(reason.context(lacks(package)));
        }
        Ok(records)
    }

    /// Brings the archive of `record` into the file `to`; apt checks it against its signed index.
    ///
    /// # Errors
    /// No mirror has it, it is not what the index says, or interrupted.
    pub fn download(&self, cx: &Context, task: &Task, record: &Record, to: &Path) -> Result<()> {
        let mut targets = command("apt-get");
        targets.arg("-c").arg(&self.config).args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Sources",
        ]);
        let archives = process::capture(cx, task, &mut targets)?;
        // The index does not say which of the archives it is of: the file is in one of them.
        let mut failure = anyhow!("apt knows no archive of source packages");
        for archive in archives.lines().filter(|line| !line.is_empty()) {
            let uri = format!("{}/{}/{}", archive.trim_end_matches('/'), record.directory, record.file);
            let mut get = command(HELPER);
            get.arg("-c").arg(&self.config).args(["-q", "download-file", &uri]);
            get.arg(to).arg(format!("SHA256:{}", record.sha256));
            match watch(task, to, record.size, || process::fetch(cx, task, &mut get, &self.log)) {
                Ok(()) => return Ok(()),
                Err(error) if is_interrupt(&error) => return Err(error),
                Err(error) => failure = error,
            }
            let mut refused = to.as_os_str().to_owned();
            refused.push(".FAILED");
            let _ = fs::remove_file(refused); // apt leaves what had the wrong hash; it may have had nothing
        }
        Err(failure.context(format!("no mirror of this host's apt delivers {}", record.file)))
    }

    /// Whether the lists were fetched by [`open`](Self::open) just now.
    #[must_use]
    pub fn just_updated(&self) -> bool {
        self.just_updated
    }

    /// Why the lists are not whole, if they are not.
    fn reason(&self) -> Option<Error> {
        self.incomplete.as_ref().map(|error| anyhow!("{error:#}"))
    }

    fn write(&self, config: &str, sources: &str) -> Result<()> {
        let write = || -> std::io::Result<()> {
            for name in ["state/lists/partial", "cache/archives/partial", "parts"] {
                fs::create_dir_all(self.dir.join(name))?;
            }
            fs::write(self.dir.join("parts/linnet.sources"), sources)?;
            fs::write(&self.config, config)
        };
        write().with_context(|| format!("cannot write apt's configuration in {}", self.dir.display()))
    }
}

fn lacks(package: &str) -> String {
    format!("this host's apt has no source package `{package}`")
}

/// Reads the host's source lists, wherever apt says they are, and derives ours.
fn derive(cx: &Context, task: &Task, suites: &[String]) -> Result<String> {
    let mut ask = command("apt-config");
    ask.args(["shell", "list", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d"]);
    let answer =
        process::capture(cx, task, &mut ask).context("this host has no apt to ask for source packages")?;
    let place = |name: &str| {
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| PathBuf::from(value.trim_matches('\'')))
    };
    let mut files: Vec<PathBuf> = place("list").into_iter().collect();
    let parts = place("parts").and_then(|dir| fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    files.extend(parts.map(|entry| entry.path()));
    files.sort();
    let mut entries = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap_or_default(); // not there, or not for us to read
        match file.extension().and_then(|end| end.to_str()) {
            Some("sources") => entries.extend(host::parse_sources(&text)),
            Some("list") => entries.extend(host::parse_list(&text)),
            _ => {}
        }
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let own = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
    let derived = host::rewrite(&entries, own.trim_matches('"'), suites);
    if derived.is_empty() {
        bail!("this host's apt knows no Debian archive (apt's source lists have {} entries)", entries.len());
    }
    Ok(derived)
}

/// apt.conf(5), read after the host's own files: places of our own, none of the host's hooks.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"Dir::State "{dir}/state";
Dir::State::status "/dev/null";
Dir::Cache "{dir}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{dir}/parts";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
"#
    )
}

fn is_fresh(stamp: &Path, told: &str) -> bool {
    let age = fs::metadata(stamp)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age < FRESH) && fs::read_to_string(stamp).is_ok_and(|text| text == told)
}

/// Shows the growing `file` while `work` runs.
fn watch<T>(task: &Task, file: &Path, size: u64, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                task.bytes(fs::metadata(file).map_or(0, |metadata| metadata.len()), size);
                std::thread::park_timeout(Duration::from_millis(200));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

#[cfg(test)]
mod tests;
