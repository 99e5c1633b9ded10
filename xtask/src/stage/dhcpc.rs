//! The DHCP client, `userland/dhcpc`: Rust code as one object, linked with the target's C library.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::artifact::{Dhcpc, Toolchain};
use super::{Stage, WorkTree};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::host::rust::Pair;
use crate::lint::{isa, panics, policy::Policy};
use crate::process;
use crate::report::Task;

/// Builds it.
#[derive(Clone, Copy, Debug)]
pub struct BuildDhcpc<'a> {
    /// Compiler and library source.
    pub rust: &'a Pair,
    /// The checkout: cargo wants the whole workspace.
    pub root: &'a Path,
    /// What links it.
    pub toolchain: &'a Toolchain,
}

/// Rust's own name for our user space.
const TARGET: &str = "i586-unknown-linux-musl";
const FLAGS: &str = "-Crelocation-model=static";
/// What the C library's start file calls.
const ENTRY: &str = "linnet_dhcpc";
const PROGRAM: &str = "dhcpc";
/// Text and data share a page: the file is the root file system's, and that is memory.
const LINK: [&str; 3] = ["-s", "-Wl,-z,noseparate-code", "-Wl,--defsym=main=linnet_dhcpc"];

impl BuildDhcpc<'_> {
    fn package(&self) -> PathBuf {
        self.root.join("userland/dhcpc")
    }
}

impl Stage for BuildDhcpc<'_> {
    type Output = Dhcpc;
    const NAME: &'static str = "dhcpc";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.tree("source", &self.package().join("src"))?;
        inputs.file("package", &self.package().join("Cargo.toml"))?;
        for name in ["Cargo.toml", "Cargo.lock"] {
            inputs.file(name, &self.root.join(name))?;
        }
        inputs.stage("toolchain", &self.toolchain.dir);
        inputs.text("flags", FLAGS);
        inputs.text("link", LINK.join(" "));
        inputs.file("rustc", &self.rust.rustc)?;
        inputs.file("library", &self.rust.library.join("Cargo.lock"))?;
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let log = cx.paths.log(Self::NAME);
        let object = work.join("dhcpc.o");
        WorkTree::open(cx, Self::NAME)?.build(|tree| {
            task.note("compiling");
            let mut cargo = compiler::cargo(cx, self.rust);
            cargo.args(["rustc", "--locked", "-p", "linnet-dhcpc", "--lib", "--profile", "device"]);
            cargo.args(["--crate-type", "staticlib", "--target", TARGET]);
            cargo.args(["-Zbuild-std=core", "-Zbuild-std-features=optimize_for_size"]);
            cargo.env("CARGO_TARGET_DIR", tree).env("RUSTFLAGS", FLAGS);
            process::run(cx, task, cargo.current_dir(self.root), &log)?;
            task.note("linking");
            let archive = tree.join(TARGET).join("device/liblinnet_dhcpc.a");
            let mut link = process::command("ld");
            link.args(["-m", "elf_i386", "-r", "--gc-sections", "-u", ENTRY, "-e", ENTRY]);
            link.arg("-o").arg(&object).arg(&archive);
            process::run(cx, task, &mut link, &log)
        })?;
        let program = work.join(PROGRAM);
        let mut link = process::command(&self.toolchain.cc);
        process::run(cx, task, link.args(LINK).arg("-o").arg(&program).arg(&object), &log)?;
        panics::check(&object)?;
        isa::check(&program, &Policy::STRICT).map(|_| ())
    }

    fn output(&self, dir: &Path) -> Result<Dhcpc> {
        Ok(Dhcpc { dir: dir.to_path_buf(), program: dir.join(PROGRAM) })
    }
}
