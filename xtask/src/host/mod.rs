//! What the build needs of the machine it runs on: what, why, and how to get it.
//!
//! [`ensure`] stands at the start of every verb that builds: a look at some fifty files when all is
//! there. On Debian and its kin what is missing is installed with apt; elsewhere it is named.

mod apt;
mod machine;
mod needs;
pub mod rust;

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::context::Context;

pub use machine::{Machine, Resource, resources};
pub use needs::{Evidence, NEEDS, Need};

/// What is there and what is not.
#[derive(Debug)]
pub struct Survey {
    /// Each need with the place where it was found, if it was.
    pub needs: Vec<(&'static Need, Option<String>)>,
    /// Compiler and library source for the target's Rust code, if there is a matching pair.
    pub rust: Option<rust::Pair>,
}

/// Why the Rust source is needed; it is no single package.
pub const RUST_REASON: &str = "core is compiled for the target from the compiler's own source";

impl Survey {
    /// Looks; runs no program unless only the distribution's compiler can serve.
    #[must_use]
    pub fn take(machine: &Machine) -> Self {
        let needs = NEEDS.iter().map(|need| (need, need.found(machine))).collect();
        Self { needs, rust: rust::find(machine) }
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rust.is_some() && self.needs.iter().all(|(_, found)| found.is_some())
    }

    /// The missing needs.
    pub fn missing(&self) -> impl Iterator<Item = &'static Need> {
        self.needs.iter().filter(|(_, found)| found.is_none()).map(|(need, _)| *need)
    }

    /// One line for each missing thing, with its reason.
    #[must_use]
    pub fn missing_text(&self) -> String {
        let mut text = String::new();
        for need in self.missing() {
            let _ = writeln!(text, "  {:<18} {}", need.package, need.reason);
        }
        if self.rust.is_none() {
            let _ = writeln!(text, "  {:<18} {RUST_REASON}", "rust-src");
        }
        text
    }
}

/// Sees to it that this machine can build: looks, installs what is missing if it may.
///
/// # Errors
/// Something is missing and may not or cannot be installed; the message has the command to run.
pub fn ensure(cx: &Context) -> Result<()> {
    if cx.explain.is_some() {
        return Ok(()); // nothing will be built
    }
    let machine = Machine::this();
    let survey = Survey::take(&machine);
    if survey.is_complete() {
        return Ok(());
    }
    install(cx, &machine, &survey)
}

/// Installs what `survey` found missing, then looks again.
///
/// # Errors
/// As [`ensure`].
pub fn install(cx: &Context, machine: &Machine, survey: &Survey) -> Result<()> {
    let missing = survey.missing_text();
    let advice = "for rust-src: rustup component add rust-src";
    let by_apt = machine.has_apt();
    if !by_apt && survey.missing().next().is_some() {
        bail!(
            "this machine lacks (by their names in Debian):\n{missing}\
             install them with its package manager; {advice}"
        );
    }
    cx.reporter.line(&format!("this machine lacks:\n{}", missing.trim_end()));
    if by_apt {
        apt::install(cx, machine, survey)?;
    }
    if rust::find(machine).is_none() {
        rust::add_component(cx, machine)?;
    }
    let after = Survey::take(machine);
    if !after.is_complete() {
        bail!("installed, and yet this machine lacks:\n{}", after.missing_text().trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
