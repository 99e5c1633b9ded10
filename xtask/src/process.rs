//! Runs commands: output into a log file, a clean environment, the shared job limit, killed on Ctrl-C.
//!
//! Every child gets its own process group, which [`Interrupt`] kills; it takes one job slot while
//! it runs. Its environment is made here, so that nothing of the user's shell or of `cargo run`
//! reaches a build. A child of a stage also carries the stage's lock file in its environment
//! ([`OWNER`]): whoever holds that lock next finds and ends what a killed run left behind.

mod interrupt;
mod orphans;
mod pipe;

use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions};

pub use interrupt::{Interrupt, Interrupted};
pub use orphans::{end_orphans, end_workers, workers};
pub use pipe::pipe;

use crate::context::Context;
use crate::report::Task;

/// Environment variable that names the lock file of the stage that a process works for.
pub const OWNER: &str = "LINNET_STAGE_LOCK";

/// How many lines of its log a failed command's error carries.
pub const TAIL_LINES: usize = 30;

/// What children inherit from the environment; all else is dropped, and locale and time zone are fixed.
const INHERITED: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_DIST_SERVER",
    "CARGO_NET_OFFLINE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
];

/// A command that ran and did not succeed. Its `Display` is the whole report: command, how it
/// ended, the last lines of its log, the log's path.
#[derive(Debug)]
pub struct Failed {
    /// The program and its arguments, as one would type them.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// The last [`TAIL_LINES`] lines that it wrote.
    pub tail: Vec<String>,
    /// The whole output; none if it was captured.
    pub log: Option<PathBuf>,
}

/// A command for `program` with the clean environment and nothing on its standard input.
#[must_use]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("LC_ALL", "C").env("TZ", "UTC");
    command
}

/// Runs `command` to its end, appending both its outputs to `log`.
///
/// # Errors
/// It cannot be started; it failed ([`Failed`]); the user interrupted ([`Interrupted`]).
pub fn run(cx: &Context, task: &Task, command: &mut Command, log: &Path) -> Result<()> {
    let _slot = cx.jobs.slot()?;
    fetch(cx, task, command, log)
}

/// As [`run`], for a command that waits for the network: it takes no job slot, so that a compiler need
/// not wait for it, nor it for compilers.
///
/// # Errors
/// As [`run`].
pub fn fetch(cx: &Context, task: &Task, command: &mut Command, log: &Path) -> Result<()> {
    let start = open_log(log, command)?;
    let output = File::options().append(true).open(log).and_then(|file| Ok((file.try_clone()?, file)));
    let (stdout, stderr) = output.with_context(|| format!("cannot write the log {}", log.display()))?;
    command.stdout(stdout).stderr(stderr);
    let status = supervise(cx, task, command)?;
    if status.success() {
        return Ok(());
    }
    let tail = read_tail(log, start);
    Err(Failed { command: show(command), status, tail, log: Some(log.to_path_buf()) }.into())
}

