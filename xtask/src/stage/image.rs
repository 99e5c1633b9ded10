//! The result: kernel image and root file system side by side, within the board's budgets, with a
//! manifest of what they were made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::{Image, Kernel, Rootfs};
use crate::atomic;
use crate::board::Budgets;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::manifest::Manifest;
use crate::mirror;
use crate::report::Task;
use crate::size::{self, FIGURES, Report, budget};

/// Puts an image together.
#[derive(Clone, Debug)]
pub struct AssembleImage<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// The root file system.
    pub rootfs: &'a Rootfs,
    /// What it was made from; files and sizes are added here.
    pub manifest: Manifest,
    /// What it may take.
    pub budgets: &'a Budgets,
    /// The sizes of the last image of this target, to say what has grown if it takes more.
    pub before: PathBuf,
}

impl Stage for AssembleImage<'_> {
    type Output = Image;
    const NAME: &'static str = "image";

    fn label(&self) -> String {
        format!("{}-{} {}", self.manifest.board, self.manifest.profile, self.manifest.stack)
    }

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.stage("kernel", &self.kernel.dir);
        inputs.stage("rootfs", &self.rootfs.dir);
        inputs.text("manifest", serde_json::to_string(&self.manifest)?);
        inputs.text("sizes", SIZES); // `before` only words an error
        inputs.text("budgets", format!("{:?}", self.budgets));
        Ok(())
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("measuring");
        let (report, breakdown) = size::measure(&size::Inputs {
            vmlinux: self.kernel.vmlinux.clone(),
            map: self.kernel.map.clone(),
            module: self.kernel.modules.first().cloned(),
            kernel_image: self.kernel.image.clone(),
            rootfs: self.rootfs.archive.clone(),
        })?;
        let before = Report::load(&self.before).ok(); // there may be none yet
        let before = before.as_ref().map(|before| budget::budgets(before, self.budgets));
        budget::check(&budget::budgets(&report, self.budgets), &before.unwrap_or_default())?;
        let image = Image::at(work);
        let mut manifest = self.manifest.clone();
        for (from, to) in [(&self.kernel.image, &image.kernel), (&self.rootfs.archive, &image.rootfs)] {
            mirror::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
            manifest.add_file(cx, to)?;
        }
        manifest.sizes = sizes(&report);
        atomic::write(&image.sizes, (serde_json::to_string_pretty(&report)? + "\n").as_bytes())?;
        atomic::write(&image.symbols, &serde_json::to_vec(&breakdown)?)?;
        manifest.write(work)
    }

    fn output(&self, dir: &Path) -> Result<Image> {
        Ok(Image::at(dir))
    }
}

/// Raised when other things are measured or kept in other files.
const SIZES: &str = "2";

/// The figures that fit on a page, by the names that `size --json` has for them.
fn sizes(report: &Report) -> BTreeMap<String, u64> {
    let figures = FIGURES.iter().map(|figure| (figure.key.to_owned(), (figure.of)(report)));
    figures.collect()
}
