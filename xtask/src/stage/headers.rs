//! The kernel's interface to programs: its UAPI headers for i386, cleaned for a C library's include folder.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::{Headers, Linux};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::mirror;
use crate::process;
use crate::report::Task;

/// Exports the headers.
#[derive(Clone, Copy, Debug)]
pub struct ExportHeaders<'a> {
    /// The kernel's source.
    pub linux: &'a Linux,
}

/// What programs of an embedded system include; the rest is for drivers' own tools.
const FOLDERS: [&str; 4] = ["asm", "asm-generic", "linux", "mtd"];

impl Stage for ExportHeaders<'_> {
    type Output = Headers;
    const NAME: &'static str = "headers";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.stage("linux", &self.linux.dir);
        inputs.text("folders", FOLDERS.join(" "));
        compiler::identity(inputs) // unifdef is compiled for the host
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("exporting");
        let build = work.join("build");
        let mut make = process::command("make");
        make.arg("-C").arg(&self.linux.tree).arg(format!("O={}", build.display()));
        make.args(["ARCH=i386", "headers"]);
        process::run(cx, task, &mut make, &cx.paths.log(Self::NAME))?;
        for folder in FOLDERS {
            mirror::copy_tree(&build.join("usr/include").join(folder), &work.join("include").join(folder))?;
        }
        fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
        remove_hidden(&work.join("include"))
    }

    fn output(&self, dir: &Path) -> Result<Headers> {
        Ok(Headers { dir: dir.to_path_buf(), include: dir.join("include") })
    }
}

/// Removes what kbuild notes beside its outputs (`.x.h.cmd`), which has this machine's paths in it.
fn remove_hidden(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_hidden(&entry.path())?;
        } else if entry.file_name().to_string_lossy().starts_with('.') {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
