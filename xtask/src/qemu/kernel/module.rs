//! Our stack as a module: not unloaded while a program has a socket, and loaded, used and unloaded again and
//! again without memory that is gone afterwards.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::peer::plan;
use crate::qemu::guest::Guest;
use crate::qemu::smoke::{Evidence, Mismatch};

/// The module in the guest.
const FILE: &str = "/lib/modules/linnet.ko";
/// How often it is loaded.
const ROUNDS: usize = 12;
/// What a round may cost, in KiB. Pages that the allocator keeps make single rounds differ by a hundred and
/// more, both ways; the medians of the two halves differ by far less.
const LOSS_MAX: i64 = 8;
/// One round.
const LIMIT: Duration = Duration::from_secs(120);

/// Asks the kernel to unload it while sockets of each kind are open.
pub fn refused(guest: &mut Guest) -> Result<Evidence> {
    if !is_loaded(guest)? {
        return Ok(Evidence::new("no module here: nothing to unload"));
    }
    guest.probe(&format!("module {} {}", plan::GATEWAY, plan::ECHO_PORT))
}

/// Unload, load, lease, download, sockets; what is free afterwards must not become less.
pub fn reload(guest: &mut Guest) -> Result<Evidence> {
    if !is_loaded(guest)? {
        return Ok(Evidence::new("no module here: nothing to unload"));
    }
    stop_services(guest)?;
    let interface = guest.interface.clone();
    // The client goes on to keep its lease: it is ended with the round.
    let client = format!("/sbin/dhcpc -a 200 {interface} /etc/dhcpc.script >/dev/null 2>&1 & client=$!");
    let leased = format!("ifconfig {interface} | grep -q 'inet addr:{} '", plan::GUEST);
    let lease = format!("i=0; until {leased}; do i=$((i+1)); [ $i -lt 20 ] || exit 1; sleep 1; done");
    let download = format!("wget -q -O /dev/null http://{}/probe", plan::GATEWAY);
    let sockets = format!("/tmp/probe loopback {} >/dev/null", plan::GUEST);
    let mut free = Vec::new();
    for _ in 0..ROUNDS {
        // Connections that only the stack remembers are in its way no more than frames that arrive.
        guest.succeed_within("rmmod linnet", LIMIT).context("it is not unloaded though nobody uses it")?;
        free.push(free_kib(guest)?);
        guest.succeed_within(&format!("insmod {FILE} && ifconfig lo 127.0.0.1 up"), LIMIT)?;
        guest.succeed(&client)?;
        guest.succeed_within(&format!("({lease})"), LIMIT)?;
        guest.succeed_within(&download, LIMIT)?;
        guest.succeed_within(&sockets, LIMIT)?;
        guest.run("kill $client; wait $client")?;
    }
    let (first, last) = halves(&free);
    let loss = (first - last) / (ROUNDS / 2) as i64;
    if loss > LOSS_MAX {
        let got = format!("{loss} KiB less with each; free after each round, in KiB: {free:?}");
        return Err(Mismatch::new("memory to be free again after each unloading", got).into());
    }
    let text = format!("{ROUNDS} times; {first} KiB free in the first half, {last} in the second");
    Ok(Evidence::new(text).with("free_kib", free))
}

/// The medians of the first half and of the second.
fn halves(free: &[i64]) -> (i64, i64) {
    let median = |part: &[i64]| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    let (first, second) = free.split_at(free.len() / 2);
    (median(first), median(second))
}

fn is_loaded(guest: &mut Guest) -> Result<bool> {
    Ok(guest.run("grep -q ^linnet /proc/modules")?.status == 0)
}

/// Lets init forget everything but the console's shell, and ends it.
fn stop_services(guest: &mut Guest) -> Result<()> {
    let keep = "grep -e /rcS -e '-/bin/sh$' /etc/inittab >/tmp/inittab";
    guest.succeed(&format!("{keep} && cat /tmp/inittab >/etc/inittab && kill -HUP 1 && sleep 1"))?;
    guest.succeed("kill $(pidof httpd telnetd dhcpc) && sleep 1").map(|_| ())
}

/// What no process and no cache that could be dropped takes.
fn free_kib(guest: &mut Guest) -> Result<i64> {
    let free =
        guest.succeed("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; grep MemFree /proc/meminfo")?;
    let number = free.split_whitespace().find_map(|word| word.parse().ok());
    number.with_context(|| format!("/proc/meminfo says {free:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_shows_through_the_noise() {
        let noise =
            [105_880, 105_868, 105_948, 105_988, 106_116, 106_088, 105_900, 105_992, 105_908, 105_984];
        let loss = |leak: i64| {
            let free: Vec<i64> = (0..).zip(noise).map(|(round, free)| free - round * leak).collect();
            let (first, last) = halves(&free);
            (first - last) / (noise.len() / 2) as i64
        };
        assert!(loss(0) <= LOSS_MAX, "{}", loss(0));
        assert!(loss(20) > LOSS_MAX, "{}", loss(20));
    }
}
