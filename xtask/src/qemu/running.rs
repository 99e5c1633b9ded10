//! A QEMU that runs: started so that an interrupt ends it, never left behind.

use std::fs::{File, TryLockError};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions};

use super::machine::{Machine, PROGRAM};
use super::monitor;
use crate::context::Context;
use crate::process::{self, Interrupt};

/// A started machine. Dropping it ends QEMU.
pub struct Running {
    child: Child,
    interrupt: Interrupt,
    errors: PathBuf,
    reaped: bool,
}

/// Our ends of a machine's wires.
pub struct Wires {
    /// The NIC's.
    pub network: UnixStream,
    /// The console's.
    pub console: UnixStream,
}

impl Running {
    /// Starts `machine`, whose wires lead to sockets, on behalf of the lock file `owner`; QEMU's
    /// complaints go to the file `errors`.
    ///
    /// # Errors
    /// QEMU is not installed or cannot be started.
    pub fn start(
        cx: &Context,
        machine: &Machine<'_>,
        owner: &Path,
        errors: &Path,
    ) -> Result<(Running, Wires)> {
        let (network, guest_network) = UnixStream::pair().context("cannot make a socket")?;
        let (console, guest_console) = UnixStream::pair().context("cannot make a socket")?;
        let log = File::create(errors).with_context(|| format!("cannot write {}", errors.display()))?;
        let mut command = command(machine)?;
        let dir = errors.parent().unwrap_or(Path::new("."));
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", monitor::SOCKET)).current_dir(dir);
        command
            .env(process::OWNER, owner)
            .stdin(OwnedFd::from(guest_network))
            .stdout(OwnedFd::from(guest_console))
            .stderr(log)
            .process_group(0);
        let child = cx.interrupt.guard(|| command.spawn()).with_context(missing)?;
        // The command still holds the guest's ends: only without them is QEMU's end an end of file.
        drop(command);
        let running =
            Running { child, interrupt: cx.interrupt.clone(), errors: errors.to_path_buf(), reaped: false };
        Ok((running, Wires { network, console }))
    }

    /// Waits for QEMU to end by itself; `None` if it has not within `limit`.
    ///
    /// # Errors
    /// It cannot be waited for; the user interrupted.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        // Looked at without reaping, so that the process group's number stays ours until it is released.
        while rustix::process::waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_none() {
            self.interrupt.check()?;
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.reap().map(Some)
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What QEMU complained about.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default().trim().to_owned()
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        self.reaped = true;
        self.interrupt.release(Pid::from_child(&self.child));
        self.child.wait().context("cannot wait for QEMU")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.child.kill(); // an error: it has ended
            let _ = self.reap();
        }
    }
}

/// QEMU with the arguments of `machine`, in the clean environment.
///
/// # Errors
/// The board cannot be run in QEMU.
pub fn command(machine: &Machine<'_>) -> Result<Command> {
    let mut command = process::command(PROGRAM);
    command.args(machine.arguments()?).stdin(Stdio::null());
    Ok(command)
}

/// What to say when QEMU cannot be started.
pub fn missing() -> String {
    format!(
        "cannot start {PROGRAM}: install it (Debian: package qemu-system-x86; `cargo xtask doctor` knows)"
    )
}

/// Takes the lock file `path`: waits until no other run has it, and ends what a killed one left running.
///
/// # Errors
/// It cannot be locked; the user interrupted.
pub fn lock(cx: &Context, path: &Path) -> Result<File> {
    let context = || format!("cannot lock {}", path.display());
    let file = File::options().create(true).append(true).open(path).with_context(context)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                if !told {
                    cx.reporter.line(&format!("waiting for another run that holds {}", path.display()));
                    told = true;
                }
                cx.interrupt.check()?;
                std::thread::sleep(Duration::from_millis(200));
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
    }
    process::end_orphans(path);
    Ok(file)
}
