//! The benchmark's program for the guest, `xtask/workload`: compiled like everything for the target.

use std::path::Path;

use anyhow::Result;

use super::Stage;
use super::artifact::{Toolchain, Workload};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::lint::{isa, policy::Policy};
use crate::process;
use crate::report::Task;

/// Compiles it.
#[derive(Clone, Copy, Debug)]
pub struct BuildWorkload<'a> {
    /// Its source.
    pub source: &'a Path,
    /// What compiles it.
    pub toolchain: &'a Toolchain,
}

/// Away from where other programs are: the counter knows places in it by address alone.
const FLAGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-Wl,-Ttext-segment=0x60000000"];

impl Stage for BuildWorkload<'_> {
    type Output = Workload;
    const NAME: &'static str = "workload";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.tree("source", self.source)?;
        inputs.stage("toolchain", &self.toolchain.dir);
        inputs.text("flags", FLAGS.join(" "));
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("compiling");
        let program = work.join("workload");
        let mut compile = process::command(&self.toolchain.cc);
        compile.args(compiler::SMALL).args(FLAGS).arg("-o").arg(&program);
        compile.args(compiler::sources(self.source)?);
        process::run(cx, task, &mut compile, &cx.paths.log(Self::NAME))?;
        isa::check(&program, &Policy::STRICT).map(|_| ())
    }

    fn output(&self, dir: &Path) -> Result<Workload> {
        Ok(Workload { dir: dir.to_path_buf(), program: dir.join("workload") })
    }
}
