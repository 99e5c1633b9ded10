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
/// Without a terminal the console is standard input and output as they are.
///
/// # Errors
/// QEMU is missing or failed.
pub fn run(cx: &Context, board: &Board, memory: ByteSize, kernel: &Path, rootfs: &Path) -> Result<()> {
    let forwards = forwards()?;
    let machine = Machine {
        board,
        memory,
        kernel,
        rootfs,
        network: Network::User(&forwards),
        console: Console::Terminal,
        counted: None,
    };
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    cx.reporter.line(&greeting(board, memory, &forwards, terminal));

    let mut command = running::command(&machine)?;
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let settings = Terminal::keep();
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
    drop(settings);
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

fn greeting(board: &Board, memory: ByteSize, forwards: &[Forward], terminal: bool) -> String {
    let console = if terminal { "this terminal" } else { "standard input and output (no terminal)" };
    let mut text = format!("booting {} with {memory} of RAM; the console is {console}\n", board.name);
    for (forward, (_, way)) in forwards.iter().zip(SERVICES) {
        let separator = if way.starts_with("http") { ':' } else { ' ' };
        text.push_str(&format!("  guest port {:<3} {way}{separator}{}\n", forward.guest, forward.host));
    }
    text.push_str(match terminal {
        true => "  leave with `poweroff`, or at once with Ctrl-A X; Ctrl-A H for help",
        false => "  ends when the guest powers off, or by Ctrl-C or SIGTERM to this program",
    });
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
    fn the_greeting_says_how_to_get_in_and_out() {
        let board = Board::load(&crate::context::Paths::find(None).unwrap(), "qemu-pc").unwrap();
        let forwards = [Forward { host: 40023, guest: 23 }, Forward { host: 40080, guest: 80 }];
        let text = greeting(&board, ByteSize(8 << 20), &forwards, true);
        for part in ["8 MiB", "telnet 127.0.0.1 40023", "http://127.0.0.1:40080", "Ctrl-A X"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(greeting(&board, ByteSize(8 << 20), &forwards, false).contains("no terminal"));
    }

    #[test]
    fn forwards_are_different_free_ports() {
        let forwards = forwards().unwrap();
        assert_eq!(forwards.iter().map(|forward| forward.guest).collect::<Vec<_>>(), [23, 80]);
        assert_ne!(forwards[0].host, forwards[1].host);
    }
}
