//! A profile: one file that selects stack features, kernel fragments and a BusyBox config.
//!
//! Patches need no selection: all are applied, and the symbol of each, in a fragment, turns it on.
//! `full` ⊃ `client` ⊃ `minimal`; a feature adds, it never changes what the others do.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::board::Budgets;
use crate::context::Paths;
use crate::yaml;

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
    /// The BusyBox configuration `busybox-config/<name>.config`.
    pub busybox: String,
    /// What an image with this profile may take: these overrule the board's, which are for `minimal`.
    pub budgets: Budgets,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    description: String,
    stack: RawStack,
    kernel: RawKernel,
    busybox: String,
    #[serde(default)]
    budgets: Budgets,
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
}

/// A profile that is planned, and so is refused as such rather than as a slip of the pen.
const PLANNED: &str = "full";

impl Profile {
    /// Reads and checks the profile called `name`.
    ///
    /// # Errors
    /// There is no such profile (the message lists those there are), or its file is wrong.
    pub fn load(paths: &Paths, name: &str) -> Result<Self> {
        let known = paths.names("profiles", "yaml");
        let Some(path) = paths.data_file("profiles", &format!("{name}.yaml")) else {
            if name == PLANNED {
                bail!("--profile {name} is not there yet: this version has {}", known.join(", "));
            }
            bail!("{}", yaml::no_such("profile", name, &known));
        };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = paths.show(&path);
        let shown = Path::new(&shown);
        let raw: RawProfile = yaml::from_str(shown, &text)?;
        let needs = [
            ("kernel fragment", "kernel", "config", raw.kernel.fragments.as_slice()),
            ("BusyBox configuration", "busybox-config", "config", std::slice::from_ref(&raw.busybox)),
        ];
        for (what, folder, extension, names) in needs {
            let known = paths.names(folder, extension);
            if let Some(missing) = names.iter().find(|name| !known.contains(name)) {
                let (line, column) = yaml::find_word(&text, missing).unwrap_or((1, 1));
                let message = yaml::no_such(what, missing, &known);
                return Err(yaml::complain(shown, &text, line, column, &message));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            description: raw.description,
            stack_features: raw.stack.features,
            kernel_fragments: raw.kernel.fragments,
            busybox: raw.busybox,
            budgets: raw.budgets,
        })
    }
}
