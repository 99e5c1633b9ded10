//! `cargo xtask test`: everything that has to hold, each check on its own; all of them, then what failed.

mod checks;
mod failures;
mod follow;
mod summary;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Error, Result, bail};

use crate::context::Context;
use crate::host;
use crate::process::{self, Failed};
use crate::report::{Outcome, is_interrupt};
use checks::Check;
use summary::{Done, Summary};

/// Which checks to run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                   everything
  cargo xtask test format clippy     these two
  cargo xtask test --no-qemu         what needs no kernel
  cargo xtask test --list            which checks there are")]
pub struct Args {
    /// Run these checks alone (see --list)
    #[arg(value_name = "CHECK")]
    only: Vec<String>,

    /// Leave out what builds and boots images
    #[arg(long)]
    no_qemu: bool,

    /// Name the checks, run none
    #[arg(long)]
    list: bool,
}

/// Runs the checks, all of them, whatever fails.
///
/// # Errors
/// There is no such check, this machine lacks something, or the user interrupted. A check that fails is a bad [`Outcome`].
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let chosen = choose(checks::all(), args)?;
    if args.list {
        return Ok(summary::list(&chosen));
    }
    // First of all: the tests of the image builder run make, xz and their like, too.
    host::ensure(cx)?;
    // Taken now: a check may have cargo put a new file in the place of the running one.
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut summary = Summary::new();
    for check in &chosen {
        summary.add(perform(cx, check, &program)?);
    }
    Ok(summary.outcome())
}

fn choose(all: Vec<Check>, args: &Args) -> Result<Vec<Check>> {
    if let Some(unknown) = args.only.iter().find(|name| !all.iter().any(|check| check.name == **name)) {
        let names: Vec<&str> = all.iter().map(|check| check.name).collect();
        bail!("there is no check `{unknown}`: there are {}", names.join(", "));
    }
    let wanted = |check: &Check| {
        let named = args.only.is_empty() || args.only.iter().any(|name| name == check.name);
        named && !(args.no_qemu && check.needs_image())
    };
    Ok(all.into_iter().filter(wanted).collect())
}

/// Runs one check to its end. That it fails is no error here; that the user interrupts it is.
fn perform(cx: &Context, check: &Check, program: &Path) -> Result<Done> {
    let task = cx.reporter.task(&format!("test {}", check.name));
    let log = cx.paths.log(&format!("test-{}", check.name));
    match std::fs::remove_file(&log) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("cannot replace the log {}", log.display()));
        }
        _ => {}
    }
    let start = Instant::now();
    let result = follow::while_running(
        &log,
        |line| task.note(line),
        || process::run(cx, &task, &mut check.command(cx, program)?, &log),
    );
    let time = start.elapsed();
    let output = std::fs::read_to_string(&log).unwrap_or_default();
    let failure = match result {
        Err(error) if is_interrupt(&error) => return Err(error),
        result => result.err().map(|error| explain(error, &output)),
    };
    let remark = check.remark(&output);
    task.done(&remark);
    Ok(Done { name: check.name, time, remark, failure, counts: check.counts(&output) })
}

/// The error as text; failed tests speak for themselves, instead of the log's last lines.
fn explain(error: Error, output: &str) -> String {
    let told = failures::told(output);
    match error.downcast::<Failed>() {
        Ok(mut failed) if !told.is_empty() => {
            failed.tail = told;
            failed.to_string()
        }
        Ok(failed) => failed.to_string(),
        Err(error) => format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(only: &[&str], no_qemu: bool) -> Args {
        Args { only: only.iter().map(|name| (*name).to_owned()).collect(), no_qemu, list: false }
    }

    #[test]
    fn checks_are_chosen_by_name() {
        let names = |args: Args| -> Vec<&str> {
            choose(checks::all(), &args).unwrap().iter().map(|check| check.name).collect()
        };
        assert_eq!(names(args(&[], false)).len(), checks::all().len());
        assert_eq!(names(args(&["clippy", "format"], false)), ["format", "clippy"]);
        assert_eq!(names(args(&[], true)), ["format", "clippy", "docs", "rust", "sack"]);
        let error = choose(checks::all(), &args(&["clipy"], false)).unwrap_err().to_string();
        assert!(error.contains("`clipy`") && error.contains("clippy"), "{error}");
    }
}
