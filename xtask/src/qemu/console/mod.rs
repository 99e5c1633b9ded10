//! The guest's console: waits for what it says, runs commands on its shell.
//!
//! A command is framed by two marks that the shell prints, numbered, the second with the exit status.
//! The marks are typed in another form than they are printed in (a quote stands inside), so an echo
//! of the typing is never taken for them, however the terminal wraps it; and kernel lines are taken
//! out first (`sieve.rs`), wherever they fall.

mod sieve;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::Interrupt;
use sieve::Sieve;

/// Longest command line typed, in bytes: BusyBox's line editor is built for 512.
const LINE_MAX: usize = 480;
/// How long the shell may take to answer when it is spoken to first.
const GREETING: Duration = Duration::from_secs(3);
/// After such a silence the Enter key is pressed again: when init sets the terminal anew for a program
/// it starts, the kernel may forget that the line before was complete. An empty line does nothing.
const SILENCE: Duration = Duration::from_secs(3);
/// How many lines are kept for an error message.
const RECENT_LINES: usize = 30;
/// How often a wait looks whether the user has interrupted.
const LOOK: Duration = Duration::from_millis(200);

/// A console: bytes to it, bytes from it, all of the latter kept in a transcript.
pub struct Console {
    input: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    interrupt: Interrupt,
    sieve: Sieve,
    /// What programs have said and nobody has waited for yet.
    text: Vec<u8>,
    kernel: Vec<String>,
    recent: Recent,
    commands: u32,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its exit status.
    pub status: u8,
    /// What it wrote on both its outputs, with plain newlines.
    pub output: String,
}

/// The console closed: QEMU has ended.
#[derive(Debug)]
pub struct Closed;

impl Console {
    /// A console that is written to through `input` and read through `output`; every byte that is
    /// read is also written to `transcript`.
    ///
    /// # Errors
    /// The reading thread cannot be started.
    pub fn new(
        input: impl Write + Send + 'static,
        mut output: impl Read + Send + 'static,
        mut transcript: impl Write + Send + 'static,
        interrupt: Interrupt,
    ) -> Result<Console> {
        let (sender, receiver) = mpsc::channel();
        let read = move || {
            let mut chunk = vec![0; 4096];
            while let Ok(len @ 1..) = output.read(&mut chunk) {
                // A full disk must not stop the test: the transcript then ends early.
                let _ = transcript.write_all(&chunk[..len]).and_then(|()| transcript.flush());
                if sender.send(chunk[..len].to_vec()).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("console".into()).spawn(read).context("cannot start a thread")?;
        Ok(Console {
            input: Box::new(input),
            output: receiver,
            interrupt,
            sieve: Sieve::default(),
            text: Vec::new(),
            kernel: Vec::new(),
            recent: Recent::default(),
            commands: 0,
        })
    }

    /// Waits until a program has said `wanted`, and returns what was said up to and with the end of
    /// that line; all of it counts as read then.
    ///
    /// # Errors
    /// Not said within `limit`; the console closed ([`Closed`]); the user interrupted.
    pub fn wait_for(&mut self, wanted: &str, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(at) = find(&self.text, wanted.as_bytes())
                && let Some(end) = find(&self.text[at..], b"\n")
            {
                let said: Vec<u8> = self.text.drain(..=at + end).collect();
                return Ok(plain(&said));
            }
            if !self.read(deadline)? {
                bail!("waited {} s for the console to say {wanted:?}", limit.as_secs());
            }
        }
    }

    /// Makes the shell ready for [`run`](Self::run): no echo, no prompt.
    ///
    /// # Errors
    /// It does not answer within `limit`; the console closed; the user interrupted.
    pub fn greet(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            // Sent again after a silence: the shell may not have been there to read the first.
            self.type_line("stty -echo; PS1=; PS2=")?;
            match self.run("true", GREETING) {
                Ok(_) => return Ok(()),
                Err(error) if error.is::<Closed>() || Instant::now() >= deadline => {
                    return Err(error.context("no shell answers on the console"));
                }
                Err(_) => self.interrupt.check()?,
            }
        }
    }

