//! The finished folders of one stage on disk: find, lock, publish by rename, prune.
//!
//! `stages/<name>-<16 hex>/` is finished and has `inputs.txt`; `stages/<name>-<16 hex>.tmp-<pid>/` is
//! being built; `stages/<name>.lock` is held by whoever builds.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::fingerprint::{Fingerprint, INPUTS};
use crate::report::Task;

/// How many finished folders of a stage stay: boards, profiles and providers share this number.
const KEEP: usize = 8;

/// What was used within this time stays in any case: another run may be reading it.
const IN_USE: Duration = Duration::from_secs(15 * 60);

/// Where the outputs of one stage lie.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
    name: &'static str,
    log: PathBuf,
}

/// A finished output.
#[derive(Clone, Debug)]
pub struct Finished(PathBuf);

impl Store {
    /// The outputs of the stage called `name`.
    #[must_use]
    pub fn new(cx: &Context, name: &'static str) -> Self {
        Self { dir: cx.paths.out.join("stages"), name, log: cx.paths.log(name) }
    }

    /// The finished output for exactly these inputs.
    #[must_use]
    pub fn find(&self, inputs: &Fingerprint) -> Option<Finished> {
        let dir = self.dir.join(self.folder(inputs));
        dir.join(INPUTS).is_file().then_some(Finished(dir))
    }

    /// All finished outputs, the one used last first.
    #[must_use]
    pub fn all(&self) -> Vec<Finished> {
        let mut found: Vec<(SystemTime, Finished)> = self
            .entries()
            .filter(|(rest, path)| rest.len() == 16 && path.join(INPUTS).is_file())
            .map(|(_, path)| (used(&path), Finished(path)))
            .collect();
        found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        found.into_iter().map(|(_, finished)| finished).collect()
    }

    /// The lock file; see [`crate::process::OWNER`].
    #[must_use]
    pub fn lock_path(&self) -> PathBuf {
        self.dir.join(format!("{}.lock", self.name))
    }

    /// Waits until nobody else builds this stage. The lock ends with the returned file, or with
    /// the process, however it ends.
    ///
    /// # Errors
    /// The lock file cannot be made; the user interrupted the wait.
    pub fn lock(&self, cx: &Context, task: &Task) -> Result<File> {
        let path = self.lock_path();
        let context = || format!("cannot lock {}", path.display());
        fs::create_dir_all(&self.dir).with_context(context)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).with_context(context)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => task.note("waiting for another build to finish it"),
                Err(TryLockError::Error(e)) => return Err(e).with_context(context),
            }
            cx.interrupt.check()?;
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes the empty folder that a build fills.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn temporary(&self, inputs: &Fingerprint) -> Result<PathBuf> {
        let dir = self.dir.join(format!("{}.tmp-{}", self.folder(inputs), std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }

    /// Removes everything half-made. Only for the holder of the lock.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub fn remove_temporary(&self) -> Result<()> {
        for (rest, path) in self.entries().filter(|(rest, _)| rest.contains(".tmp-")) {
            remove_tree(&path)
                .with_context(|| format!("cannot remove the half-made {}-{rest}", self.name))?;
        }
        Ok(())
    }

    /// Starts the stage's log anew.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn begin_log(&self) -> Result<()> {
        let dir = self.log.parent().unwrap_or(&self.dir);
        let made = fs::create_dir_all(dir).and_then(|()| File::create(&self.log));
        made.with_context(|| format!("cannot write the log {}", self.log.display()))?;
        Ok(())
    }

    /// Gives `work` its final name, with its inputs in it.
    ///
    /// # Errors
    /// The disk is full or the rename is refused; `work` is still half-made then.
    pub fn publish(&self, work: &Path, inputs: &Fingerprint) -> Result<Finished> {
        let dir = self.dir.join(self.folder(inputs));
        let write = || {
            if dir.exists() {
                remove_tree(&dir)?; // without inputs.txt, or `find` had found it: somebody's hand was here
            }
            fs::write(work.join(INPUTS), inputs.to_text())?;
            fs::rename(work, &dir)
        };
        write().with_context(|| format!("cannot finish {}", dir.display()))?;
        Ok(Finished(dir))
    }

    /// Removes old outputs beyond the newest few. Failing to is harmless.
    pub fn prune(&self, keep: &Finished) {
        for old in self.all().into_iter().skip(KEEP) {
            let recent = used(&old.0).elapsed().map_or(true, |age| age < IN_USE);
            if !recent && old.0 != keep.0 {
                let _ = old.remove();
            }
        }
    }

    fn folder(&self, inputs: &Fingerprint) -> String {
        format!("{}-{}", self.name, &inputs.digest()[..16])
    }

    /// The entries that belong to this stage, as (what follows `name-`, path). The 16 hex digits
    /// tell `stack-…` from `stack-native-…`.
    fn entries(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let prefix = format!("{}-", self.name);
        fs::read_dir(&self.dir).into_iter().flatten().flatten().filter_map(move |entry| {
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix(&prefix)?;
            let hex = rest.get(..16)?.bytes().all(|b| b.is_ascii_hexdigit());
            (hex && (rest.len() == 16 || rest[16..].starts_with(".tmp-")))
                .then(|| (rest.to_owned(), entry.path()))
        })
    }
}

impl Finished {
    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// The text of `inputs.txt`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn inputs(&self) -> Result<String> {
        let path = self.0.join(INPUTS);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Notes that it is in use now. Failing to only makes it look older.
    pub fn touch(&self) {
        let open = File::options().append(true).open(self.0.join(INPUTS));
        let _ = open.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Removes it, its claim to be whole first.
    fn remove(&self) -> std::io::Result<()> {
        fs::remove_file(self.0.join(INPUTS))?;
        remove_tree(&self.0)
    }
}

fn used(dir: &Path) -> SystemTime {
    fs::metadata(dir.join(INPUTS)).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Removes a folder with all that is in it; one that is gone already is fine.
fn remove_tree(dir: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
