//! Installs packages with apt: as root, or through sudo if the user said yes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Machine, Survey, rust};
use crate::context::Context;
use crate::process;
use crate::report::Task;

/// Installs what `survey` found missing, as far as apt has it.
///
/// # Errors
/// The user is not root and did not say yes, or apt failed twice; the message has the command.
pub(super) fn install(cx: &Context, machine: &Machine, survey: &Survey) -> Result<()> {
    let task = cx.reporter.task("host");
    let mut packages: Vec<&str> = survey.missing().map(|need| need.package).collect();
    let may = machine.is_root || cx.options.yes;
    let mut updated = false;
    if may && !has_lists(machine) {
        update(cx, machine, &task)?;
        updated = true;
    }
    if survey.rust.is_none() {
        packages.extend(rust_packages(cx, machine, &task)?);
    }
    if packages.is_empty() {
        task.nothing_to_do();
        return Ok(());
    }
    if !may {
        bail!("run this as root, or this verb again with --yes:\n  {}", by_hand(&packages));
    }
    task.note(&format!("installing {}", packages.join(" ")));
    let attempt = run_apt(cx, machine, &task, &install_arguments(&packages));
    match attempt {
        Err(_) if !updated => {
            // The lists are older than what the mirror has: get new ones, then it must work.
            update(cx, machine, &task)?;
            run_apt(cx, machine, &task, &install_arguments(&packages))
        }
        other => other,
    }
    .with_context(|| format!("cannot install what is missing; by hand:\n  {}", by_hand(&packages)))?;
    task.done(&packages.join(" "));
    Ok(())
}

/// The command that a user may run instead.
fn by_hand(packages: &[&str]) -> String {
    format!("apt-get update && apt-get {}", install_arguments(packages).join(" "))
}

/// `--no-remove`: nothing of the user's goes away for our sake.
fn install_arguments<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let options = ["install", "--yes", "--no-install-recommends", "--no-remove"];
    options.into_iter().chain(packages.iter().copied()).collect()
}

fn update(cx: &Context, machine: &Machine, task: &Task) -> Result<()> {
    task.note("updating the package lists");
    run_apt(cx, machine, task, &["update"]).context("cannot update the package lists")
}

/// The first pair of compiler and source that apt offers and that is new enough; nothing if there is none.
/// Debian's own rustup and its compilers exclude each other: then rustup must provide the source.
fn rust_packages(cx: &Context, machine: &Machine, task: &Task) -> Result<Vec<&'static str>> {
    if machine.has_file("/usr/bin/rustup") {
        return Ok(Vec::new());
    }
    for pair in rust::PACKAGES {
        if pair_is_new_enough(cx, machine, task, pair)? {
            return Ok(pair.to_vec());
        }
    }
    Ok(Vec::new())
}

fn pair_is_new_enough(cx: &Context, machine: &Machine, task: &Task, pair: [&str; 2]) -> Result<bool> {
    let Some(apt_cache) = machine.program("apt-cache") else { return Ok(false) };
    let mut command = process::command(apt_cache);
    let policy = process::capture(cx, task, command.arg("policy").args(pair))?;
    let candidates: Vec<_> =
        policy.lines().filter_map(|line| line.trim().strip_prefix("Candidate: ")).collect();
    // `(none)` has no digits and so no version.
    let new = candidates.iter().filter(|v| rust::parse_version(v).is_some_and(|v| v >= rust::OLDEST));
    Ok(candidates.len() == pair.len() && new.count() == pair.len())
}

/// Runs apt-get, through sudo if need be. sudo may ask for a password, so it gets the terminal.
fn run_apt(cx: &Context, machine: &Machine, task: &Task, arguments: &[&str]) -> Result<()> {
    let apt_get = machine.program("apt-get").context("apt-get has gone")?;
    let settings = [("DEBIAN_FRONTEND", "noninteractive"), ("LC_ALL", "C.UTF-8")];
    if machine.is_root {
        let mut command = process::command(apt_get);
        command.args(arguments).envs(settings);
        return process::run(cx, task, &mut command, &cx.paths.log("host"));
    }
    let sudo = machine.program("sudo").context("you are not root, and there is no sudo")?;
    let mut command = process::command(sudo);
    add_sudo_arguments(&mut command, &apt_get, arguments, &settings);
    process::run_in_foreground(cx, &mut command)
}

fn add_sudo_arguments(command: &mut Command, apt_get: &Path, arguments: &[&str], settings: &[(&str, &str)]) {
    command.arg("env");
    command.args(settings.iter().map(|(name, value)| format!("{name}={value}")));
    command.arg(apt_get).args(arguments);
}

/// Whether apt has ever been told what there is.
fn has_lists(machine: &Machine) -> bool {
    let entries = std::fs::read_dir(machine.at("/var/lib/apt/lists")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.into_iter().any(|name| name.contains("_Packages"))
}
