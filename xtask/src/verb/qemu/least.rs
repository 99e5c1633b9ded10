//! `cargo xtask qemu --min-mem`: bisects the smallest RAM in which the image is a device.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::atomic;
use crate::board::ByteSize;
use crate::context::Context;
use crate::qemu::{least as device, smoke};
use crate::report::{Outcome, Reporter, duration, grouped};
use crate::target::Target;

/// What one run in a certain RAM came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The RAM.
    pub memory_bytes: u64,
    /// Why it was not enough; none: it was.
    pub failure: Option<String>,
    /// What was free afterwards.
    pub free_bytes: Option<u64>,
    /// From power-on until the clients were served.
    pub served_after_ms: u64,
}

/// What was found: kept beside the image, for docs/size.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Least {
    /// The kernel image that was booted, as SHA-256.
    pub image: String,
    /// The smallest RAM that was enough, to [`STEP`].
    pub least_bytes: u64,
    /// What was free in it afterwards.
    pub free_bytes: Option<u64>,
    /// The same in [`FIXED`], if that is enough.
    pub free_bytes_in_4_mib: Option<u64>,
    /// From power-on until four clients were served, with the board's own RAM.
    pub served_after_ms: u64,
    /// All runs, in their order.
    pub attempts: Vec<Attempt>,
}

/// The file with it in an image's folder.
pub const FILE: &str = "least.json";
/// How exactly the RAM is found, in bytes.
const STEP: u64 = 64 << 10;
/// A size that everybody compares in.
const FIXED: u64 = 4 << 20;
/// Less than that no PC has.
const FLOOR: u64 = 1 << 20;
/// So many runs in a row must succeed.
const SURE: usize = 2;

/// Runs `subject` in more and less RAM, at most the board's, and keeps what was found in its folder.
///
/// # Errors
/// QEMU cannot be started, or the user interrupted. A board whose own RAM is not enough, or whose
/// budget is less than what is needed, is a bad [`Outcome`].
pub fn run(cx: &Context, target: &Target, subject: &smoke::Subject<'_>) -> Result<Outcome> {
    let quiet = Context::new(cx.paths.clone(), cx.options.clone(), Reporter::quiet(), cx.interrupt.clone())?;
    let task = cx.reporter.task("min-mem");
    let mut attempts = Vec::new();
    let mut attempt = |bytes: u64| -> Result<bool> {
        task.note(&format!("trying {} KiB", grouped(bytes / 1024)));
        let report = smoke::run(&quiet, &smoke::Subject { memory: ByteSize(bytes), ..*subject })?;
        let attempt = judge(bytes, &report);
        cx.reporter.line(&attempt.line());
        attempts.push(attempt);
        Ok(report.passed())
    };
    let board = target.board.memory.bytes();
    let least = search(FLOOR, board, &mut attempt)?;
    if least.is_some_and(|least| least < FIXED && FIXED < board) {
        attempt(FIXED)?;
    }
    task.done(&format!("{} runs", attempts.len()));
    let Some(least) = least else {
        let why = attempts.first().and_then(|first| first.failure.clone()).unwrap_or_default();
        let text = format!("the board's own {} are not enough: {why}", target.board.memory);
        return Ok(Outcome::bad(text, json!({ "least_bytes": null, "attempts": attempts })));
    };
    let image = cx.hashes.sha256(subject.kernel);
    let image = image.with_context(|| format!("cannot read {}", subject.kernel.display()))?;
    let found = Least::of(image, least, attempts);
    let path = subject.dir.join(FILE);
    atomic::write(&path, (serde_json::to_string_pretty(&found)? + "\n").as_bytes())?;
    Ok(found.outcome(target, &cx.paths.show(&path)))
}

fn judge(memory_bytes: u64, report: &smoke::Report) -> Attempt {
    let failed = report.steps.iter().find_map(|step| Some((step.name, step.result.as_ref().err()?)));
    Attempt {
        memory_bytes,
        failure: failed.map(|(name, failure)| {
            let error = format!("{:#}", failure.error);
            let last = failure.console.iter().rev().find(|line| !line.trim().is_empty());
            let console =
                last.map(|line| format!("; last on the console: {}", line.trim())).unwrap_or_default();
            format!("{name}: {}{console}", error.lines().next().unwrap_or_default())
        }),
        free_bytes: device::free_bytes(report),
        served_after_ms: device::served_after(report).as_millis() as u64,
    }
}

/// The smallest multiple of [`STEP`] above `floor` and up to `most` at which `enough` holds [`SURE`] times;
/// none if it does not hold at `most`. More memory is taken to be never worse.
fn search(floor: u64, most: u64, enough: &mut impl FnMut(u64) -> Result<bool>) -> Result<Option<u64>> {
    if !enough(most)? {
        return Ok(None);
    }
    let (mut too_small, mut good) = (floor, most);
    while good - too_small > STEP {
        let middle = (too_small + (good - too_small) / 2).next_multiple_of(STEP).min(good - STEP);
        if enough(middle)? { good = middle } else { too_small = middle }
    }
    // The last one may have been luck.
    while good < most {
        let mut again = 1;
        while again < SURE && enough(good)? {
            again += 1;
        }
        if again == SURE {
            break;
        }
        good = (good + STEP).min(most);
    }
    Ok(Some(good))
}

