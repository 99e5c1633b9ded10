//! `manifest.json`: what an image is made of. Everything in it follows from the inputs: no time, no
//! path of this machine, so that two builds of the same commit have the same manifest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::context::Context;
use crate::target::Target;

/// Raised when a key changes its meaning or goes away; new keys come without.
pub const FORMAT: u32 = 1;

/// The name of the file.
pub const NAME: &str = "manifest.json";

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Linnet's own version.
    pub linnet: String,
    /// The board's name.
    pub board: String,
    /// The profile's name.
    pub profile: String,
    /// The stack provider.
    pub stack: String,
    /// Foreign sources by name.
    pub sources: BTreeMap<String, Source>,
    /// The image's files by name.
    pub files: BTreeMap<String, File>,
    /// Bytes by component: `kernel_text_bytes`, `rootfs_bytes`, …
    pub sizes: BTreeMap<String, u64>,
    /// What went into each stage, as its `inputs.txt` has it.
    pub inputs: BTreeMap<String, BTreeMap<String, String>>,
}

/// One foreign source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The version that was built.
    pub version: String,
    /// SHA-256 of the archive, in hex.
    pub sha256: String,
}

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

impl Manifest {
    /// An empty one for `target`.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        Self {
            format: FORMAT,
            linnet: env!("CARGO_PKG_VERSION").to_owned(),
            board: target.board.name.clone(),
            profile: target.profile.name.clone(),
            stack: target.stack.name().to_owned(),
            sources: BTreeMap::new(),
            files: BTreeMap::new(),
            sizes: BTreeMap::new(),
            inputs: BTreeMap::new(),
        }
    }

    /// Adds a foreign source.
    pub fn add_source(&mut self, name: &str, version: &str, sha256: &str) {
        let source = Source { version: version.to_owned(), sha256: sha256.to_owned() };
        self.sources.insert(name.to_owned(), source);
    }

    /// Adds a file of the image under its own name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn add_file(&mut self, cx: &Context, path: &Path) -> Result<()> {
        let context = || format!("cannot read {}", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::metadata(path).with_context(context)?.len();
        let sha256 = cx.hashes.sha256(path).with_context(context)?;
        self.files.insert(name, File { bytes, sha256 });
        Ok(())
    }

    /// Adds the inputs of the finished stage folder `dir`, `<stage>-<16 hex digits>`.
    ///
    /// # Errors
    /// Its `inputs.txt` cannot be read.
    pub fn add_stage(&mut self, dir: &Path) -> Result<()> {
        let path = dir.join("inputs.txt");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = dir.file_name().unwrap_or_default().to_string_lossy();
        let stage = folder.rsplit_once('-').map_or(&*folder, |(stage, _)| stage);
        let inputs = text.lines().filter_map(|line| line.split_once('\t'));
        let inputs = inputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.inputs.insert(stage.to_owned(), inputs);
        Ok(())
    }

    /// Writes `dir/manifest.json`, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot make the manifest's JSON")? + "\n";
        atomic::write(&dir.join(NAME), text.as_bytes())
    }

    /// Reads `dir/manifest.json`.
    ///
    /// # Errors
    /// There is none, or it is not one of this format.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is no manifest of this version", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_follows_from_the_inputs_alone() {
        let temp = tempfile::tempdir().unwrap();
        let stage = temp.path().join("musl-0123456789abcdef");
        fs::create_dir(&stage).unwrap();
        fs::write(stage.join("inputs.txt"), "cflags\t=-Os\nsource\tabc\n").unwrap();
        let mut manifest = Manifest {
            format: FORMAT,
            linnet: "0".into(),
            board: "b".into(),
            profile: "p".into(),
            stack: "module".into(),
            sources: BTreeMap::new(),
            files: BTreeMap::new(),
            sizes: BTreeMap::from([("rootfs_bytes".into(), 7)]),
            inputs: BTreeMap::new(),
        };
        manifest.add_source("musl", "1.2.5", "abc");
        manifest.add_stage(&stage).unwrap();
        assert_eq!(manifest.inputs["musl"]["cflags"], "=-Os");
        manifest.write(temp.path()).unwrap();
        assert_eq!(Manifest::read(temp.path()).unwrap(), manifest);
        let text = fs::read_to_string(temp.path().join(NAME)).unwrap();
        assert!(!text.contains(temp.path().to_str().unwrap()), "{text}");
    }
}