    /// Runs `command` on the shell, with nothing on its standard input, and returns what it did.
    ///
    /// # Errors
    /// Not done within `limit`; the console closed ([`Closed`]); the user interrupted.
    pub fn run(&mut self, command: &str, limit: Duration) -> Result<Answer> {
        self.commands += 1;
        let number = self.commands;
        let line =
            format!("echo @'@begin {number}@'; {{ {command}; }} </dev/null 2>&1; echo @'@end {number} '$?@@");
        self.type_line(&line)?;

        let deadline = Instant::now() + limit;
        let (begin, end) = (format!("@@begin {number}@"), format!("@@end {number} "));
        let mut looked_at = 0;
        loop {
            if let Some(answer) = self.answer(&begin, &end, &mut looked_at) {
                return Ok(answer);
            }
            if self.read(deadline.min(Instant::now() + SILENCE))? {
                continue;
            }
            if Instant::now() >= deadline {
                bail!("`{command}` had not ended after {} s", limit.as_secs());
            }
            self.type_line("")?;
        }
    }

    /// Every line of the kernel so far, with its time, oldest first.
    pub fn kernel_lines(&self) -> &[String] {
        &self.kernel
    }

    /// The last lines that were on the console, kernel lines included, for an error message.
    pub fn recent_lines(&self) -> Vec<String> {
        self.recent.lines()
    }

    /// Reads until the console closes, at most for `limit`, and says whether it did.
    ///
    /// # Errors
    /// The user interrupted.
    pub fn drain(&mut self, limit: Duration) -> Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            match self.read(deadline) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if error.is::<Closed>() => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Types `line` and the Enter key.
    ///
    /// # Errors
    /// The console closed ([`Closed`]).
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        debug_assert!(line.len() <= LINE_MAX, "{} bytes are too many for the shell: {line}", line.len());
        let typed = format!("{line}\n");
        self.input.write_all(typed.as_bytes()).and_then(|()| self.input.flush()).map_err(|_| Closed.into())
    }

    /// The answer between two marks, once both are there; what lay before it counts as read. The end is not
    /// looked for again in the first `looked_at` bytes: a long answer comes in many small pieces.
    fn answer(&mut self, begin: &str, end: &str, looked_at: &mut usize) -> Option<Answer> {
        let seen = *looked_at;
        let Some(at) = find(&self.text[seen..], end.as_bytes()) else {
            *looked_at = self.text.len().saturating_sub(end.len());
            return None;
        };
        let start = find(&self.text, begin.as_bytes())?;
        let body = start + find(&self.text[start..], b"\n")? + 1;
        let stop = body.max(seen + at);
        let status_at = stop + end.len();
        let status_end = status_at + find(&self.text[status_at..], b"@@")?;
        let status = std::str::from_utf8(&self.text[status_at..status_end]).ok()?.parse().ok()?;
        let output = plain(&self.text[body..stop]);
        self.text.drain(..status_end + 2);
        Some(Answer { status, output })
    }

    /// Reads some; false when `deadline` has passed without anything to read.
    fn read(&mut self, deadline: Instant) -> Result<bool> {
        loop {
            self.interrupt.check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left.min(LOOK)) {
                Ok(bytes) => {
                    self.recent.feed(&bytes);
                    self.sieve.feed(&bytes, &mut self.text, &mut self.kernel);
                    return Ok(true);
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.interrupt.check()?;
                    return Err(Closed.into());
                }
            }
        }
    }
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the machine ended while the test was going on")
    }
}

impl std::error::Error for Closed {}

/// The last lines of a stream.
#[derive(Debug, Default)]
struct Recent {
    lines: VecDeque<Vec<u8>>,
}

impl Recent {
    fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match self.lines.back_mut().filter(|line| !line.ends_with(b"\n")) {
                Some(line) => line.extend_from_slice(piece),
                None => self.lines.push_back(piece.to_vec()),
            }
            if self.lines.len() > RECENT_LINES {
                self.lines.pop_front();
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.iter().map(|line| plain(line).trim_end().to_owned()).collect()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Text without carriage returns and other control characters.
fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests;
