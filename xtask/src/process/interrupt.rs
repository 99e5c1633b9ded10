//! Ctrl-C: remembers that it was pressed and ends the running children.
//!
//! SIGINT, SIGTERM and SIGHUP cancel: each child's group gets SIGTERM, and SIGKILL two seconds
//! later. Whoever waits for a child then sees [`Interrupted`] and unwinds, removing what it had
//! begun. A second signal does not wait.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long a child may take to tidy up after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// The exit status of an interrupted program, as shells have it.
const STATUS: i32 = 130;

/// Whether the run is to end, and which process groups run. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    set: AtomicBool,
    by_user: AtomicBool,
    groups: Mutex<BTreeSet<i32>>,
}

/// The run was cancelled: by the user, or because a stage beside this one failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// True for Ctrl-C; false when another stage's failure is what matters.
    pub by_user: bool,
}

impl Interrupt {
    /// Makes SIGINT, SIGTERM and SIGHUP cancel this run. For `main`; a test has no use for it.
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub fn install() -> io::Result<Self> {
        let this = Self::default();
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let state = this.clone();
        thread::spawn(move || {
            for _ in signals.forever() {
                if state.0.by_user.swap(true, Ordering::SeqCst) {
                    state.signal_all(Signal::KILL);
                    std::process::exit(STATUS);
                }
                let state = state.clone();
                thread::spawn(move || state.cancel());
            }
        });
        Ok(this)
    }

    /// Ends every running child and makes [`check`](Self::check) fail from now on.
    pub fn cancel(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        self.signal_all(Signal::TERM);
        let patience = Instant::now() + GRACE;
        while Instant::now() < patience {
            if self.groups().is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.signal_all(Signal::KILL);
    }

    /// Fails once the run is cancelled: call it in loops that run no child.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.0.set.load(Ordering::SeqCst) || self.0.by_user.load(Ordering::SeqCst) {
            return Err(Interrupted { by_user: self.0.by_user.load(Ordering::SeqCst) });
        }
        Ok(())
    }

    /// Starts a child that leads its own group and registers it, with no gap in which a signal
    /// could miss it.
    ///
    /// # Errors
    /// The child cannot be started.
    pub fn guard(&self, spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
        let mut groups = self.groups();
        let child = spawn()?;
        groups.insert(Pid::from_child(&child).as_raw_nonzero().get());
        drop(groups);
        if self.check().is_err() {
            // The signal came first: this one was not on the list.
            let _ = kill_process_group(Pid::from_child(&child), Signal::TERM);
        }
        Ok(child)
    }

    /// Takes a child that has ended, but is not reaped yet, off the list, and ends what it left running.
    pub fn release(&self, leader: Pid) {
        let mut groups = self.groups();
        if groups.remove(&leader.as_raw_nonzero().get()) && self.check().is_err() {
            let _ = kill_process_group(leader, Signal::KILL); // the group may be empty already
        }
    }

    fn signal_all(&self, signal: Signal) {
        for group in self.groups().iter() {
            if let Some(pid) = Pid::from_raw(*group) {
                let _ = kill_process_group(pid, signal); // it may have ended by itself
            }
        }
    }

    fn groups(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.by_user { "interrupted" } else { "stopped because another stage failed" })
    }
}

impl std::error::Error for Interrupted {}
