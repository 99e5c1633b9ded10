//! A kernel from fragments, patches and our stack: configured, checked, built in a work tree that persists.

mod make;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::artifact::{Kernel, Linux, Stack};
use super::{Stage, WorkTree};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::{Fingerprint, sha256_hex};
use crate::host::Machine;
use crate::kconfig::{self, Requests};
use crate::lint::{isa, policy::Policy};
use crate::mirror;
use crate::patch;
use crate::process;
use crate::report::Task;

use make::Make;
use tree::Tree;

/// Builds one kernel.
#[derive(Clone, Copy, Debug)]
pub struct BuildKernel<'a> {
    /// Board, profile and provider: names the work tree.
    pub name: &'a str,
    /// How many processors the machine has.
    pub processors: u8,
    /// The source.
    pub linux: &'a Linux,
    /// Our changes to it, in the order in which they are applied.
    pub patches: &'a [PathBuf],
    /// What the configuration must have.
    pub requests: &'a Requests,
    /// The C half of our stack, `stack/kmod/c`.
    pub shim: &'a Path,
    /// Its Rust half; none for a kernel with a stack of its own.
    pub stack: Option<&'a Stack>,
}

/// What make leaves, and under which name it is kept.
const OUTPUTS: [(&str, &str); 4] = [
    ("arch/x86/boot/bzImage", "bzImage"),
    ("vmlinux", "vmlinux"),
    ("vmlinux.map", "vmlinux.map"),
    (".config", "config"),
];

/// The module of our stack in a kernel tree, if it is one.
const MODULE: &str = "net/linnet/linnet.ko";

impl BuildKernel<'_> {
    fn is_loadable(&self) -> bool {
        self.requests.iter().any(|request| request.symbol == "LINNET" && request.value == "m")
    }

    /// Resolves the configuration if anything that it depends on has changed.
    fn configure(&self, task: &Task, tree: &Tree, make: &Make<'_>) -> Result<()> {
        let requests = self.requests.to_text();
        let digest = sha256_hex(format!("{requests}{}", tree.kconfig_state()?).as_bytes());
        let note = tree.note("configured");
        if note.is(&digest) {
            return Ok(());
        }
        task.note("configuring");
        let asked = tree.dir().join("requests.config");
        mirror::sync_bytes(requests.as_bytes(), &asked)?;
        make.run(|command| command.arg("allnoconfig").env("KCONFIG_ALLCONFIG", &asked))?;
        let path = tree.path().join(".config");
        let resolved = std::fs::read_to_string(&path);
        let resolved = resolved.with_context(|| format!("cannot read {}", path.display()))?;
        kconfig::check(self.requests, &resolved, tree.path())?;
        note.write(&digest)
    }
}

impl Stage for BuildKernel<'_> {
    type Output = Kernel;
    const NAME: &'static str = "kernel";

    fn label(&self) -> String {
        self.name.to_owned()
    }

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.stage("linux", &self.linux.dir);
        patch::inputs(inputs, self.patches)?;
        for request in self.requests.iter() {
            inputs.text(&format!("CONFIG_{}", request.symbol), &request.value);
        }
        match self.stack {
            Some(stack) => {
                inputs.tree("shim", self.shim)?;
                inputs.file("stack", &stack.object)?; // by content: an equal object is no reason
            }
            None => inputs.file("shim/Kconfig", &self.shim.join("Kconfig"))?,
        }
        inputs.text("make", make::settings(self.processors).join(" "));
        if let Some(xz) = Machine::this().program("xz") {
            inputs.file("host xz", &xz)?; // it compresses the image
        }
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let log = cx.paths.log(Self::NAME);
        WorkTree::open(cx, &format!("kernel-{}", self.name))?.build(|dir| {
            let tree = Tree::prepare(cx, task, dir, self.linux)?;
            tree.apply(cx, task, self.patches, &log)?;
            tree.add_shim(self.shim, self.stack)?;
            let make = Make { cx, task, log: &log, tree: tree.path(), processors: self.processors };
            self.configure(task, &tree, &make)?;
            task.note("compiling");
            make.run(|command| command.arg("bzImage").args(self.is_loadable().then_some("modules")))?;
            let mut outputs = OUTPUTS.to_vec();
            outputs.extend(self.is_loadable().then_some((MODULE, "linnet.ko")));
            for (from, to) in outputs {
                mirror::copy(&tree.path().join(from), &work.join(to))
                    .with_context(|| format!("make did not leave {from}"))?;
            }
            Ok(())
        })?;
        task.note("checking");
        let locks = self.processors > 1;
        if self.is_loadable() {
            let module = work.join("linnet.ko");
            process::run(cx, task, process::command("strip").arg("--strip-unneeded").arg(&module), &log)?;
            isa::check(&module, &Policy::STRICT.with_locks(locks))?;
        }
        isa::check(&work.join("vmlinux"), &Policy::KERNEL.with_locks(locks)).map(|_| ())
    }

    fn output(&self, dir: &Path) -> Result<Kernel> {
        let module = dir.join("linnet.ko");
        Ok(Kernel {
            dir: dir.to_path_buf(),
            image: dir.join("bzImage"),
            vmlinux: dir.join("vmlinux"),
            map: dir.join("vmlinux.map"),
            config: dir.join("config"),
            modules: if module.is_file() { vec![module] } else { Vec::new() },
        })
    }
}
