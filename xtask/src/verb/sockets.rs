//! `cargo xtask sockets`: the same socket calls on our stack and on Linux's, and what comes of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::pipeline::{self, Built};
use crate::qemu::smoke::{self, Subject};
use crate::qemu::sockets::sequence::{self, Plan};
use crate::qemu::sockets::{self, Side, known};
use crate::report::Outcome;
use crate::target::{Provider, Target, TargetArgs};

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask sockets                         every case
  cargo xtask sockets stream-connected/       those whose names begin so
  cargo xtask sockets --seed 1000             other sequences of calls
  cargo xtask sockets --board qemu-virtio --json")]
pub struct Args {
    /// Only cases whose names begin with this
    #[arg(value_name = "PREFIX", default_value = "", hide_default_value = true)]
    prefix: String,

    /// First seed of the generated sequences
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,

    /// How many generated sequences; none with a PREFIX
    #[arg(long, value_name = "N", default_value_t = 60)]
    sequences: u32,

    /// Steps of each sequence
    #[arg(long, value_name = "N", default_value_t = 40)]
    steps: u32,

    /// Which board: a file in boards/
    #[arg(long, value_name = "NAME", default_value = "qemu-pc")]
    board: String,

    /// Which features: a file in profiles/
    #[arg(long, value_name = "NAME", default_value = "minimal")]
    profile: String,
}

/// Builds both images, boots them side by side and compares.
///
/// # Errors
/// An image cannot be built, or a machine does not come so far. A difference is a bad [`Outcome`].
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let posix = cx.paths.root.join("docs/posix.md");
    let posix =
        std::fs::read_to_string(&posix).with_context(|| format!("cannot read {}", posix.display()))?;
    let linux = Machine::build(cx, args, Provider::Native)?;
    let ours = Machine::build(cx, args, Provider::Module)?;
    let (mut linux, mut ours) =
        sockets::both(|| Side::start(cx, &linux.subject()), || Side::start(cx, &ours.subject()))?;
    cx.reporter.line("making the calls on both machines");
    let mut found = sockets::compare(&mut linux, &mut ours, &args.prefix, &known::names(&posix))?;
    if args.prefix.is_empty() && args.sequences > 0 {
        let plan = Plan { first: args.seed, count: args.sequences, length: args.steps };
        found.sequences = Some((plan, sequence::compare(&mut linux, &mut ours, plan)?));
    }
    let (text, json) = (found.text(), found.json());
    Ok(if found.passed() { Outcome::good(text, json) } else { Outcome::bad(text, json) })
}

struct Machine {
    target: Target,
    built: Built,
    dir: PathBuf,
}

impl Machine {
    fn build(cx: &Context, args: &Args, stack: Provider) -> Result<Self> {
        let args = TargetArgs { board: args.board.clone(), profile: args.profile.clone(), stack };
        let target = Target::load(cx, &args)?;
        let built = pipeline::build(cx, &target)?;
        let dir = target.dir(cx).join("sockets");
        Ok(Self { target, built, dir })
    }

    fn subject(&self) -> Subject<'_> {
        let path: fn(&PathBuf) -> &Path = PathBuf::as_path;
        Subject {
            board: &self.target.board,
            memory: self.target.board.memory,
            kernel: path(&self.built.image.kernel),
            rootfs: path(&self.built.image.rootfs),
            probe: path(&self.built.probe.program),
            steps: smoke::REACH,
            dir: &self.dir,
            keep_going: false,
        }
    }
}
