//! The kernel had nothing to complain about: no warning, no oops, on the console or in its log.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};

/// What a line of the kernel has when something is wrong.
const ALARMS: [&str; 24] = [
    "WARNING:",
    "BUG:",
    "BUG ",
    "Oops",
    "Call Trace",
    "cut here",
    "Kernel panic",
    "general protection",
    "invalid opcode",
    "unable to handle",
    "UBSAN",
    "ODEBUG",
    "refcount_t",
    "leaked reference",
    "still has objects",
    "Out of memory",
    "unregister_netdevice: waiting",
    "INFO: possible",
    "INFO: trying to register",
    "detected stall",
    "self-detected stall",
    "blocked for more than",
    "new suspected memory leak",
    "linnet: bug",
];

/// As much of a report as says what happened: stack traces and held locks included.
const REPORT_LINES: usize = 80;

/// A log of a quarter of a megabyte, on an emulated line.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks at every kernel line that was on the console, and at the log's end for those that were not.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    // The kernel's lines are recognised wherever they are printed: dmesg adds those not shown before.
    guest.console.run("dmesg", LIMIT)?;
    judge(guest.console.kernel_lines())
}

/// Whether these lines of the kernel are without a complaint.
///
/// # Errors
/// [`Mismatch`] with what it complains of.
pub fn judge(lines: &[String]) -> Result<Evidence> {
    // dmesg repeats what was on the console.
    let mut seen = HashSet::new();
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| seen.insert(*line)).collect();
    if let Some(first) = lines.iter().position(|line| alarming(line)) {
        let rest = &lines[first..];
        let alarms = rest.iter().filter(|line| alarming(line)).count();
        let mut report = rest[..rest.len().min(REPORT_LINES)].join("\n");
        if rest.len() > REPORT_LINES {
            report += &format!("\n… {} lines more in the transcript", rest.len() - REPORT_LINES);
        }
        let got = format!("{alarms} lines with an alarm:\n{report}");
        return Err(Mismatch::new("no complaint of the kernel", got).into());
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
            ("[    0.100000] Intel Pentium with F0 0F bug - workaround enabled.", false),
            ("[    0.200000] kmemleak: Kernel memory leak detector initialized", false),
            ("[    1.000000] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1", true),
            ("[    1.000000] WARNING: possible circular locking dependency detected", true),
            ("[    1.000000] BUG: sleeping function called from invalid context at mm/slab.h:1", true),
            ("[    1.000000] BUG kmalloc-64 (Not tainted): Right Redzone overwritten", true),
            ("[    1.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", true),
            ("[    1.000000] ------------[ cut here ]------------", true),
            ("[    1.000000] BUG: kernel NULL pointer dereference", true),
            ("[    1.000000] Oops: 0000 [#1]", true),
            ("[    1.000000] debug: nothing", false),
        ] {
            assert_eq!(alarming(line), expected, "{line}");
        }
        assert!(judge(&[]).is_err());
    }

    #[test]
    fn a_report_is_shown_whole_and_once() {
        let line = |number: usize| format!("[    {number}.000000] line {number}");
        let mut lines: Vec<String> = (0..3).map(line).collect();
        lines.push("[    3.000000] WARNING: possible recursive locking detected".to_owned());
        lines.extend((4..10).map(line));
        lines.extend(lines.clone());
        let error = judge(&lines).unwrap_err().to_string();
        assert!(error.contains("1 lines with an alarm") && error.ends_with("line 9"), "{error}");
        assert_eq!(error.matches("recursive").count(), 1, "{error}");
        assert!(!error.contains("line 2"), "{error}");
        lines.extend((10..200).map(line));
        assert!(judge(&lines).unwrap_err().to_string().ends_with("lines more in the transcript"));
    }
}
