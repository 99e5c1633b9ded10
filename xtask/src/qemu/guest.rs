//! The machine as the smoke test sees it: a console, a peer on the wire, and what they agree on.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::console::{Answer, Console};
use super::machine::Machine;
use super::running::Running;
use super::smoke::{Evidence, Mismatch};
use crate::board::ByteSize;
use crate::context::Context;
use crate::peer::host::{PeerHandle, Setup};

/// Limit of a command that does little, on a busy host.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Where a run leaves its files.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Everything that was on the console.
    pub transcript: PathBuf,
    /// Every frame of the guest's NIC.
    pub capture: PathBuf,
    /// What QEMU complained about.
    pub errors: PathBuf,
    /// Held while a machine runs that writes to these files.
    pub lock: PathBuf,
}

/// A running machine with its console and its peer.
pub struct Guest {
    /// The console.
    pub console: Console,
    /// The other end of the wire.
    pub peer: PeerHandle,
    /// The process.
    pub running: Running,
    /// Name of the network interface under test.
    pub interface: String,
    /// RAM.
    pub memory: ByteSize,
    /// The probe's program, as the guest will run it.
    pub probe: Vec<u8>,
    /// KiB of memory that were free at rest, once a step has looked.
    pub at_rest: Option<u64>,
}

impl Guest {
    /// Starts `machine`.
    ///
    /// # Errors
    /// QEMU cannot be started, or a trace cannot be written.
    pub fn start(
        cx: &Context,
        machine: &Machine<'_>,
        traces: &Traces,
        probe: Vec<u8>,
        seed: u64,
    ) -> Result<Guest> {
        let transcript = File::create(&traces.transcript)
            .with_context(|| format!("cannot write the transcript {}", traces.transcript.display()))?;
        let (running, wires) = Running::start(cx, machine, &traces.lock, &traces.errors)?;
        let peer = PeerHandle::start(Setup { stream: wires.network, pcap: Some(&traces.capture), seed })?;
        let reader = wires.console.try_clone().context("cannot share the console's socket")?;
        let console = Console::new(wires.console, reader, transcript, cx.interrupt.clone())?;
        let (interface, memory) = (machine.board.interface.clone(), machine.memory);
        Ok(Guest { console, peer, running, interface, memory, probe, at_rest: None })
    }

    /// Runs `command` on the guest's shell, within the usual limit.
    ///
    /// # Errors
    /// It did not end in time, or the machine ended.
    pub fn run(&mut self, command: &str) -> Result<Answer> {
        self.console.run(command, COMMAND_LIMIT)
    }

    /// Runs `command` and returns its output; it must succeed.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Mismatch`] when its exit status is not zero.
    pub fn succeed(&mut self, command: &str) -> Result<String> {
        self.succeed_within(command, COMMAND_LIMIT)
    }

    /// As [`succeed`](Self::succeed), within `limit`.
    ///
    /// # Errors
    /// The same.
    pub fn succeed_within(&mut self, command: &str, limit: Duration) -> Result<String> {
        let answer = self.console.run(command, limit)?;
        if answer.status != 0 {
            let got = format!("exit status {}, {:?}", answer.status, answer.output.trim());
            return Err(Mismatch::new(format!("`{command}` to succeed"), got).into());
        }
        Ok(answer.output)
    }

    /// Runs a part of the probe; every check of it must hold.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Mismatch`] with the checks that failed.
    pub fn probe(&mut self, arguments: &str) -> Result<Evidence> {
        let answer = self.run(&format!("/tmp/probe {arguments}"))?;
        checks(&answer.output)
    }
}

/// Judges the probe's lines: how many checks held, or which did not.
///
/// # Errors
/// [`Mismatch`] with the checks that failed, or that it did not come to its end.
pub fn checks(output: &str) -> Result<Evidence> {
    let (mut good, mut bad, mut ended) = (0_u64, Vec::new(), false);
    for line in output.lines() {
        if line.ends_with(" ok") {
            good += 1;
        } else if line.contains(" FAIL ") {
            bad.push(line.trim());
        } else if line.starts_with("done ") {
            ended = true;
        }
    }
    if !bad.is_empty() {
        return Err(Mismatch::new("every check of the probe to hold", bad.join("\n")).into());
    }
    if !ended || good == 0 {
        return Err(Mismatch::new("the probe to come to its end", format!("{:?}", output.trim())).into());
    }
    Ok(Evidence::new(format!("{good} checks")).with("checks", good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_lines_are_judged() {
        assert_eq!(checks("a ok\nb-2 ok\ndone 2 0\n").unwrap().text, "2 checks");
        for (name, output, message) in [
            ("a failure", "a ok\nb FAIL got 1 expected 2\ndone 2 1\n", "b FAIL got 1 expected 2"),
            ("cut off", "a ok\n", "to come to its end"),
            ("not there", "sh: /tmp/probe: not found\n", "/tmp/probe: not found"),
            ("nothing done", "done 0 0\n", "to come to its end"),
        ] {
            let error = checks(output).unwrap_err().to_string();
            assert!(error.contains(message), "{name}: {error}");
        }
    }
}