/// Runs `command` to its end and returns what it wrote on standard output, as text.
///
/// # Errors
/// As [`run`]; the error carries what it wrote on standard error.
pub fn capture(cx: &Context, task: &Task, command: &mut Command) -> Result<String> {
    let _slot = cx.jobs.slot()?;
    let context = || format!("cannot keep the output of `{}`", show(command));
    let dir = cx.paths.out.join("tmp");
    let (mut out, mut err) = (scratch(&dir).with_context(context)?, scratch(&dir).with_context(context)?);
    let clones = out.try_clone().and_then(|out| Ok((out, err.try_clone()?)));
    let (stdout, stderr) = clones.with_context(context)?;
    command.stdout(stdout).stderr(stderr);
    let status = supervise(cx, task, command)?;
    let read = |file: &mut File| -> Result<String> {
        file.rewind()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    if status.success() {
        return read(&mut out);
    }
    let tail = last_lines(&(read(&mut out)? + &read(&mut err)?));
    Err(Failed { command: show(command), status, tail, log: None }.into())
}

/// Runs `command` with the terminal: it may ask, and Ctrl-C reaches it directly. Its standard output
/// goes to standard error, which leaves ours to results.
///
/// # Errors
/// It cannot be started; it failed; the user interrupted.
pub fn run_in_foreground(cx: &Context, command: &mut Command) -> Result<()> {
    cx.interrupt.check()?;
    command.stdin(Stdio::inherit()).stdout(Stdio::from(std::io::stderr())).stderr(Stdio::inherit());
    let status = cx.reporter.suspended(|| command.status());
    let status = status.with_context(|| format!("cannot start `{}`", show(command)))?;
    cx.interrupt.check()?;
    if status.success() {
        return Ok(());
    }
    Err(Failed { command: show(command), status, tail: Vec::new(), log: None }.into())
}

/// `command` as one would type it, quoted where a shell needs it.
#[must_use]
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) { word.into_owned() } else { format!("{word:?}") }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Starts the child, waits for it, and sees to it that an interrupt ends it.
fn supervise(cx: &Context, task: &Task, command: &mut Command) -> Result<ExitStatus> {
    cx.interrupt.check()?;
    cx.jobs.share_with(command);
    if let Some(lock) = task.owner() {
        command.env(OWNER, lock);
    }
    command.process_group(0);
    let spawned = cx.interrupt.guard(|| command.spawn());
    let mut child = spawned.with_context(|| {
        let program = command.get_program().to_string_lossy();
        format!("cannot start `{program}` (is it installed? `cargo xtask doctor` knows)")
    })?;
    let status = wait(cx, &mut child)?;
    cx.interrupt.check()?;
    Ok(status)
}

/// Waits for a child that [`Interrupt::guard`] started. Without reaping it first, so that the group's
/// number cannot belong to anyone else while an interrupt may still be sent to it.
///
/// # Errors
/// There is no such child any more.
pub fn wait(cx: &Context, child: &mut Child) -> Result<ExitStatus> {
    let pid = Pid::from_child(child);
    loop {
        match rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).context("cannot wait for a child"),
            Ok(_) => break,
        }
    }
    cx.interrupt.release(pid);
    child.wait().context("cannot wait for a child")
}

/// Creates the log if need be and writes the command line into it; returns where its output begins.
fn open_log(log: &Path, command: &Command) -> Result<u64> {
    let write = || -> std::io::Result<u64> {
        if let Some(dir) = log.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut file = File::options().create(true).append(true).open(log)?;
        writeln!(file, "$ {}", show(command))?;
        file.stream_position()
    };
    write().with_context(|| format!("cannot write the log {}", log.display()))
}

/// An unnamed file in `dir` (the output folder, not /tmp: it may be memory).
fn scratch(dir: &Path) -> std::io::Result<File> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    fs::create_dir_all(dir)?;
    let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = dir.join(name);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// The last lines of what was written to `log` from offset `start` on.
fn read_tail(log: &Path, start: u64) -> Vec<String> {
    const WINDOW: u64 = 64 << 10; // ample for 30 lines of a compiler
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(WINDOW))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    last_lines(&String::from_utf8_lossy(&read().unwrap_or_default()))
}

fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

impl Failed {
    /// Whether the command ended by itself with an exit status, rather than by a signal.
    #[must_use]
    pub fn exited(&self) -> bool {
        self.status.code().is_some()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => writeln!(f, "`{}` failed with exit status {code}", self.command)?,
            (None, Some(signal)) => writeln!(f, "`{}` was killed by signal {signal}", self.command)?,
            (None, None) => writeln!(f, "`{}` ended strangely: {}", self.command, self.status)?,
        }
        for line in &self.tail {
            writeln!(f, "  | {line}")?;
        }
        match &self.log {
            Some(log) => write!(f, "  whole log: {}", log.display()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failed {}

#[cfg(test)]
mod tests;
