//! musl, the C library, static, for i586: headers, `libc.a` and the start files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::Musl;
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::process;
use crate::report::Task;
use crate::sources::{Source, unpack};

/// Builds musl.
#[derive(Clone, Copy, Debug)]
pub struct BuildMusl<'a> {
    /// Its archive.
    pub source: &'a Source,
}

impl Stage for BuildMusl<'_> {
    type Output = Musl;
    const NAME: &'static str = "musl";

    fn label(&self) -> String {
        self.source.version.to_string()
    }

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.locked("archive", self.source.sha256.as_str());
        inputs.text("flags", flags());
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let log = cx.paths.log(Self::NAME);
        let source = work.join("source");
        unpack(cx, task, &self.source.archive, &source)?;
        task.note("configuring");
        // In the source folder, so that no path of this machine gets into an object.
        let mut configure = process::command("./configure");
        configure.args(["--target=i586-linux-musl", "--prefix=/", "--disable-shared"]);
        // `LIBCC` would be the host's libgcc, which is of no use here.
        configure.args(["CC=gcc", "LIBCC=-lc"]).arg(format!("CFLAGS={}", flags()));
        process::run(cx, task, configure.current_dir(&source), &log)?;
        task.note("compiling");
        let mut make = process::command("make");
        make.args(["--silent", "install", "CROSS_COMPILE="]).arg(format!("DESTDIR={}", work.display()));
        process::run(cx, task, make.current_dir(&source), &log)?;
        fs::remove_dir_all(&source).with_context(|| format!("cannot remove {}", source.display()))
    }

    fn output(&self, dir: &Path) -> Result<Musl> {
        Ok(Musl { dir: dir.to_path_buf(), include: dir.join("include"), lib: dir.join("lib") })
    }
}

fn flags() -> String {
    [&compiler::I586[..], &compiler::SMALL].concat().join(" ")
}
