//! The command line: verbs and shared options. Each verb's own arguments stand beside its code.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::context::{Context, Options};
use crate::report::Outcome;
use crate::verb;

/// The smallest useful networked Linux: build it, boot it, measure it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 80)]
#[command(arg_required_else_help = true, infer_subcommands = false, subcommand_value_name = "VERB")]
#[command(subcommand_help_heading = "Verbs", disable_help_subcommand = true)]
#[command(after_help = "Output lies in target/linnet. `cargo xtask VERB --help` has examples.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Options that every verb understands.
    #[command(flatten)]
    pub shared: Shared,
}

/// Options that every verb understands.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shared options")]
pub struct Shared {
    /// A product's own folder with boards/, rootfs/, kernel/, busybox-config/
    #[arg(long, global = true, value_name = "DIR")]
    pub external: Option<PathBuf>,

    /// Use only what is in the download cache
    #[arg(long, global = true)]
    pub offline: bool,

    /// Accept only exactly what the lock file names
    #[arg(long, global = true)]
    pub locked: bool,

    /// Print the result as one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,

    /// Run at most N processes at once [default: one a CPU]
    #[arg(short, long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,

    /// Answer yes to every question; CI=true does too
    #[arg(short, long, global = true)]
    pub yes: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the boards
    Boards(verb::boards::Args),
    /// Build kernel image and root file system
    Image(verb::image::Args),
    /// Build, boot in QEMU, smoke-test; or a console with --shell
    Qemu(verb::qemu::Args),
    /// Compare socket calls on our stack with those on Linux's
    Sockets(verb::sockets::Args),
    /// Show what takes the bytes; check the board's budgets
    Size(verb::size::Args),
    /// Build again in another folder, killed in each stage, and compare
    Reproduce(verb::reproduce::Args),
    /// Measure our stack beside Linux's own: instructions, goodput, memory
    Bench(verb::bench::Args),
    /// Run everything that has to hold: format, clippy, docs, tests, QEMU, budgets
    Test(verb::test::Args),
    /// Check that this machine can build; install what it lacks
    Doctor(verb::doctor::Args),
    /// Fetch, verify or update the foreign sources
    Sources(verb::sources::Args),
    /// Say which stages would be built, and because of which inputs
    Why(verb::why::Args),
    /// Remove what was built
    Clean(verb::clean::Args),
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// It could not be done; the error says what was wrong, where, and what to do.
    pub fn run(&self, cx: &Context) -> Result<Outcome> {
        match self {
            Self::Boards(args) => verb::boards::run(cx, args),
            Self::Image(args) => verb::image::run(cx, args),
            Self::Qemu(args) => verb::qemu::run(cx, args),
            Self::Sockets(args) => verb::sockets::run(cx, args),
            Self::Size(args) => verb::size::run(cx, args),
            Self::Reproduce(args) => verb::reproduce::run(cx, args),
            Self::Bench(args) => verb::bench::run(cx, args),
            Self::Test(args) => verb::test::run(cx, args),
            Self::Doctor(args) => verb::doctor::run(cx, args),
            Self::Sources(args) => verb::sources::run(cx, args),
            Self::Why(args) => verb::why::run(cx, args),
            Self::Clean(args) => verb::clean::run(cx, args),
        }
    }
}

impl Shared {
    /// The options as the rest of the program takes them.
    #[must_use]
    pub fn options(&self) -> Options {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Options {
            jobs: self.jobs.map_or(cpus, usize::from),
            offline: self.offline,
            locked: self.locked,
            yes: self.yes || ci,
            json: self.json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
