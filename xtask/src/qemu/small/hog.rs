//! One process takes all memory there is: the kernel ends it, and nothing else.

use std::time::Duration;

use anyhow::Result;

use super::{clients, transfer};
use crate::qemu::guest::Guest;
use crate::qemu::smoke::{self, Evidence, Mismatch};

/// Keeps a line that never ends.
const HOG: &str = "tail -n 1 /dev/zero";
const LIMIT: Duration = Duration::from_secs(60);
const TRANSFER_LIMIT: Duration = Duration::from_secs(180);
/// 128 and SIGKILL.
const KILLED: u8 = 137;

/// What the kernel reports of the hog's end: how a report begins, how it ends, and what its last line has if it
/// is the hog's. The second: on its way out it asks for one page more.
const REPORTS: [(&str, &str, &str); 2] = [
    ("invoked oom-killer", "Out of memory: Killed process", "(tail)"),
    ("tail: page allocation failure", "pages reserved", ""),
];

/// At rest.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let before = services(guest)?;
    hog(guest)?;
    Mismatch::check("the services afterwards", &services(guest)?, &before)?;
    clients::served(guest, 1)?;
    Ok(Evidence::new(format!("killed; still there: {before}")))
}

/// While 10 MB come and go: they arrive.
pub fn during_a_transfer(guest: &mut Guest) -> Result<Evidence> {
    let before = services(guest)?;
    guest.succeed(&format!("{} >/tmp/took & transfer=$!", transfer::command()))?;
    hog(guest)?;
    hog(guest)?;
    guest.succeed_within("wait $transfer", TRANSFER_LIMIT)?;
    let answer = guest.succeed("cat /tmp/took; rm /tmp/took")?;
    transfer::check(&answer)?;
    Mismatch::check("the services afterwards", &services(guest)?, &before)?;
    clients::served(guest, 1)?;
    Ok(Evidence::new("killed twice while 10 MiB came and went"))
}

/// The kernel complained of nothing but the hog, on the console: the log itself is too short for such a report.
pub fn log(guest: &mut Guest) -> Result<Evidence> {
    smoke::judge_log(&without_reports(guest.console.kernel_lines()))
}

fn hog(guest: &mut Guest) -> Result<()> {
    let answer = guest.console.run(HOG, LIMIT)?;
    if answer.status != KILLED {
        let got = format!("exit status {}, {:?}", answer.status, answer.output.trim());
        return Err(Mismatch::new("a process that takes all memory to be killed", got).into());
    }
    Ok(())
}

/// Names and process numbers of what init has started, and of init.
fn services(guest: &mut Guest) -> Result<String> {
    let output = guest.succeed("for name in init dhcpc httpd telnetd; do echo $name $(pidof $name); done")?;
    Ok(output.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The log without reports of the hog's end; those of another's end stay, and so does one that is cut off.
fn without_reports(lines: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut report: Vec<String> = Vec::new();
    let mut end = None;
    for line in lines {
        if let Some((_, last, whose)) = REPORTS.iter().find(|(first, ..)| line.contains(first)) {
            kept.append(&mut report);
            end = Some((last, whose));
        }
        let Some((last, whose)) = end else {
            kept.push(line.clone());
            continue;
        };
        report.push(line.clone());
        if line.contains(last) {
            if line.contains(whose) {
                report.clear();
            }
            kept.append(&mut report);
            end = None;
        }
    }
    kept.append(&mut report);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_of_the_hog_are_left_out() {
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let report = |name: &str| {
            format!("sh invoked oom-killer: x\nCall Trace:\nOut of memory: Killed process 9 ({name})\n")
        };
        for (what, text, left) in [
            ("nothing", "a\nb\n".to_owned(), "a\nb\n".to_owned()),
            ("the hog", format!("a\n{}b\n", report("tail")), "a\nb\n".to_owned()),
            ("another", format!("a\n{}b\n", report("init")), format!("a\n{}b\n", report("init"))),
            (
                "cut off",
                "a\nx invoked oom-killer\nOops\n".to_owned(),
                "a\nx invoked oom-killer\nOops\n".to_owned(),
            ),
            (
                "its last wish",
                "tail: page allocation failure: x\nCall Trace:\n9 pages reserved\nb\n".to_owned(),
                "b\n".to_owned(),
            ),
            (
                "another's",
                "sh: page allocation failure: x\nCall Trace:\n".to_owned(),
                "sh: page allocation failure: x\nCall Trace:\n".to_owned(),
            ),
            ("two", format!("{}{}", report("tail"), report("httpd")), report("httpd")),
        ] {
            assert_eq!(without_reports(&lines(&text)), lines(&left), "{what}");
        }
    }
}
