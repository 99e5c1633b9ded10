//! The kernel had nothing to complain about: no warning, no oops, on the console or in its log.

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};

/// What a line of the kernel has when something is wrong.
const ALARMS: [&str; 14] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "Call Trace",
    "cut here",
    "Kernel panic",
    "general protection",
    "invalid opcode",
    "unable to handle",
    "UBSAN",
    "refcount_t",
    "Out of memory",
    "unregister_netdevice: waiting",
    "linnet: bug",
];

/// Looks at every kernel line that was on the console, and at the log's end for those that were not.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    // The kernel's lines are recognised wherever they are printed: dmesg adds those not shown before.
    guest.run("dmesg")?;
    judge(guest.console.kernel_lines())
}

fn judge(lines: &[String]) -> Result<Evidence> {
    let mut bad: Vec<&str> = Vec::new();
    for line in lines.iter().map(String::as_str).filter(|line| alarming(line)) {
        if !bad.contains(&line) {
            bad.push(line); // dmesg repeats those that were on the console
        }
    }
    if !bad.is_empty() {
        return Err(Mismatch::new("no complaint of the kernel", format!("\n{}", bad.join("\n"))).into());
    }
    if lines.is_empty() {
        return Err(Mismatch::new("the kernel to have said something", "no line with a time").into());
    }
    Ok(Evidence::new(format!("{} lines without a complaint", lines.len())).with("lines", lines.len()))
}

fn alarming(line: &str) -> bool {
    ALARMS.iter().any(|alarm| line.contains(alarm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found() {
        for (line, expected) in [
            ("[    0.000000] Linux version 6.12.117", false),
            ("[    1.000000] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1", true),
            ("[    1.000000] ------------[ cut here ]------------", true),
            ("[    1.000000] BUG: kernel NULL pointer dereference", true),
            ("[    1.000000] Oops: 0000 [#1]", true),
            ("[    1.000000] debug: nothing", false),
        ] {
            assert_eq!(alarming(line), expected, "{line}");
        }
        assert!(judge(&[]).is_err());
    }
}
