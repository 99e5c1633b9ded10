//! How much memory is free: after boot, at rest, and when everything is over.
//!
//! Free is what `MemFree` says and what the kernel has in its processor's list of pages to give out next, up to
//! 256 KB that come and go: without these the figure says little about what is lost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::qemu::guest::Guest;
use crate::qemu::smoke::{Evidence, Mismatch};

/// What may be missing at the end, in KiB.
const SLACK: u64 = 32;
/// TIME-WAIT lasts a minute, and what it holds comes back after that.
const LIMIT: Duration = Duration::from_secs(100);
/// A page of the target's processors.
const PAGE_KIB: u64 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// What is free once everything is started.
pub fn free(guest: &mut Guest) -> Result<Evidence> {
    let (total, free) = (field(guest, "MemTotal")?, free_now(guest)?);
    let text =
        format!("{free} KiB of {} KiB, of which the kernel leaves {total}", guest.memory.bytes() / 1024);
    Ok(Evidence::new(text).with("free_kib", free).with("total_kib", total))
}

/// What is free at rest: [`returned`] compares with it.
pub fn rest(guest: &mut Guest) -> Result<Evidence> {
    let free = settled(guest)?;
    guest.at_rest = Some(free);
    Ok(Evidence::new(format!("{free} KiB free")).with("free_kib", free))
}

/// As much is free as was at rest.
pub fn returned(guest: &mut Guest) -> Result<Evidence> {
    let before = guest.at_rest.context("the step `rest` has not been through")?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let now = free_now(guest)?;
        if now + SLACK >= before {
            let text = format!("{now} KiB free, {before} before");
            return Ok(Evidence::new(text).with("free_kib", now).with("before_kib", before));
        }
        if Instant::now() > deadline {
            let details =
                guest.succeed("cat /proc/meminfo /proc/net/sockstat /proc/net/tcp 2>/dev/null; ps")?;
            let got = format!("{now} KiB after {} s\n{details}", LIMIT.as_secs());
            let expected = format!("{before} KiB free again, {SLACK} less at most");
            return Err(Mismatch::new(expected, got).into());
        }
        std::thread::sleep(PAUSE);
    }
}

/// What is free when that changes no more.
fn settled(guest: &mut Guest) -> Result<u64> {
    let mut last = free_now(guest)?;
    for _ in 0..20 {
        std::thread::sleep(PAUSE);
        let now = free_now(guest)?;
        if now.abs_diff(last) <= 4 {
            return Ok(now.min(last));
        }
        last = now;
    }
    Ok(last)
}

/// Free pages wherever they are, in KiB.
fn free_now(guest: &mut Guest) -> Result<u64> {
    let lists = guest.succeed("grep -E '^ +count:' /proc/zoneinfo")?;
    let pages: u64 = lists.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(field(guest, "MemFree")? + pages * PAGE_KIB)
}

/// A figure of /proc/meminfo, in KiB.
fn field(guest: &mut Guest, name: &str) -> Result<u64> {
    let line = guest.succeed(&format!("grep ^{name}: /proc/meminfo"))?;
    let number = line.split_whitespace().find_map(|word| word.parse().ok());
    number.with_context(|| format!("no number for {name} in /proc/meminfo: {line:?}"))
}
