//! A profile: one file that selects stack features, kernel fragments, patches and a BusyBox config.
//!
//! `full` ⊃ `client` ⊃ `minimal`; a feature adds, it never changes what the others do.

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::context::Paths;

/// A selection of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The name of its file without `.yaml`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Cargo features of `stack/kmod`.
    pub stack_features: Vec<String>,
    /// Configuration fragments `kernel/<name>.config`, merged after the board's.
    pub kernel_fragments: Vec<String>,
    /// Patches `kernel/patches/<name>.patch`, applied in this order.
    pub kernel_patches: Vec<String>,
    /// The BusyBox configuration `busybox-config/<name>.config`.
    pub busybox: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    description: String,
    stack: RawStack,
    kernel: RawKernel,
    busybox: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStack {
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKernel {
    fragments: Vec<String>,
    patches: Vec<String>,
}

impl Profile {
    /// Reads and checks the profile called `name`.
    ///
    /// # Errors
    /// There is no such profile (the message lists those there are), or its file is wrong.
    pub fn load(paths: &Paths, name: &str) -> Result<Self> {
        let Some(path) = paths.data_file("profiles", &format!("{name}.yaml")) else {
            bail!("there is no profile `{name}`");
        };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let raw: RawProfile = serde_yaml::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Self {
            name: name.to_owned(),
            description: raw.description,
            stack_features: raw.stack.features,
            kernel_fragments: raw.kernel.fragments,
            kernel_patches: raw.kernel.patches,
            busybox: raw.busybox,
        })
    }
}
