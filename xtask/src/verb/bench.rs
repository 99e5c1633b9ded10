//! `cargo xtask bench`: our stack beside Linux's own, in instructions, memory and goodput.

use anyhow::{Context as _, Result, bail};

use crate::atomic;
use crate::bench::{self, Figure, Image, Images, Report, WORKS};
use crate::context::Context;
use crate::pipeline::{self, Built};
use crate::process;
use crate::qemu::machine::PROGRAM;
use crate::report::Outcome;
use crate::target::{Provider, Target, TargetArgs};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench                      everything, some minutes
  cargo xtask bench --quick              instructions alone
  cargo xtask bench receive --functions  one kind of work, and where its instructions go
  cargo xtask bench --record             everything, and write docs/bench.md anew
  cargo xtask bench --json               for a machine, with all profiles")]
pub struct Args {
    /// These figures alone: receive, send, exchange, connect, accept, datagrams-out, datagrams-in, idle, goodput, smoltcp
    #[arg(value_name = "FIGURE")]
    only: Vec<String>,

    /// Leave out what takes long: goodput, memory, smoltcp
    #[arg(long)]
    quick: bool,

    /// Show the functions that most instructions went to
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "25")]
    functions: Option<usize>,

    /// Let the device do for the stack what it can (checksums, segmentation)
    #[arg(long)]
    offloads: bool,

    /// Succeed where nothing is much worse than it was, though the bar be missed
    #[arg(long)]
    regressions: bool,

    /// Write docs/bench.md anew
    #[arg(long, conflicts_with_all = ["only", "quick", "offloads"])]
    record: bool,

    #[command(flatten)]
    target: TargetArgs,
}

/// Figures that are no kind of work of their own.
const OTHERS: [&str; 3] = ["idle", "goodput", "smoltcp"];
/// Functions shown where the record says why a bar is missed.
const RECORDED: usize = 20;

/// Builds both images, and measures one against the other.
///
/// # Errors
/// Something cannot be built or started, or does not do its work. A missed bar is a bad [`Outcome`].
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    check_names(&args.only)?;
    if args.target.stack != Provider::Module {
        bail!("bench compares our stack to native: leave out --stack {}", args.target.stack.name());
    }
    let ours = Target::load(cx, &args.target)?;
    let native = Target { stack: Provider::Native, ..ours.clone() };
    let (built_native, built_ours) = (pipeline::build(cx, &native)?, pipeline::build(cx, &ours)?);
    let (workload, counter) = pipeline::bench(cx, &built_ours.toolchain, &qemu_version(cx)?)?;
    let dir = cx.paths.out.join("bench");
    let images = Images {
        board: &ours.board,
        native: image(&built_native),
        ours: image(&built_ours),
        workload: &workload.program,
        counter: &counter.plugin,
        dir: &dir,
        offloads: args.offloads,
    };
    let report = measure(cx, args, &images)?;
    if args.record {
        let path = cx.paths.root.join("docs/bench.md");
        atomic::write(&path, format!("{}{}", RECORD, report.markdown(RECORDED)).as_bytes())?;
    }
    let (text, json) = (report.text(), report.json());
    let good = if args.regressions { report.figures.iter().all(is_no_worse) } else { report.met() };
    Ok(if good { Outcome::good(text, json) } else { Outcome::bad(text, json) })
}

fn measure(cx: &Context, args: &Args, images: &Images<'_>) -> Result<Report> {
    let wanted = |name: &str, long: bool| match args.only.as_slice() {
        [] => !(long && args.quick),
        only => only.iter().any(|one| one == name),
    };
    let mut report = Report::default();
    let mut add = |figure: Figure| {
        cx.reporter.line(&figure.line());
        if let Some(functions) = args.functions {
            cx.reporter.line(&figure.functions(functions));
        }
        report.figures.push(figure);
    };
    cx.reporter.line(&Report::heading());
    for work in WORKS.iter().filter(|work| wanted(work.name, false)) {
        add(bench::instructions(cx, images, work)?);
    }
    if wanted("idle", true) {
        add(bench::memory(cx, images)?);
    }
    if wanted("goodput", true) {
        bench::goodput(cx, images)?.into_iter().for_each(&mut add);
    }
    if wanted("smoltcp", true) {
        bench::throughput(cx)?.into_iter().for_each(&mut add);
    }
    Ok(report)
}

/// Whether a figure is as good as it was.
fn is_no_worse(figure: &Figure) -> bool {
    let work = WORKS.iter().find(|work| work.name == figure.name);
    work.is_none_or(|work| figure.ratio() <= work.ceiling)
}

fn check_names(names: &[String]) -> Result<()> {
    let known: Vec<&str> = WORKS.iter().map(|work| work.name).chain(OTHERS).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => bail!("there is no figure `{unknown}`: there are {}", known.join(", ")),
        None => Ok(()),
    }
}

fn image(built: &Built) -> Image {
    Image {
        kernel: built.image.kernel.clone(),
        vmlinux: built.kernel.vmlinux.clone(),
        rootfs: built.image.rootfs.clone(),
    }
}

fn qemu_version(cx: &Context) -> Result<String> {
    let task = cx.reporter.task("bench");
    let said = process::capture(cx, &task, process::command(PROGRAM).arg("--version"))?;
    task.done("");
    Ok(said.lines().next().context("QEMU does not say its version")?.to_owned())
}

/// What stands above the tables in docs/bench.md.
const RECORD: &str = "\
# Measured against Linux's own stack

Written by `cargo xtask bench --record`; how it is measured, and what keeps it fair, is in
[decision 0010](decisions/0010-benchmarks.md). Instructions are all that the guest executes between two marks in
its program, in the program, the kernel and its interrupts; KB are 1000 bytes. Bar: at least as good as native.

";
