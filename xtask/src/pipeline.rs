//! The order of the stages: who gets whose output, and what runs side by side.
//!
//! Nobody else calls a stage. The types of the outputs are the edges of the graph, so the compiler
//! checks the order. Stages that run side by side share one job limit; when one fails, the others are
//! ended, and the first failure is what the user sees.

use std::iter;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context as _, Error, Result, anyhow};

use crate::board::StackLink;
use crate::context::{Context, Paths};
use crate::host::rust::Pair;
use crate::host::{self, Machine};
use crate::kconfig::{Fragment, Requests};
use crate::manifest::Manifest;
use crate::output;
use crate::patch;
use crate::process::Interrupted;
use crate::sources::{self, LockedSources, Name, Source};
use crate::stage::artifact::{
    Builtins, Busybox, Counter, Dhcpc, Image, Kernel, Linux, Musl, Probe, Stack, Toolchain, Workload,
};
use crate::stage::{
    self, AssembleImage, AssembleToolchain, BuildBuiltins, BuildBusybox, BuildCounter, BuildDhcpc,
    BuildKernel, BuildMusl, BuildProbe, BuildStack, BuildWorkload, ExportHeaders, PackRootfs, Stage as _,
    UnpackLinux,
};
use crate::target::{Provider, Target};

/// The name of every stage of a build, in its order. What only the benchmarks need is not among them.
pub const STAGES: [&str; 12] = [
    UnpackLinux::NAME,
    BuildStack::NAME,
    BuildBuiltins::NAME,
    BuildMusl::NAME,
    BuildKernel::NAME,
    ExportHeaders::NAME,
    AssembleToolchain::NAME,
    BuildBusybox::NAME,
    BuildDhcpc::NAME,
    BuildProbe::NAME,
    PackRootfs::NAME,
    AssembleImage::NAME,
];

/// Everything that a build of one target leaves.
#[derive(Clone, Debug)]
pub struct Built {
    /// What is booted or flashed, in the target's own folder.
    pub image: Image,
    /// The kernel with symbols, link map and configuration.
    pub kernel: Kernel,
    /// The userland with symbols and configuration.
    pub busybox: Busybox,
    /// The smoke test's program for the guest.
    pub probe: Probe,
    /// What compiles programs for it.
    pub toolchain: Toolchain,
    /// The sources that went in.
    pub sources: LockedSources,
}

/// Builds `target` as far as it is not built: sources, toolchain, kernel and stack, BusyBox, root
/// file system, image.
///
/// # Errors
/// A stage failed, or this machine lacks something; what was finished stays finished.
pub fn build(cx: &Context, target: &Target) -> Result<Built> {
    host::ensure(cx)?;
    let plan = Plan::new(cx, target)?;
    let ((source, linux), (stack, (builtins, (musl_source, musl)))) = both(
        cx,
        || {
            let source = sources::ensure_one(cx, Name::Linux)?;
            let linux = stage::run(cx, &UnpackLinux { source: &source })?;
            Ok((source, linux))
        },
        || both(cx, || plan.stack(cx), || both(cx, || plan.builtins(cx), || musl(cx))),
    )?;
    let (kernel, (toolchain, (busybox_source, busybox, dhcpc, probe))) = both(
        cx,
        || plan.kernel(cx, &linux, stack.as_ref()),
        || {
            let headers = stage::run(cx, &ExportHeaders { linux: &linux })?;
            let parts = AssembleToolchain { musl: &musl, headers: &headers, builtins: &builtins };
            let toolchain = stage::run(cx, &parts)?;
            let userland = plan.userland(cx, &toolchain)?;
            Ok((toolchain, userland))
        },
    )?;
    let overlays = plan.overlays();
    let rootfs =
        PackRootfs { overlays: &overlays, busybox: &busybox, dhcpc: &dhcpc, modules: &kernel.modules };
    let rootfs = stage::run(cx, &rootfs)?;
    let sources = LockedSources { linux: source, musl: musl_source, busybox: busybox_source };
    let stack = stack.as_ref().map(|stack| &stack.dir);
    let parts = [&builtins.dir, &musl.dir, &busybox.dir, &dhcpc.dir, &rootfs.dir, &kernel.dir]
        .into_iter()
        .chain(stack);
    let budgets = target.budgets();
    let image = AssembleImage {
        kernel: &kernel,
        rootfs: &rootfs,
        manifest: manifest(target, &sources, parts)?,
        budgets: &budgets,
        before: Image::at(&target.dir(cx)).sizes,
    };
    let mut image = stage::run(cx, &image)?;
    if cx.explain.is_none() {
        image = Image::at(&output::publish(cx, target, &image.dir)?);
    }
    Ok(Built { image, kernel, busybox, probe, toolchain, sources })
}

/// Builds what the benchmarks need beside images: the guest's program with `toolchain`, and the counter of
/// instructions for a QEMU whose version is `qemu`, in its own words.
///
/// # Errors
/// A stage failed, or the version cannot be read.
pub fn bench(cx: &Context, toolchain: &Toolchain, qemu: &str) -> Result<(Workload, Counter)> {
    let (program, plugin) = (cx.paths.root.join("xtask/workload"), cx.paths.root.join("xtask/counter"));
    let workload = stage::run(cx, &BuildWorkload { source: &program, toolchain })?;
    Ok((workload, stage::run(cx, &BuildCounter { source: &plugin, qemu })?))
}

/// What `target` asks of each stage, read from the data folders.
struct Plan<'a> {
    target: &'a Target,
    paths: &'a Paths,
    rust: Pair,
    kernel_patches: Vec<PathBuf>,
    busybox_patches: Vec<PathBuf>,
    kernel: Requests,
    busybox: Requests,
}

