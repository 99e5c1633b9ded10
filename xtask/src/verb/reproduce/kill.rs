//! Runs the second build, and kills it where the plan says.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::PATIENCE;
use super::plan::{Children, Moment};
use super::site::Site;
use crate::context::Context;
use crate::process::{self, Failed};
use crate::report::Task;
use crate::target::Target;

/// A build that was killed.
#[derive(Clone, Copy, Debug)]
pub struct Killed {
    /// In which stage.
    pub stage: &'static str,
    /// How long after the stage had begun what the plan says.
    pub after: Duration,
    /// How many processes it left running.
    pub left: usize,
    /// How many builds it took until one was killed before the stage was finished.
    pub attempts: u32,
}

impl Killed {
    pub fn json(&self) -> Value {
        let Self { stage, after, left, attempts } = self;
        json!({ "stage": stage, "after_ms": after.as_millis() as u64, "left_running": left, "attempts": attempts })
    }
}

/// How often a stage that was finished before the blow is thrown away and tried again.
const ATTEMPTS: u32 = 40;

/// Starts builds of `target` until one was killed within the stage of `moment`.
///
/// # Errors
/// A build failed by itself, the stage was never begun or always finished in time, or the user interrupted.
pub fn at(cx: &Context, task: &Task, site: &Site, target: &Target, moment: &Moment) -> Result<Killed> {
    let stage = moment.stage;
    task.note(&format!("building until it is killed in {stage}"));
    let mut after = moment.after;
    for attempts in 1..=ATTEMPTS {
        site.forget(stage)?;
        let mut build = Build::start(cx, site, target)?;
        build.wait_for_line(cx, &format!("{stage}: {}", moment.doing))?;
        let begun = Instant::now();
        let ended = format!("{stage:<12} done");
        build.wait_for(cx, after, &ended)?;
        let after_all = begun.elapsed();
        let builder = build.kill(cx)?;
        let hit = site.is_half_made(stage, builder);
        let left = site.workers().len();
        match moment.children {
            Children::Killed => site.end_workers(),
            Children::GoOn(time) => thread::sleep(time),
        }
        if hit {
            let left = if moment.children == Children::Killed { 0 } else { left };
            return Ok(Killed { stage, after: after_all, left, attempts });
        }
        after /= 2; // it was quicker
    }
    bail!("stage {stage} was finished before it could be killed, {ATTEMPTS} times: mend its line in the plan")
}

/// Builds `target` to its end.
///
/// # Errors
/// The build failed, or the user interrupted.
pub fn never(cx: &Context, task: &Task, site: &Site, target: &Target) -> Result<()> {
    let mut build = Build::start(cx, site, target)?;
    while let Some(line) = build.next_line(cx, PATIENCE)? {
        task.note(&line);
    }
    match build.end(cx)? {
        status if status.success() => Ok(()),
        status => Err(build.failed(status)),
    }
}

/// A running build of the second folder.
struct Build<'a> {
    child: Child,
    lines: Receiver<String>,
    last: Vec<String>,
    site: &'a Site,
    shown: String,
}

impl<'a> Build<'a> {
    fn start(cx: &Context, site: &'a Site, target: &Target) -> Result<Self> {
        cx.interrupt.check()?;
        let mut command = process::command(&site.program);
        command.args(["image", "--board", &target.board.name, "--profile", &target.profile.name]);
        command.args(["--stack", target.stack.name(), "--jobs", &cx.options.jobs.to_string()]);
        let options = &cx.options;
        let flags = [("--yes", options.yes), ("--offline", options.offline), ("--locked", options.locked)];
        command.args(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag));
        if let Some(external) = &cx.paths.external {
            command.arg("--external").arg(external);
        }
        command.current_dir(site.root()).env("LINNET_CACHE", &cx.paths.cache);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let shown = process::show(&command);
        let log = cx.paths.log("reproduce");
        let context = || format!("cannot write the log {}", log.display());
        std::fs::create_dir_all(log.parent().unwrap_or(&cx.paths.out)).with_context(context)?;
        let mut log = File::options().create(true).append(true).open(&log).with_context(context)?;
        writeln!(log, "$ {shown}").context("cannot write the log")?;
        let mut child =
            cx.interrupt.guard(|| command.spawn()).with_context(|| format!("cannot start `{shown}`"))?;
        let (sender, lines) = channel();
        let output = child.stderr.take().context("the build has no standard error")?;
        // It ends with the build, or with the last orphan that has the pipe.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                let _ = writeln!(log, "{line}"); // for a look only
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, last: Vec::new(), site, shown })
    }

    /// The next line within `time`; none once the build has closed its output.
    fn next_line(&mut self, cx: &Context, time: Duration) -> Result<Option<String>> {
        let deadline = Instant::now() + time;
        loop {
            cx.interrupt.check()?;
            let step = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(100));
            match self.lines.recv_timeout(step) {
                Ok(line) => {
                    self.last.push(line.clone());
                    return Ok(Some(line));
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!("`{}` said nothing for {} minutes", self.shown, time.as_secs() / 60)
                }
            }
        }
    }

    fn wait_for_line(&mut self, cx: &Context, start: &str) -> Result<()> {
        while let Some(line) = self.next_line(cx, PATIENCE)? {
            if line.starts_with(start) {
                return Ok(());
            }
        }
        match self.end(cx)? {
            status if status.success() => {
                bail!("`{}` ended without a line `{start}…`: mend the plan", self.shown)
            }
            status => Err(self.failed(status)),
        }
    }

    /// Waits for so long, less if a line that begins with `end` comes before.
    fn wait_for(&mut self, cx: &Context, time: Duration, end: &str) -> Result<()> {
        let deadline = Instant::now() + time;
        loop {
            cx.interrupt.check()?;
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            match self.lines.recv_timeout(rest.min(Duration::from_millis(100))) {
                Ok(line) if line.starts_with(end) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Kills the builder alone; returns the process number that it had.
    fn kill(&mut self, cx: &Context) -> Result<u32> {
        self.child.kill().context("cannot kill the build")?;
        self.end(cx)?;
        Ok(self.child.id())
    }

    fn end(&mut self, cx: &Context) -> Result<ExitStatus> {
        process::wait(cx, &mut self.child)
    }

    fn failed(&self, status: ExitStatus) -> anyhow::Error {
        let tail = self.last[self.last.len().saturating_sub(process::TAIL_LINES)..].to_vec();
        let failed = Failed { command: self.shown.clone(), status, tail, log: None };
        anyhow::Error::new(failed).context(format!(
            "the second build, in {}, failed where the first one did not",
            self.site.root().display()
        ))
    }
}
