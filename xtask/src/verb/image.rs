//! `cargo xtask image`: builds an image as far as it is not built.

use anyhow::Result;
use serde_json::json;

use crate::context::Context;
use crate::manifest::Manifest;
use crate::pipeline;
use crate::report::{Outcome, grouped};
use crate::target::{Target, TargetArgs};

/// What to build.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask image                       our stack on QEMU's PC
  cargo xtask image --stack native        the same on Linux's own inet
  cargo xtask image --board qemu-virtio --json")]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
}

/// Builds, and tells where the image lies and how large it is.
///
/// # Errors
/// It cannot be built.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let target = Target::load(cx, &args.target)?;
    let image = pipeline::build(cx, &target)?.image;
    let manifest = Manifest::read(&image.dir)?;
    let place = cx.paths.show(&image.dir);
    let mut text = format!("{place}:");
    for (name, file) in &manifest.files {
        text += &format!("\n  {name:<12} {:>10} bytes", grouped(file.bytes));
    }
    let json = json!({ "directory": image.dir, "manifest": manifest });
    Ok(Outcome::good(text, json))
}
