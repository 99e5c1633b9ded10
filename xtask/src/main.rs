//! `cargo xtask`: parses the arguments, runs one verb, prints the outcome; the only place that exits.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Error, Result};
use clap::Parser as _;
use serde_json::json;
use xtask::cli::Cli;
use xtask::context::{Context, Paths};
use xtask::process::Interrupt;
use xtask::report::{Outcome, Reporter, describe, is_interrupt};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.shared.json;
    match run(&cli) {
        Ok(outcome) => {
            let text = if json { format!("{:#}", outcome.json) } else { outcome.text };
            match (print(&text), outcome.ok) {
                (Ok(()), true) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", describe(&error));
            if json {
                let _ = print(&format!("{:#}", json!({ "error": format!("{error:#}") })));
            }
            status(&error)
        }
    }
}

fn run(cli: &Cli) -> Result<Outcome> {
    let interrupt = Interrupt::install().context("cannot watch for Ctrl-C")?;
    let paths = Paths::find(cli.shared.external.as_deref())?;
    let cx = Context::new(paths, cli.shared.options(), Reporter::detect(), interrupt)?;
    let outcome = cli.verb.run(&cx).map_err(|error| cx.name_full_disk(error));
    cx.hashes.save();
    outcome
}

/// Results go to standard output, whole or not at all; a reader that went away is a failure.
fn print(text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()
}

/// 130 for Ctrl-C, as shells have it; 1 for everything else.
fn status(error: &Error) -> ExitCode {
    if is_interrupt(error) { ExitCode::from(130) } else { ExitCode::FAILURE }
}
