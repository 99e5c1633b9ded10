//! Runs the steps, prints each as it passes, and keeps the traces whatever happens.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::Step;
use super::report::{Failure, Report, StepReport};
use crate::board::{Board, ByteSize};
use crate::context::Context;
use crate::qemu::console::Closed;
use crate::qemu::guest::{Guest, Traces};
use crate::qemu::machine::{Console, Machine, Network};
use crate::qemu::running;

/// Decides which frames are lost on the bad wire.
const SEED: u64 = 20_260_722;
/// How long the shell may take to answer again after a step has failed.
const RECOVERY: Duration = Duration::from_secs(10);

/// What is tested.
pub struct Subject<'a> {
    /// The board.
    pub board: &'a Board,
    /// RAM.
    pub memory: ByteSize,
    /// The kernel image.
    pub kernel: &'a Path,
    /// The root file system.
    pub rootfs: &'a Path,
    /// The probe's program, built for the board's processor.
    pub probe: &'a Path,
    /// What it is taken through, in order.
    pub steps: &'a [Step],
    /// Where the traces go.
    pub dir: &'a Path,
    /// After a failed step, go on with the next if the console still answers.
    pub keep_going: bool,
}

/// A machine that runs, with its traces to itself.
pub struct Session {
    /// The machine.
    pub guest: Guest,
    /// Its files.
    pub traces: Traces,
    _lock: File,
}

/// Boots `subject`, and does nothing with it yet.
///
/// # Errors
/// QEMU is missing, a file cannot be read or written, the user interrupted.
pub fn start(cx: &Context, subject: &Subject<'_>) -> Result<Session> {
    fs::create_dir_all(subject.dir).with_context(|| format!("cannot make {}", subject.dir.display()))?;
    let traces = Traces {
        transcript: subject.dir.join("console.log"),
        capture: subject.dir.join("wire.pcap"),
        errors: subject.dir.join("qemu.log"),
        lock: subject.dir.join("qemu.lock"),
    };
    let lock = running::lock(cx, &traces.lock)?;
    let probe = fs::read(subject.probe)
        .with_context(|| format!("cannot read the probe {}", subject.probe.display()))?;
    let machine = Machine {
        board: subject.board,
        memory: subject.memory,
        kernel: subject.kernel,
        rootfs: subject.rootfs,
        network: Network::Socket,
        console: Console::Socket,
        counted: None,
    };
    cx.reporter.line(&format!("booting {} with {} of RAM in QEMU", subject.board.name, subject.memory));
    let guest = Guest::start(cx, &machine, &traces, probe, SEED)?;
    Ok(Session { guest, traces, _lock: lock })
}

/// Boots `subject` and takes it through all steps.
///
/// # Errors
/// The test could not be made: QEMU is missing, a file cannot be read or written, the user
/// interrupted. That a step failed is no error here but part of the report.
pub fn run(cx: &Context, subject: &Subject<'_>) -> Result<Report> {
    let start = Instant::now();
    let Session { mut guest, traces, _lock } = self::start(cx, subject)?;
    let mut steps = Vec::new();
    let mut skipped = Vec::new();
    for (index, step) in subject.steps.iter().enumerate() {
        let report = take(step, &mut guest);
        cx.interrupt.check()?;
        cx.reporter.line(&report.line());
        let failed = report.result.as_ref().err().map(|failure| failure.error.is::<Closed>());
        steps.push(report);
        let dead = match failed {
            None => false,
            Some(closed) => closed || !subject.keep_going || guest.console.greet(RECOVERY).is_err(),
        };
        if dead {
            skipped = subject.steps[index + 1..].iter().map(|step| step.name).collect();
            break;
        }
    }
    guest.peer.with(|peer| peer.flush_capture())?;
    Ok(Report { steps, skipped, time: start.elapsed(), traces })
}

/// Does one step.
pub fn take(step: &Step, guest: &mut Guest) -> StepReport {
    let start = Instant::now();
    let result = (step.run)(guest);
    let time = start.elapsed();
    let result = result.map_err(|error| {
        if error.is::<Closed>() {
            // Its last words may come a moment after the console has closed.
            let _ = guest.running.wait(Duration::from_secs(1));
        }
        let complaints = guest.running.complaints();
        Failure { error, console: guest.console.recent_lines(), complaints }
    });
    StepReport { name: step.name, time, result }
}