impl<'a> Plan<'a> {
    fn new(cx: &'a Context, target: &'a Target) -> Result<Self> {
        let rust = host::rust::find(&Machine::this()).context("the Rust source went away: run this again")?;
        let (board, profile) = (&target.board.kernel, &target.profile);
        let provider = match (target.stack, board.stack) {
            (Provider::Native, _) => "net-native",
            (_, StackLink::Builtin) => "net-linnet",
            (_, StackLink::Loadable) => "net-linnet-module",
        };
        let memory = Fragment {
            name: format!("boards/{}.yaml", target.board.name),
            text: format!("CONFIG_X86_BOOT_MAP_MB={}\n", target.board.memory.bytes().div_ceil(1 << 20)),
        };
        let names = board.fragments.iter().chain(&profile.kernel_fragments).map(String::as_str);
        let load = |folder, name: &str| Fragment::load(&cx.paths, folder, name);
        let named = names.chain([provider]).map(|name| load("kernel", name));
        let mut kernel: Vec<Fragment> = iter::once(Ok(memory)).chain(named).collect::<Result<_>>()?;
        if target.stack != Provider::Native {
            kernel.push(Fragment::of_features(&profile.name, &profile.stack_features));
        }
        Ok(Self {
            target,
            paths: &cx.paths,
            rust,
            kernel_patches: patch::all(&cx.paths, "kernel")?,
            busybox_patches: patch::all(&cx.paths, "busybox-config")?,
            kernel: Requests::merge(&kernel)?,
            busybox: Requests::merge(&[load("busybox-config", &profile.busybox)?])?,
        })
    }

    fn stack(&self, cx: &Context) -> Result<Option<Stack>> {
        let features = &self.target.profile.stack_features;
        match self.target.stack {
            Provider::Native => Ok(None),
            _ => stage::run(cx, &BuildStack { rust: &self.rust, root: &self.paths.root, features }).map(Some),
        }
    }

    fn builtins(&self, cx: &Context) -> Result<Builtins> {
        let package = self.paths.root.join("xtask/builtins");
        stage::run(cx, &BuildBuiltins { rust: &self.rust, package: &package })
    }

    fn kernel(&self, cx: &Context, linux: &Linux, stack: Option<&Stack>) -> Result<Kernel> {
        let build = BuildKernel {
            name: &self.target.name(),
            processors: self.target.board.cpu.count,
            linux,
            patches: &self.kernel_patches,
            requests: &self.kernel,
            shim: &self.paths.root.join("stack/kmod/c"),
            stack,
        };
        stage::run(cx, &build)
    }

    fn userland(&self, cx: &Context, toolchain: &Toolchain) -> Result<(Source, Busybox, Dhcpc, Probe)> {
        let source = sources::ensure_one(cx, Name::Busybox)?;
        let busybox = BuildBusybox {
            source: &source,
            toolchain,
            patches: &self.busybox_patches,
            requests: &self.busybox,
        };
        let probe = self.paths.root.join("xtask/probe");
        let probe = BuildProbe { source: &probe, toolchain };
        let dhcpc = BuildDhcpc { rust: &self.rust, root: &self.paths.root, toolchain };
        let (busybox, (dhcpc, probe)) = both(
            cx,
            || stage::run(cx, &busybox),
            || both(cx, || stage::run(cx, &dhcpc), || stage::run(cx, &probe)),
        )?;
        Ok((source, busybox, dhcpc, probe))
    }

    /// Ours first, so that the product's own overrules it.
    fn overlays(&self) -> Vec<PathBuf> {
        self.paths.data_dirs("rootfs").into_iter().rev().collect()
    }
}

/// The kernel's source as released.
///
/// # Errors
/// It cannot be had.
pub fn linux(cx: &Context) -> Result<Linux> {
    stage::run(cx, &UnpackLinux { source: &sources::ensure_one(cx, Name::Linux)? })
}

fn musl(cx: &Context) -> Result<(Source, Musl)> {
    let source = sources::ensure_one(cx, Name::Musl)?;
    let musl = stage::run(cx, &BuildMusl { source: &source })?;
    Ok((source, musl))
}

/// Everything in the manifest but what is known only when the files are there.
fn manifest<'a>(
    target: &Target,
    sources: &LockedSources,
    stages: impl Iterator<Item = &'a PathBuf>,
) -> Result<Manifest> {
    let mut manifest = Manifest::new(target);
    for source in [&sources.linux, &sources.musl, &sources.busybox] {
        manifest.add_source(source.name.as_str(), &source.version.to_string(), source.sha256.as_str());
    }
    for dir in stages {
        manifest.add_stage(dir)?;
    }
    Ok(manifest)
}

/// Runs `a` and `b` side by side and returns both outputs.
///
/// # Errors
/// The error of whichever failed first; the other one is stopped.
pub fn both<A: Send, B: Send>(
    cx: &Context,
    a: impl FnOnce() -> Result<A> + Send,
    b: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B)> {
    let (a, b) = thread::scope(|scope| {
        let b = scope.spawn(|| cancel_others(cx, b()));
        let a = cancel_others(cx, a());
        let b = b.join().unwrap_or_else(|_| Err(anyhow!("a stage panicked: its message is above")));
        (a, b)
    });
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        // The one that was stopped because of the other is not what went wrong.
        (Err(a), Err(b)) => Err(if was_stopped(&a) { b } else { a }),
    }
}

fn cancel_others<T>(cx: &Context, result: Result<T>) -> Result<T> {
    // A stage that was only asked (`why`) stops its own branch, nobody else's.
    if result.is_err() && cx.explain.is_none() {
        cx.interrupt.cancel();
    }
    result
}

fn was_stopped(error: &Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<Interrupted>().is_some())
}

#[cfg(test)]
mod tests;
