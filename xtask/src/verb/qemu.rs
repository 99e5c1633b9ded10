//! `cargo xtask qemu`: builds, boots in QEMU, and takes the image through the smoke test, or gives
//! the user its console.

pub(super) mod least;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::board::ByteSize;
use crate::context::Context;
use crate::pipeline;
use crate::qemu::suite::Suite;
use crate::qemu::{least as device, shell, smoke};
use crate::report::Outcome;
use crate::target::{Target, TargetArgs};

/// What to boot, and what for.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask qemu                      build, boot, smoke test
  cargo xtask qemu --stack native       the same on Linux's own inet
  cargo xtask qemu --mem 8M             with less RAM than the board has
  cargo xtask qemu --min-mem            the least RAM in which it is a device
  cargo xtask qemu --shell              a console, with network and port forwards
  cargo xtask qemu --board qemu-virtio --json
  cargo xtask qemu --board qemu-debug --suite kernel")]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,

    /// Give me the console instead of running the smoke test
    #[arg(long, conflicts_with_all = ["keep_going", "json"])]
    shell: bool,

    /// What to take it through
    #[arg(long, value_name = "NAME", value_enum, default_value = "smoke")]
    suite: Suite,

    /// RAM instead of the board's
    #[arg(long, value_name = "SIZE", value_parser = ByteSize::parse)]
    mem: Option<ByteSize>,

    /// Find the smallest RAM in which it boots, gets a lease and serves HTTP
    #[arg(long, conflicts_with_all = ["shell", "suite", "mem", "keep_going"])]
    min_mem: bool,

    /// After a failed step go on with the next
    #[arg(long)]
    keep_going: bool,

    /// Boot the bzImage and rootfs.cpio in DIR (with the program `probe`) instead of building
    #[arg(long, value_name = "DIR")]
    image: Option<PathBuf>,
}

/// What is booted.
struct Files {
    kernel: PathBuf,
    rootfs: PathBuf,
    probe: PathBuf,
}

/// Builds and boots it.
///
/// # Errors
/// It cannot be built or started. A failed smoke test is a bad [`Outcome`].
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let target = Target::load(cx, &args.target)?;
    let memory = args.mem.unwrap_or(target.board.memory);
    let files = files(cx, args, &target)?;
    if args.shell {
        shell::run(cx, &target.board, memory, &files.kernel, &files.rootfs)?;
        return Ok(Outcome::good("", Value::Null));
    }
    let dir = target.dir(cx);
    let steps = if args.min_mem { device::steps() } else { args.suite.steps() };
    let subject = smoke::Subject {
        steps: &steps,
        board: &target.board,
        memory,
        kernel: &files.kernel,
        rootfs: &files.rootfs,
        probe: &files.probe,
        dir: &dir,
        keep_going: args.keep_going,
    };
    if args.min_mem {
        return least::run(cx, &target, &subject);
    }
    let report = smoke::run(cx, &subject)?;
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |data| data.len());
    let mut json = json!({
        "board": target.board.name,
        "profile": target.profile.name,
        "stack": target.stack.name(),
        "memory_bytes": memory.bytes(),
        "kernel_image_bytes": size(&files.kernel),
        "rootfs_bytes": size(&files.rootfs),
    });
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), report.json()) {
        json.extend(more);
    }
    let text = report.text();
    Ok(if report.passed() { Outcome::good(text, json) } else { Outcome::bad(text, json) })
}

fn files(cx: &Context, args: &Args, target: &Target) -> Result<Files> {
    let Some(dir) = &args.image else {
        let built = pipeline::build(cx, target)?;
        return Ok(Files {
            kernel: built.image.kernel,
            rootfs: built.image.rootfs,
            probe: built.probe.program,
        });
    };
    // QEMU runs in a folder of its own.
    let dir = &std::path::absolute(dir).with_context(|| format!("--image {}", dir.display()))?;
    let files =
        Files { kernel: dir.join("bzImage"), rootfs: dir.join("rootfs.cpio"), probe: dir.join("probe") };
    for file in [&files.kernel, &files.rootfs, &files.probe] {
        if !file.is_file() {
            bail!("--image {}: there is no {} in it", dir.display(), file.display());
        }
    }
    Ok(files)
}
