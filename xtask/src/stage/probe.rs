//! The smoke test's program for the guest, `xtask/probe`: compiled like everything for the target.

use std::path::Path;

use anyhow::Result;

use super::Stage;
use super::artifact::{Probe, Toolchain};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::lint::{isa, policy::Policy};
use crate::process;
use crate::report::Task;

/// Compiles it.
#[derive(Clone, Copy, Debug)]
pub struct BuildProbe<'a> {
    /// Its source.
    pub source: &'a Path,
    /// What compiles it.
    pub toolchain: &'a Toolchain,
}

impl Stage for BuildProbe<'_> {
    type Output = Probe;
    const NAME: &'static str = "probe";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.tree("source", self.source)?;
        inputs.stage("toolchain", &self.toolchain.dir);
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("compiling");
        let program = work.join("probe");
        let mut compile = process::command(&self.toolchain.cc);
        compile.args(compiler::SMALL).args(["-Wall", "-Wextra", "-Werror", "-s", "-o"]).arg(&program);
        process::run(cx, task, compile.args(compiler::sources(self.source)?), &cx.paths.log(Self::NAME))?;
        isa::check(&program, &Policy::STRICT).map(|_| ())
    }

    fn output(&self, dir: &Path) -> Result<Probe> {
        Ok(Probe { dir: dir.to_path_buf(), program: dir.join("probe") })
    }
}
