//! The kernel's source as released, unpacked once for everyone who needs it. Nobody writes into it.

use std::path::Path;

use anyhow::Result;

use super::Stage;
use super::artifact::Linux;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::report::Task;
use crate::sources::{Source, unpack};

/// Unpacks the kernel.
#[derive(Clone, Copy, Debug)]
pub struct UnpackLinux<'a> {
    /// Its archive.
    pub source: &'a Source,
}

impl Stage for UnpackLinux<'_> {
    type Output = Linux;
    const NAME: &'static str = "linux";

    fn label(&self) -> String {
        self.source.version.to_string()
    }

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.locked("archive", self.source.sha256.as_str());
        Ok(())
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("unpacking");
        unpack(cx, task, &self.source.archive, &work.join("tree"))
    }

    fn output(&self, dir: &Path) -> Result<Linux> {
        let (dir, version) = (dir.to_path_buf(), self.source.version.to_string());
        Ok(Linux { tree: dir.join("tree"), dir, version })
    }
}
