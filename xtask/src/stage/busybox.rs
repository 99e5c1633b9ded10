//! BusyBox from a fragment: configured, checked, linked statically, i586.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::{Busybox, Toolchain};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::kconfig::{self, Requests};
use crate::lint::{isa, policy::Policy};
use crate::mirror;
use crate::patch;
use crate::process;
use crate::report::Task;
use crate::sources::{Source, unpack};

/// Builds BusyBox.
#[derive(Clone, Copy, Debug)]
pub struct BuildBusybox<'a> {
    /// Its archive.
    pub source: &'a Source,
    /// What compiles it.
    pub toolchain: &'a Toolchain,
    /// Patches, in this order.
    pub patches: &'a [PathBuf],
    /// What the configuration must have; everything else is off.
    pub requests: &'a Requests,
}

/// What the build leaves, and under which name it is kept.
const OUTPUTS: [(&str, &str); 4] = [
    ("busybox", "busybox"),
    ("busybox_unstripped", "busybox_unstripped"),
    ("busybox.links", "links"),
    (".config", "config"),
];

/// The time in the banner: the same for everybody.
const TIME: (&str, &str) = ("SOURCE_DATE_EPOCH", "1");

impl BuildBusybox<'_> {
    /// BusyBox's Kconfig has no `KCONFIG_ALLCONFIG` that works: everything off first, then the asked-for
    /// symbols in place of those lines, then `oldconfig` with an empty answer for what that makes visible.
    fn configure(&self, cx: &Context, task: &Task, tree: &Path, log: &Path) -> Result<()> {
        process::run(cx, task, self.make(tree).arg("allnoconfig"), log)?;
        let path = tree.join(".config");
        let read = || fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        let off = read()?;
        let others = off.lines().filter(|line| symbol(line).is_none_or(|symbol| !self.requests.has(symbol)));
        let mut text = self.requests.to_text();
        for line in others {
            let _ = writeln!(text, "{line}"); // cannot fail
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let answers = tree.join("answers");
        fs::write(&answers, "\n".repeat(ANSWERS))
            .with_context(|| format!("cannot write {}", answers.display()))?;
        let mut oldconfig = self.make(tree);
        oldconfig.arg("oldconfig").stdin(fs::File::open(&answers)?);
        process::run(cx, task, &mut oldconfig, log)?;
        kconfig::check(self.requests, &read()?, tree)
    }

    fn make(&self, tree: &Path) -> Command {
        let mut make = process::command("make");
        make.arg("--no-print-directory").arg(format!("CC={}", self.toolchain.cc.display()));
        make.env(TIME.0, TIME.1).current_dir(tree);
        make
    }
}

/// More questions than BusyBox has symbols.
const ANSWERS: usize = 2000;

impl Stage for BuildBusybox<'_> {
    type Output = Busybox;
    const NAME: &'static str = "busybox";

    fn label(&self) -> String {
        self.source.version.to_string()
    }

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.locked("archive", self.source.sha256.as_str());
        inputs.stage("toolchain", &self.toolchain.dir);
        patch::inputs(inputs, self.patches)?;
        for request in self.requests.iter() {
            inputs.text(&format!("CONFIG_{}", request.symbol), &request.value);
        }
        inputs.text(TIME.0, TIME.1);
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let log = cx.paths.log(Self::NAME);
        let tree = work.join("source");
        unpack(cx, task, &self.source.archive, &tree)?;
        task.note("patching");
        for patch in self.patches {
            patch::apply(cx, task, patch, &tree, &log, &format!("BusyBox {}", self.source.version))?;
        }
        task.note("configuring");
        self.configure(cx, task, &tree, &log)?;
        task.note("compiling");
        process::run(cx, task, self.make(&tree).args(["busybox", "busybox.links"]), &log)?;
        for (from, to) in OUTPUTS {
            mirror::copy(&tree.join(from), &work.join(to))
                .with_context(|| format!("make did not leave {from}"))?;
        }
        isa::check(&work.join("busybox_unstripped"), &Policy::STRICT)?;
        fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))
    }

    fn output(&self, dir: &Path) -> Result<Busybox> {
        Ok(Busybox {
            dir: dir.to_path_buf(),
            program: dir.join("busybox"),
            unstripped: dir.join("busybox_unstripped"),
            config: dir.join("config"),
            links: dir.join("links"),
        })
    }
}

/// The symbol that a line of a `.config` sets or says is not set.
fn symbol(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# CONFIG_").or_else(|| line.strip_prefix("CONFIG_"))?;
    rest.split(['=', ' ']).next()
}
