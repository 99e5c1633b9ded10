//! The Rust half of our stack for the kernel: one relocatable object, and what it must not have in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::artifact::Stack;
use super::{Stage, WorkTree};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::host::rust::Pair;
use crate::lint::{frames, imports, isa, panics, policy::Policy};
use crate::process;
use crate::report::Task;

/// Builds the object as stack/kmod/README.md says.
#[derive(Clone, Copy, Debug)]
pub struct BuildStack<'a> {
    /// Compiler and library source.
    pub rust: &'a Pair,
    /// The checkout: cargo wants the whole workspace.
    pub root: &'a Path,
    /// Cargo features of `linnet-kmod`.
    pub features: &'a [String],
}

const OBJECT: &str = "rust.o";
/// The kernel passes arguments in registers; no pass of LLVM makes calls of `memcmp` of its own (they would differ
/// from rustc's in that).
const RUSTFLAGS: &str = "-Zregparm=3 -Cllvm-args=-disable-mergeicmps";
/// For the last crate alone, in which all code is generated: docs/decisions/0003-size-of-rust.md has what each is
/// worth.
const CODEGEN: [&str; 3] =
    ["-Ctarget-cpu=i586", "-Cllvm-args=-min-jump-table-entries=6", "-Cllvm-args=-split-spill-mode=size"];
/// What the object takes from the kernel instead of `compiler_builtins`, and by which name.
const KERNEL_HAS: [(&str, &str); 4] =
    [("memcpy", "memcpy"), ("memmove", "memmove"), ("memset", "memset"), ("memcmp", "linnet_memcmp")];
/// All that the object may refer to: that, and the shim (`stack/kmod/src/ffi.rs`).
const IMPORTS: [&str; 5] = ["memcpy", "memmove", "memset", "linnet_*", "LINNET_*"];
/// The target, as cargo calls it after its file's name.
const TARGET: &str = "i586-linnet-none";
/// The crates that go in; what else the workspace has does not matter.
const CRATES: [&str; 3] = ["wire", "core", "kmod"];

impl BuildStack<'_> {
    fn kmod(&self, file: &str) -> PathBuf {
        self.root.join("stack/kmod").join(file)
    }
}

impl Stage for BuildStack<'_> {
    type Output = Stack;
    const NAME: &'static str = "stack";

    fn label(&self) -> String {
        self.features.join(", ")
    }

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        for name in CRATES {
            let dir = self.root.join("stack").join(name);
            inputs.tree(&format!("stack/{name}/src"), &dir.join("src"))?;
            inputs.file(&format!("stack/{name}/Cargo.toml"), &dir.join("Cargo.toml"))?;
        }
        for name in ["Cargo.toml", "Cargo.lock"] {
            inputs.file(name, &self.root.join(name))?;
        }
        inputs.file("target", &self.kmod(&format!("{TARGET}.json")))?;
        inputs.file("prelink.ld", &self.kmod("prelink.ld"))?;
        inputs.text("features", self.features.join(" "));
        inputs.text("flags", RUSTFLAGS);
        inputs.text("code generation", CODEGEN.join(" "));
        inputs.text("from the kernel", KERNEL_HAS.map(|(name, theirs)| format!("{name}={theirs}")).join(" "));
        inputs.text("may refer to", IMPORTS.join(" "));
        inputs.file("rustc", &self.rust.rustc)?;
        inputs.file("library", &self.rust.library.join("Cargo.lock"))?;
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let log = cx.paths.log(Self::NAME);
        let object = work.join(OBJECT);
        WorkTree::open(cx, Self::NAME)?.build(|tree| {
            task.note("compiling");
            let mut cargo = compiler::cargo(cx, self.rust);
            cargo.args(["rustc", "--locked", "-p", "linnet-kmod", "--lib", "--profile", "device"]);
            cargo.args(["--crate-type", "staticlib", "--features", &self.features.join(",")]);
            cargo.args(["-Zjson-target-spec", "-Zbuild-std=core,alloc"]);
            cargo.arg("-Zbuild-std-features=optimize_for_size");
            cargo.arg("--target").arg(self.kmod(&format!("{TARGET}.json")));
            cargo.arg("--").args(CODEGEN);
            cargo.env("CARGO_TARGET_DIR", tree).env("RUSTFLAGS", RUSTFLAGS);
            process::run(cx, task, cargo.current_dir(self.root), &log)?;
            task.note("linking");
            let archive = tree.join(TARGET).join("device/liblinnet_kmod.a");
            let mut link = process::command("ld");
            link.args(["-m", "elf_i386", "-r", "--gc-sections", "-T"]).arg(self.kmod("prelink.ld"));
            link.args(KERNEL_HAS.map(|(name, _)| format!("--wrap={name}")));
            link.arg("-o").arg(&object).arg(&archive);
            process::run(cx, task, &mut link, &log)
        })?;
        let mut hide = process::command("objcopy");
        hide.args(["--wildcard", "--keep-global-symbol=linnet_*"]);
        hide.args(KERNEL_HAS.map(|(name, theirs)| format!("--redefine-sym=__wrap_{name}={theirs}")));
        hide.arg(&object);
        process::run(cx, task, &mut hide, &log)?;
        task.note("checking");
        let checked = panics::check(&object)
            .and_then(|_| isa::check(&object, &Policy::STRICT))
            .and_then(|_| frames::check(&object).map(drop))
            .and_then(|()| imports::check(&object, &IMPORTS).map(drop));
        // An object that is refused is worth a look, so it stays where the message says.
        checked.or_else(|error| {
            let kept = log.with_file_name("refused-rust.o");
            fs::copy(&object, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
            Err(error.context(format!("the stack's object is refused; it lies in {}", cx.paths.show(&kept))))
        })
    }

    fn output(&self, dir: &Path) -> Result<Stack> {
        Ok(Stack { dir: dir.to_path_buf(), object: dir.join(OBJECT) })
    }
}
