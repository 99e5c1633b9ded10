//! `cargo xtask doctor`: what this machine has and lacks for building; installs what it may.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use crate::context::Context;
use crate::host::{self, Machine, RUST_REASON, Resource, Survey};
use crate::report::Outcome;

/// No options of its own.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask doctor         look; as root, install what is missing
  cargo xtask doctor --yes   install what is missing, through sudo if need be
  cargo xtask doctor --json  the findings for a machine")]
pub struct Args {
    /// Only look, install nothing
    #[arg(long)]
    look: bool,
}

/// Looks, installs what is missing, says whether this machine is ready.
///
/// # Errors
/// Something is missing and may not or cannot be installed; the message has the command to run.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let machine = Machine::this();
    let mut survey = Survey::take(&machine);
    if !survey.is_complete() && !args.look {
        host::install(cx, &machine, &survey)?;
        survey = Survey::take(&machine);
    }
    let resources = host::resources(&cx.paths);
    let ready = survey.is_complete() && resources.iter().all(Resource::suffices);
    let verdict = if ready { "ready" } else { "not ready" };
    let text = text(&survey, &resources) + verdict;
    let json = json(&survey, &resources, ready);
    Ok(if ready { Outcome::good(text, json) } else { Outcome::bad(text, json) })
}

fn text(survey: &Survey, resources: &[Resource]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, ok: bool, what: &str| {
        let _ = writeln!(text, "{name:<16} {:<8} {what}", if ok { "ok" } else { "missing" });
    };
    for (need, found) in &survey.needs {
        line(need.package, found.is_some(), found.as_deref().unwrap_or(need.reason));
    }
    match &survey.rust {
        Some(pair) => line("rust source", true, &pair.library.display().to_string()),
        None => line("rust source", false, RUST_REASON),
    }
    for resource in resources {
        let state = if resource.suffices() { "ok" } else { "short" };
        let _ = writeln!(text, "{:<16} {state:<8} {}", resource.name, resource.describe());
    }
    text
}

fn json(survey: &Survey, resources: &[Resource], ready: bool) -> Value {
    let needs = survey
        .needs
        .iter()
        .map(|(need, found)| json!({ "package": need.package, "found": found, "reason": need.reason }));
    let resources = resources.iter().map(|r| {
        json!({ "name": r.name, "available_bytes": r.available, "wanted_bytes": r.wanted, "ok": r.suffices() })
    });
    let rust = survey.rust.as_ref().map(|pair| json!({ "rustc": pair.rustc, "library": pair.library }));
    json!({
        "ready": ready,
        "packages": needs.collect::<Vec<_>>(),
        "rust_source": rust,
        "resources": resources.collect::<Vec<_>>(),
    })
}
