//! Address, netmask, routes and the ARP entry are there for ifconfig, route and arp to see.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::plan;

/// The lease's script sets the route and the resolver after the address.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks the three programs, and looks at the resolver's file.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let interface = guest.interface.clone();
    let (address, mask, broadcast) =
        (plan::GUEST.to_string(), plan::NETMASK.to_string(), plan::BROADCAST.to_string());
    let gateway = plan::GATEWAY.to_string();
    let network = "192.0.2.0";

    let command = format!("ifconfig {interface}");
    expect(
        guest,
        &command,
        &[
            &[&format!("inet addr:{address}"), &format!("Bcast:{broadcast}"), &format!("Mask:{mask}")],
            &["UP", "BROADCAST", "RUNNING", "MTU:1500"],
        ],
    )?;
    expect(
        guest,
        "ifconfig lo",
        &[&["inet addr:127.0.0.1", "Mask:255.0.0.0"], &["UP", "LOOPBACK", "RUNNING"]],
    )?;
    expect(
        guest,
        "route -n",
        &[&["0.0.0.0", &gateway, "0.0.0.0", "UG", &interface], &[network, "0.0.0.0", &mask, "U", &interface]],
    )?;
    expect(guest, "cat /etc/resolv.conf", &[&["nameserver", &gateway], &["search", plan::DOMAIN]])?;

    // One exchange, so that the entry is there whatever has been said before.
    guest.succeed(&format!("ping -c 1 -W 5 {gateway}"))?;
    let mac = plan::PEER_MAC.map(|byte| format!("{byte:02x}")).join(":");
    expect(guest, "arp -n", &[&[&format!("({gateway}) at {mac}"), "[ether]", &interface]])?;
    Ok(Evidence::new(format!("{address}/{} via {gateway}, which is at {mac}", plan::PREFIX)))
}

/// Repeats `command` until its output has the lines, or the time is over.
fn expect(guest: &mut Guest, command: &str, lines: &[&[&str]]) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let output = guest.succeed(command)?;
        match Mismatch::check_lines(command, &output, lines) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
            result => return result,
        }
    }
}
