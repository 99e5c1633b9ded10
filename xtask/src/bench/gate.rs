//! The gate: where the guest waits for its host, and what its instructions are counted by.
//!
//! The other end is `xtask/counter`, inside QEMU.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A guest that does not come to the next limit in this time, by the wall's clock, never will.
const PATIENCE: Duration = Duration::from_secs(60);
/// With a limit: the profile begins anew.
const BEGIN_PROFILE: u64 = 1 << 63;
/// With a limit: the profile is to be written.
const WRITE_PROFILE: u64 = 1 << 62;

/// No limit: longer than any run.
pub const NEVER: u64 = WRITE_PROFILE - 1;

/// Our end of the gate.
pub struct Gate {
    stream: UnixStream,
}

/// Why the guest waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has come to the limit.
    Limit,
    /// Its network is up, and the clock is to go in step from now on.
    Ready,
    /// What is measured begins.
    Begin,
    /// It has ended.
    End,
}

/// The marks in the guest's program by their names there, in the order of their numbers.
pub const MARKS: [(&str, Reason); 3] =
    [("mark_ready", Reason::Ready), ("mark_begin", Reason::Begin), ("mark_end", Reason::End)];

/// Instructions since the machine was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them: nanoseconds of the guest's clock.
    pub total: u64,
    /// Those that only passed the time.
    pub idle: u64,
}

/// What becomes of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// It goes on.
    Continue,
    /// It begins.
    Begin,
    /// It is written to its file.
    Write,
}

impl Gate {
    /// A gate, and the end of it that QEMU inherits.
    ///
    /// # Errors
    /// No socket can be made.
    pub fn new() -> Result<(Gate, OwnedFd)> {
        let (stream, guest) = inheritable().context("cannot make a socket")?;
        stream.set_read_timeout(Some(PATIENCE)).context("cannot set a socket's timeout")?;
        Ok((Gate { stream }, guest))
    }

    /// Waits for the guest.
    ///
    /// # Errors
    /// It has ended, or does not come.
    pub fn wait(&mut self) -> Result<(Reason, Count)> {
        let mut words = [0; 32];
        if self.stream.read_exact(&mut words).is_err() {
            bail!("the machine has ended or hangs");
        }
        let word = |at: usize| {
            u64::from_le_bytes(words[at * 8..][..8].try_into().expect("eight bytes are eight bytes"))
        };
        let reason = match word(0) {
            0 => Reason::Limit,
            mark => match MARKS.get(mark as usize - 1) {
                Some((_, reason)) => *reason,
                None => bail!("the counter knows a mark {mark} that nobody has told it of"),
            },
        };
        Ok((reason, Count { total: word(1), idle: word(2) }))
    }

    /// Lets the guest go on up to `limit`.
    ///
    /// # Errors
    /// It has ended.
    pub fn go(&mut self, limit: u64, record: Record) -> Result<()> {
        let flag = match record {
            Record::Continue => 0,
            Record::Begin => BEGIN_PROFILE,
            Record::Write => WRITE_PROFILE,
        };
        let word = limit.min(NEVER) | flag;
        self.stream.write_all(&word.to_le_bytes()).context("the machine has ended")
    }
}

impl Count {
    /// Those that did something.
    #[must_use]
    pub fn busy(self) -> u64 {
        self.total - self.idle
    }
}

impl std::ops::Sub for Count {
    type Output = Count;

    fn sub(self, earlier: Count) -> Count {
        Count { total: self.total - earlier.total, idle: self.idle - earlier.idle }
    }
}

/// A connected pair of sockets, the second of which the next process inherits under its number.
///
/// # Errors
/// None can be made.
pub fn inheritable() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty())?;
    Ok((ours, theirs.into()))
}

/// The arguments for QEMU that load the counter.
#[must_use]
pub fn plugin(file: &str, gate: &OwnedFd, idle: (u64, u64), marks: &[u64], profile: &str) -> String {
    let marks: String = marks.iter().map(|mark| format!(",mark={mark:#x}")).collect();
    format!("{file},fd={},idle={:#x}-{:#x}{marks},profile={profile}", gate.as_raw_fd(), idle.0, idle.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn words_go_and_come() {
        let (mut gate, other) = Gate::new().unwrap();
        let mut other = File::from(other);
        for (word, reason) in [(0, Reason::Limit), (1, Reason::Ready), (2, Reason::Begin), (3, Reason::End)] {
            let words = [word, 700_u64, 200, 0].map(u64::to_le_bytes).concat();
            other.write_all(&words).unwrap();
            let (got, count) = gate.wait().unwrap();
            assert_eq!((got, count.busy()), (reason, 500));
        }
        gate.go(1000, Record::Write).unwrap();
        let mut word = [0; 8];
        other.read_exact(&mut word).unwrap();
        assert_eq!(u64::from_le_bytes(word), 1000 | 1 << 62);
        drop(other);
        assert!(gate.wait().is_err());
    }
}
