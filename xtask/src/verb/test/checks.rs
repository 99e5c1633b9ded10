//! The checks, in their order: cheap ones first, each one command.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::context::Context;
use crate::pipeline;
use crate::process::command;

/// One check: a command that succeeds when all is well.
#[derive(Clone, Debug)]
pub struct Check {
    /// Short, unique; names its log too.
    pub name: &'static str,
    /// What it makes sure of, for `--list`.
    pub what: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Cargo with these arguments, and flags for rustdoc.
    Cargo(&'static [&'static str], &'static str),
    /// Cargo with these arguments, and a folder of the kernel's source.
    OnLinux(&'static [&'static str], &'static str),
    /// This program with these arguments.
    Xtask(&'static [&'static str]),
}

/// Tests that ran, from the lines that close each suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were left out.
    pub ignored: u64,
}

/// All of them.
pub fn all() -> Vec<Check> {
    let check = |name, what, kind| Check { name, what, kind };
    let docs = &["doc", "--workspace", "--no-deps"];
    let clippy = &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    vec![
        check("format", "the formatter would change nothing", Kind::Cargo(&["fmt", "--all", "--check"], "")),
        check("clippy", "no warning of the compiler or of clippy", Kind::Cargo(clippy, "")),
        check("docs", "documentation without warnings", Kind::Cargo(docs, "-Dwarnings")),
        check(
            "rust",
            "all Rust tests: stack, simulator, xtask, tidy",
            Kind::Cargo(&["test", "--workspace", "--no-fail-fast"], ""),
        ),
        check(
            "sack",
            "the simulator with a sender that heeds SACK",
            Kind::Cargo(&["test", "-p", "linnet-sim", "--features", "sack", "--no-fail-fast"], ""),
        ),
        check(
            "packetdrill",
            "the scripts in which Linux's source says how its TCP behaves",
            Kind::OnLinux(DRILL, "tools/testing/selftests/net/packetdrill"),
        ),
        check("qemu-pc", "smoke test of our stack", Kind::Xtask(&["qemu", "--board", "qemu-pc"])),
        check(
            "native",
            "the same on Linux's own inet",
            Kind::Xtask(&["qemu", "--board", "qemu-pc", "--stack", "native"]),
        ),
        check("qemu-virtio", "the same on a second board", Kind::Xtask(&["qemu", "--board", "qemu-virtio"])),
        check("sockets", "socket calls give what they give on Linux", Kind::Xtask(&["sockets"])),
        check(
            "small",
            "what a machine with 6 MB of RAM must live through",
            Kind::Xtask(&["qemu", "--board", "qemu-pc", "--suite", "small", "--mem", "6M"]),
        ),
        check(
            "kernel",
            "the same and more on a kernel that checks itself",
            Kind::Xtask(&["qemu", "--board", "qemu-debug", "--suite", "kernel"]),
        ),
        check(
            "bench",
            "no more instructions than the last time, beside Linux's own inet",
            Kind::Xtask(&["bench", "receive", "send", "exchange", "connect", "--regressions"]),
        ),
        check("size-pc", "sizes and budgets of qemu-pc", Kind::Xtask(&["size", "--board", "qemu-pc"])),
        check(
            "size-virtio",
            "sizes and budgets of qemu-virtio",
            Kind::Xtask(&["size", "--board", "qemu-virtio"]),
        ),
        check(
            "min-mem",
            "the RAM that qemu-pc needs at least",
            Kind::Xtask(&["qemu", "--board", "qemu-pc", "--min-mem"]),
        ),
        check(
            "reproduce",
            "killed in each stage and in another folder, the same bits",
            Kind::Xtask(&["reproduce", "--board", "qemu-pc", "--board", "qemu-virtio"]),
        ),
    ]
}

const DRILL: &[&str] = &[
    "run",
    "--quiet",
    "-p",
    "linnet-sim",
    "--bin",
    "packetdrill",
    "--",
    "--skips",
    "stack/sim/packetdrill/linux.skips",
];

impl Check {
    /// Whether it builds a kernel and more, or needs its source.
    pub fn needs_image(&self) -> bool {
        matches!(self.kind, Kind::Xtask(_) | Kind::OnLinux(..))
    }

    /// The command; `program` is this program's own file.
    ///
    /// # Errors
    /// The kernel's source cannot be had.
    pub fn command(&self, cx: &Context, program: &Path) -> Result<Command> {
        let mut command = match self.kind {
            Kind::OnLinux(arguments, folder) => {
                let mut cargo = command("cargo");
                cargo.args(arguments).arg(pipeline::linux(cx)?.tree.join(folder));
                cargo
            }
            Kind::Cargo(arguments, rustdoc) => {
                let mut cargo = command("cargo");
                cargo.args(arguments).env("RUSTDOCFLAGS", rustdoc);
                cargo
            }
            Kind::Xtask(arguments) => {
                let mut xtask = command(program);
                xtask.args(arguments).arg("--jobs").arg(cx.options.jobs.to_string());
                let options = &cx.options;
                let flags =
                    [("--yes", options.yes), ("--offline", options.offline), ("--locked", options.locked)];
                xtask.args(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag));
                xtask
            }
        };
        command
            .current_dir(&cx.paths.root)
            .env("LINNET_CACHE", &cx.paths.cache)
            .env("CARGO_TERM_COLOR", "never");
        if let Some(target) = cx.paths.out.parent() {
            command.env("CARGO_TARGET_DIR", target);
        }
        Ok(command)
    }

    /// What its output comes to, in a few words.
    pub fn remark(&self, output: &str) -> String {
        match self.kind {
            Kind::Cargo(..) => {
                let Counts { passed, failed, .. } = self.counts(output);
                match (passed, failed) {
                    (0, 0) => String::new(),
                    (passed, 0) => format!("{passed} passed"),
                    (passed, failed) => format!("{passed} passed, {failed} failed"),
                }
            }
            Kind::Xtask(_) | Kind::OnLinux(..) => {
                output.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default().trim().to_owned()
            }
        }
    }

    /// How many tests ran, by the closing lines of `cargo test`.
    pub fn counts(&self, output: &str) -> Counts {
        let mut counts = Counts::default();
        for line in output.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            let number = |name: &str| {
                let before = line.split(name).next().unwrap_or_default();
                before.split_whitespace().next_back().and_then(|word| word.parse().ok()).unwrap_or(0)
            };
            counts.passed += number(" passed");
            counts.failed += number(" failed");
            counts.ignored += number(" ignored");
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_what() {
        let all = all();
        let mut names: Vec<&str> = all.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|check| !check.what.is_empty()));
    }

    #[test]
    fn closing_lines_are_added_up() {
        let output = "running 2 tests\ntest a ... ok\n\
            test result: ok. 100 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 6.15s\n\
            test result: FAILED. 16 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.52s\n";
        let all = all();
        let rust = all.iter().find(|check| check.name == "rust").unwrap();
        assert_eq!(rust.counts(output), Counts { passed: 116, failed: 2, ignored: 1 });
        assert_eq!(rust.remark(output), "116 passed, 2 failed");
        assert_eq!(rust.remark("Compiling\n"), "");
    }

    #[test]
    fn an_image_is_described_by_its_last_line() {
        let all = all();
        let smoke = all.iter().find(|check| check.name == "native").unwrap();
        assert!(smoke.needs_image());
        assert_eq!(smoke.remark("boot ok\n17 steps passed in 14.2 s\n\n"), "17 steps passed in 14.2 s");
    }
}
