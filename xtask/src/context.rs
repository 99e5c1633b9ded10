//! What every verb and stage is handed: paths, options, reporter, job limit, interrupt.
//!
//! Built once in `main`, passed down by reference, never changed. A [`Context`] holds no
//! choice of board or profile: that is a [`crate::target::Target`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Error, Result, bail};

use crate::explain::Explain;
use crate::fingerprint::FileHashes;
use crate::jobs::Jobs;
use crate::process::Interrupt;
use crate::report::{Reporter, name_full_disk};

/// Everything that a verb or a stage may ask of its surroundings.
pub struct Context {
    /// Where things lie.
    pub paths: Paths,
    /// What the user asked for, as far as it does not name a board.
    pub options: Options,
    /// Where progress goes (standard error).
    pub reporter: Reporter,
    /// The job limit that all processes of this run share.
    pub jobs: Jobs,
    /// Set by Ctrl-C; knows the running children.
    pub interrupt: Interrupt,
    /// Content hashes of files already seen, kept between runs.
    pub hashes: Arc<FileHashes>,
    /// Set for `why`: stages then say what they would do and build nothing.
    pub explain: Option<Explain>,
}

/// The directories of a run, all absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The checkout: the directory of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Everything that is built: `target/linnet`.
    pub out: PathBuf,
    /// The download cache, shared between checkouts.
    pub cache: PathBuf,
    /// A product's own repository (`--external DIR`) with the same data folders as the root.
    pub external: Option<PathBuf>,
}

/// The shared options of the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many processes may work at once, at least 1.
    pub jobs: usize,
    /// Use only what is in the download cache.
    pub offline: bool,
    /// Refuse everything that is not exactly what the lock file names.
    pub locked: bool,
    /// Answer yes to every question (set by `CI=true` too).
    pub yes: bool,
    /// Print the result as one JSON document on standard output.
    pub json: bool,
}

impl Context {
    /// Opens a context on `paths`. The output folder appears when something is first written.
    ///
    /// # Errors
    /// The job limit's pipe cannot be made.
    pub fn new(paths: Paths, options: Options, reporter: Reporter, interrupt: Interrupt) -> Result<Self> {
        let jobs = Jobs::new(options.jobs)?;
        let hashes = Arc::new(FileHashes::load(&paths.out.join("hashes.txt")));
        Ok(Self { paths, options, reporter, jobs, interrupt, hashes, explain: None })
    }

    /// `error`, with the disk named that has no room left, if that is why. For the moment of the failure:
    /// what is removed after it makes room.
    #[must_use]
    pub fn name_full_disk(&self, error: Error) -> Error {
        name_full_disk(error, &[&self.paths.out, &self.paths.cache, &std::env::temp_dir()])
    }
}

impl Paths {
    /// The paths of the checkout that this program was started in, with `external` beside it.
    ///
    /// # Errors
    /// No checkout around the current directory, no such external folder, or no home for the cache.
    pub fn find(external: Option<&Path>) -> Result<Self> {
        let root = find_root()?;
        let external = external
            .map(|dir| {
                dir.canonicalize()
                    .ok()
                    .filter(|d| d.is_dir())
                    .with_context(|| format!("--external {}: there is no such folder", dir.display()))
            })
            .transpose()?;
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) if !dir.is_empty() => root.join(dir),
            _ => root.join("target"),
        };
        Ok(Self { out: target.join("linnet"), cache: find_cache()?, root, external })
    }

    /// The folders called `name` to look in, the product's own first: `boards`, `profiles`,
    /// `kernel`, `busybox-config`, `rootfs`.
    #[must_use]
    pub fn data_dirs(&self, name: &str) -> Vec<PathBuf> {
        let external = self.external.iter().map(|dir| dir.join(name)).filter(|dir| dir.is_dir());
        external.chain([self.root.join(name)]).collect()
    }

    /// The file `folder/name`: the product's own if it has one, else Linnet's.
    #[must_use]
    pub fn data_file(&self, folder: &str, name: &str) -> Option<PathBuf> {
        self.data_dirs(folder).into_iter().map(|dir| dir.join(name)).find(|file| file.is_file())
    }

    /// The log of what is called `name`: a stage, or the host check.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.out.join("logs").join(format!("{name}.log"))
    }

    /// The names (without the extension) of all files `folder/*.extension`, sorted.
    #[must_use]
    pub fn names(&self, folder: &str, extension: &str) -> Vec<String> {
        let dirs = self.data_dirs(folder);
        let files = dirs.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path());
        let wanted = files.filter(|file| file.extension().is_some_and(|e| e == extension));
        let mut names: Vec<String> =
            wanted.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// `path` as a user would write it: relative to the checkout where possible.
    #[must_use]
    pub fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// `cargo xtask` sets CARGO_MANIFEST_DIR to `<root>/xtask`; without cargo the checkout around
/// the current directory counts.
fn find_root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = match manifest {
        Some(dir) => dir,
        None => std::env::current_dir().context("the current directory is gone")?,
    };
    for dir in start.ancestors() {
        if dir.join("xtask/Cargo.toml").is_file() && dir.join("Cargo.toml").is_file() {
            return Ok(dir.to_path_buf());
        }
    }
    bail!("{} is not inside a Linnet checkout: run `cargo xtask` there", start.display())
}

fn find_cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let dir = match (set("LINNET_CACHE"), set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(dir), _, _) => dir,
        (None, Some(cache), _) => cache.join("linnet"),
        (None, None, Some(home)) => home.join(".cache/linnet"),
        (None, None, None) => bail!("no place for downloads: set LINNET_CACHE to a folder"),
    };
    std::path::absolute(&dir).with_context(|| format!("download cache {}", dir.display()))
}
