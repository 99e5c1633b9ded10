//! A console for the user: the board's serial line on this terminal, with a network.
//!
//! QEMU puts the terminal into raw mode and back; what it was before is kept here too, so that it
//! is restored however QEMU ends.

use std::io::IsTerminal as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::machine::{Console, Forward, Machine, Network};
use super::running;
use crate::board::{Board, ByteSize};
use crate::context::Context;
use std::path::Path;

/// What listens in the guest, and how one gets there.
const SERVICES: [(u16, &str); 2] = [(23, "telnet 127.0.0.1"), (80, "http://127.0.0.1")];

/// Boots `kernel` and `rootfs` on `board` with the user's terminal as console, until the machine ends.
///
/// # Errors
/// There is no terminal; QEMU is missing or failed.
pub fn run(cx: &Context, board: &Board, memory: ByteSize, kernel: &Path, rootfs: &Path) -> Result<()> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        bail!(
            "--shell needs a terminal on standard input and output; without one, \
             `cargo xtask qemu` runs the smoke test"
        );
    }
    let forwards = forwards()?;
    let machine = Machine {
        board,
        memory,
        kernel,
        rootfs,
        network: Network::User(&forwards),
        console: Console::Terminal,
    };
    cx.reporter.line(&greeting(board, memory, &forwards));

    let mut command = running::command(&machine)?;
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let terminal = Terminal::keep();
    let mut child = command.spawn().with_context(running::missing)?;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for QEMU")? {
            break status;
        }
        // The guest has Ctrl-C; an interrupt here is a signal from outside.
        if let Err(interrupted) = cx.interrupt.check() {
            let _ = child.kill(); // an error: it has ended
            let _ = child.wait();
            return Err(interrupted.into());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    drop(terminal);
    if !status.success() {
        bail!("QEMU ended with {status}; what it said is above");
    }
    Ok(())
}

/// Free ports of the host's loopback for the guest's services.
fn forwards() -> Result<Vec<Forward>> {
    // All are held until all are found, so that they differ; QEMU takes them a moment later.
    let listeners: Vec<_> = SERVICES
        .iter()
        .map(|(guest, _)| Ok((*guest, TcpListener::bind("127.0.0.1:0")?)))
        .collect::<std::io::Result<_>>()
        .context("no free port on 127.0.0.1")?;
    listeners
        .iter()
        .map(|(guest, listener)| Ok(Forward { host: listener.local_addr()?.port(), guest: *guest }))
        .collect()
}

fn greeting(board: &Board, memory: ByteSize, forwards: &[Forward]) -> String {
    let mut text = format!("booting {} with {memory} of RAM; the console is this terminal\n", board.name);
    for (forward, (_, way)) in forwards.iter().zip(SERVICES) {
        let separator = if way.starts_with("http") { ':' } else { ' ' };
        text.push_str(&format!("  guest port {:<3} {way}{separator}{}\n", forward.guest, forward.host));
    }
    text.push_str("  leave with `poweroff`, or at once with Ctrl-A X; Ctrl-A H for help");
    text
}

/// The terminal's settings, put back when dropped.
struct Terminal(Option<String>);

impl Terminal {
    fn keep() -> Terminal {
        let settings = Command::new("stty").arg("-g").stdin(Stdio::inherit()).output();
        let settings = settings.ok().filter(|output| output.status.success());
        Terminal(settings.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            // Nothing more can be done if this fails; QEMU has mostly done it already.
            let _ = Command::new("stty").arg(settings).stdin(Stdio::inherit()).status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_are_different_free_ports() {
        let forwards = forwards().unwrap();
        assert_eq!(forwards.iter().map(|forward| forward.guest).collect::<Vec<_>>(), [23, 80]);
        assert_ne!(forwards[0].host, forwards[1].host);
    }
}
