//! What a stage of the build is, and the runner that skips, locks, builds and keeps it.
//!
//! One file a stage; stages never import each other, only [`crate::pipeline`] calls them. See
//! docs/decisions/0001-build-stages.md.

pub mod artifact;
mod builtins;
mod busybox;
mod counter;
mod dhcpc;
mod headers;
mod image;
mod kernel;
mod linux;
mod musl;
mod probe;
mod rootfs;
mod runner;
mod stack;
mod store;
mod toolchain;
mod workload;
mod worktree;

use std::path::Path;

use anyhow::Result;

use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::report::Task;

pub use builtins::BuildBuiltins;
pub use busybox::BuildBusybox;
pub use counter::BuildCounter;
pub use dhcpc::BuildDhcpc;
pub use headers::ExportHeaders;
pub use image::AssembleImage;
pub use kernel::BuildKernel;
pub use linux::UnpackLinux;
pub use musl::BuildMusl;
pub use probe::BuildProbe;
pub use rootfs::PackRootfs;
pub use runner::{fingerprint, run};
pub use stack::BuildStack;
pub use store::{Finished, Store};
pub use toolchain::AssembleToolchain;
pub use workload::BuildWorkload;
pub use worktree::WorkTree;

/// One step of the build: typed inputs in its fields, a typed output.
pub trait Stage {
    /// What the next stages take.
    type Output;

    /// Names its folder, its lock and its log: lower case, `a-z` and `-`.
    const NAME: &'static str;

    /// How much of it is one thing among several of the same name: `qemu-pc-minimal`; shown, not hashed.
    fn label(&self) -> String {
        String::new()
    }

    /// Names everything that goes in, by content. Called again after the build: an input that
    /// changed meanwhile means building again.
    ///
    /// # Errors
    /// An input cannot be read.
    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()>;

    /// Fills `work`, an empty folder that becomes the output by rename.
    ///
    /// # Errors
    /// Anything: `work` is then thrown away.
    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()>;

    /// The typed view of the finished folder.
    ///
    /// # Errors
    /// The folder is not what `build` made (somebody changed it).
    fn output(&self, dir: &Path) -> Result<Self::Output>;
}

#[cfg(test)]
mod tests;