impl Attempt {
    fn line(&self) -> String {
        let memory = format!("{} KiB", grouped(self.memory_bytes / 1024));
        match (&self.failure, self.free_bytes) {
            (Some(failure), _) => format!("  no   {memory:>12}  {failure}"),
            (None, free) => {
                let time = duration(Duration::from_millis(self.served_after_ms));
                let free =
                    free.map(|free| format!(", {} KiB free", grouped(free / 1024))).unwrap_or_default();
                format!("  yes  {memory:>12}  served after {time}{free}")
            }
        }
    }
}

impl Least {
    /// What the last search left in the folder `dir`, if that was for the kernel image with the SHA-256 `image`.
    #[must_use]
    pub fn load(dir: &Path, image: &str) -> Option<Self> {
        let text = std::fs::read(dir.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok().filter(|found: &Self| found.image == image)
    }

    fn of(image: String, least_bytes: u64, attempts: Vec<Attempt>) -> Self {
        let good = |bytes| {
            attempts.iter().filter(move |attempt| attempt.memory_bytes == bytes && attempt.failure.is_none())
        };
        Self {
            image,
            least_bytes,
            free_bytes: good(least_bytes).filter_map(|attempt| attempt.free_bytes).min(),
            free_bytes_in_4_mib: good(FIXED).filter_map(|attempt| attempt.free_bytes).min(),
            served_after_ms: attempts.first().map_or(0, |first| first.served_after_ms),
            attempts,
        }
    }

    fn outcome(&self, target: &Target, place: &str) -> Outcome {
        let mut text = format!(
            "{} boots, gets a lease and serves {} clients in {} KiB",
            target.name(),
            device::CLIENTS,
            grouped(self.least_bytes / 1024)
        );
        for (free, memory) in [(self.free_bytes, "that"), (self.free_bytes_in_4_mib, "4 MiB")] {
            if let Some(free) = free {
                let _ = write!(text, "; {} KiB free in {memory}", grouped(free / 1024));
            }
        }
        let time = duration(Duration::from_millis(self.served_after_ms));
        let _ = write!(text, "\nserved after {time} with {}\n{place}", target.board.memory);
        let budget = target.board.budgets.memory.map(ByteSize::bytes);
        let mut json = json!(self);
        json["budget_bytes"] = json!(budget);
        match budget.filter(|budget| self.least_bytes > *budget) {
            None => Outcome::good(text, json),
            Some(budget) => {
                let over = grouped((self.least_bytes - budget) / 1024);
                let last = self.attempts.iter().rev().find_map(|attempt| attempt.failure.as_deref());
                let _ = write!(
                    text,
                    "\nthat is {over} KiB over the budget of {}; with less: {}\nMake it smaller, or raise \
                     budgets.memory in the board file and say why.",
                    ByteSize(budget),
                    last.unwrap_or_default()
                );
                Outcome::bad(text, json)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Searches where `threshold` is needed; returns what was found and how many runs that took.
    fn found(threshold: u64, most: u64) -> (Option<u64>, usize) {
        let mut runs = 0;
        let least = search(FLOOR, most, &mut |bytes| {
            runs += 1;
            assert!(bytes % STEP == 0 && bytes > FLOOR && bytes <= most, "{bytes}");
            Ok(bytes >= threshold)
        });
        (least.unwrap(), runs)
    }

    #[test]
    fn the_threshold_is_found_to_the_step() {
        for (threshold, expected) in [
            (5 * MIB, 5 * MIB),
            (5 * MIB + 1, 5 * MIB + STEP),
            (FLOOR + 1, FLOOR + STEP),
            (16 * MIB, 16 * MIB),
            (0, FLOOR + STEP),
        ] {
            let (least, runs) = found(threshold, 16 * MIB);
            assert_eq!(least, Some(expected), "{threshold}");
            assert!(runs <= 11, "{threshold}: {runs} runs");
        }
        assert_eq!(found(17 * MIB, 16 * MIB), (None, 1));
    }

    #[test]
    fn luck_is_not_enough() {
        let mut runs = Vec::new();
        let least = search(FLOOR, 4 * MIB, &mut |bytes| {
            runs.push(bytes);
            // Works at 2 MiB the first time only.
            Ok(bytes > 2 * MIB || bytes == 2 * MIB && runs.iter().filter(|run| **run == bytes).count() == 1)
        });
        assert_eq!(least.unwrap(), Some(2 * MIB + STEP), "{runs:?}");
    }

    #[test]
    fn the_figures_are_those_of_the_runs_that_count() {
        let attempt = |mib: u64, failure: Option<&str>, free| Attempt {
            memory_bytes: mib * MIB,
            failure: failure.map(str::to_owned),
            free_bytes: free,
            served_after_ms: mib * 100,
        };
        let attempts = vec![
            attempt(16, None, Some(9000)),
            attempt(2, Some("boot: no userland"), None),
            attempt(3, None, Some(700)),
            attempt(3, None, Some(600)),
            attempt(4, None, Some(1700)),
        ];
        let least = Least::of("aa".to_owned(), 3 * MIB, attempts);
        assert_eq!(
            (least.free_bytes, least.free_bytes_in_4_mib, least.served_after_ms),
            (Some(600), Some(1700), 1600)
        );
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Least::load(folder.path(), "aa"), None);
        std::fs::write(folder.path().join(FILE), serde_json::to_vec(&least).unwrap()).unwrap();
        assert_eq!(Least::load(folder.path(), "bb"), None, "another image's");
        assert_eq!(Least::load(folder.path(), "aa"), Some(least));
    }
}
