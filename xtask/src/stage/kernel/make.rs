//! How the kernel's make is called: for i386, and with nothing in it that differs between machines.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::context::Context;
use crate::process;
use crate::report::Task;

/// Variables on every command line. The first four end up in the kernel's banner
/// (Documentation/kbuild/reproducible-builds.rst in Linux); `LOCALVERSION` keeps the state of a git
/// repository around the tree out of it.
const SETTINGS: [(&str, &str); 6] = [
    ("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970"),
    ("KBUILD_BUILD_USER", "linnet"),
    ("KBUILD_BUILD_HOST", "linnet"),
    ("KBUILD_BUILD_VERSION", "1"),
    ("LOCALVERSION", ""),
    ("ARCH", "i386"),
];

/// Flags for C and for assembler, on a machine with one processor: no LOCK prefix.
const UNIPROCESSOR: &str = "-Wa,-momit-lock-prefix=yes";

/// What is on the command line of every make for a machine with so many processors.
pub(super) fn settings(processors: u8) -> Vec<String> {
    let flags = if processors == 1 { UNIPROCESSOR } else { "" };
    let flags = [("KCFLAGS", flags), ("KAFLAGS", flags)];
    SETTINGS.iter().chain(&flags).map(|(name, value)| format!("{name}={value}")).collect()
}

/// One tree's make.
pub(super) struct Make<'a> {
    pub cx: &'a Context,
    pub task: &'a Task,
    pub log: &'a Path,
    pub tree: &'a Path,
    pub processors: u8,
}

impl Make<'_> {
    /// Runs it with what `arguments` adds.
    pub fn run(&self, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
        let mut command = process::command("make");
        command.arg("--no-print-directory");
        command.args(settings(self.processors));
        arguments(&mut command).current_dir(self.tree);
        process::run(self.cx, self.task, &mut command, self.log)
    }
}
