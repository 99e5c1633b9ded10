//! QEMU's monitor: what happens to the hardware of a running machine (QMP, one JSON object a line).

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// The monitor's socket, in the folder in which QEMU runs: a path of the whole length may be longer
/// than the address of a socket can be.
pub const SOCKET: &str = "monitor.sock";
/// QEMU answers at once, on a busy host within a few seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// A connection to the monitor of one machine.
pub struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects to the monitor of the QEMU with this process number.
    ///
    /// # Errors
    /// QEMU has ended, or does not answer.
    pub fn connect(pid: u32) -> Result<Monitor> {
        let path = format!("/proc/{pid}/cwd/{SOCKET}");
        let stream = UnixStream::connect(&path).with_context(|| format!("cannot connect to {path}"))?;
        stream.set_read_timeout(Some(LIMIT)).context("cannot limit the wait for QEMU's monitor")?;
        let mut monitor = Monitor { stream: BufReader::new(stream) };
        monitor.line()?; // the greeting
        monitor.ask("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Plugs the cable of the NIC's wire in or pulls it, so that the guest's driver sees it.
    ///
    /// # Errors
    /// QEMU refuses, or does not answer.
    pub fn set_link(&mut self, up: bool) -> Result<()> {
        self.ask("set_link", &json!({ "name": "wire", "up": up }))
    }

    fn ask(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let line = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        let sent = self.stream.get_mut().write_all(line.as_bytes());
        sent.with_context(|| format!("cannot ask QEMU's monitor for `{command}`"))?;
        loop {
            let answer = self.line()?;
            if answer.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = answer.get("error") {
                bail!("QEMU's monitor refuses `{command}`: {error}");
            }
            // An event: it tells of something else.
        }
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("QEMU's monitor does not answer")?;
        serde_json::from_str(&line).with_context(|| format!("QEMU's monitor says {line:?}"))
    }
}
