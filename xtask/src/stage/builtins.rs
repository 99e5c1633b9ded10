//! The compiler's helper functions for i586 (64-bit division and its like), from Rust's compiler_builtins.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::Builtins;
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::host::rust::Pair;
use crate::process;
use crate::report::Task;

/// Builds the helpers.
#[derive(Clone, Copy, Debug)]
pub struct BuildBuiltins<'a> {
    /// Compiler and library source.
    pub rust: &'a Pair,
    /// The crate that pulls them in: `xtask/builtins`.
    pub package: &'a Path,
}

/// Rust's own name for our user space.
const TARGET: &str = "i586-unknown-linux-musl";
const ARCHIVE: &str = "libbuiltins.a";
const FLAGS: &str = "-Crelocation-model=static";

impl Stage for BuildBuiltins<'_> {
    type Output = Builtins;
    const NAME: &'static str = "builtins";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.file("rustc", &self.rust.rustc)?;
        inputs.file("library", &self.rust.library.join("Cargo.lock"))?;
        inputs.text("flags", FLAGS);
        inputs.file("Cargo.toml", &self.package.join("Cargo.toml"))?;
        inputs.file("lib.rs", &self.package.join("src/lib.rs"))
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("compiling");
        let target = work.join("target");
        let mut cargo = compiler::cargo(cx, self.rust);
        cargo.args(["build", "--locked", "--release", "--target", TARGET]);
        cargo.args(["-Zbuild-std=core", "-Zbuild-std-features=optimize_for_size"]);
        cargo.arg("--manifest-path").arg(self.package.join("Cargo.toml"));
        cargo.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", FLAGS);
        process::run(cx, task, &mut cargo, &cx.paths.log(Self::NAME))?;
        let built = target.join(TARGET).join("release").join(ARCHIVE);
        fs::rename(&built, work.join(ARCHIVE))
            .with_context(|| format!("cargo did not leave {}", built.display()))?;
        fs::remove_dir_all(&target).with_context(|| format!("cannot remove {}", target.display()))
    }

    fn output(&self, dir: &Path) -> Result<Builtins> {
        Ok(Builtins { dir: dir.to_path_buf(), archive: dir.join(ARCHIVE) })
    }
}
