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
/// For the last crate alone, in which all code is generated: docs/decisions/0003-size-of-rust.md has what each is
/// worth.
const CODEGEN: [&str; 3] =
    ["-Ctarget-cpu=i586", "-Cllvm-args=-min-jump-table-entries=6", "-Cllvm-args=-split-spill-mode=size"];
/// What the object takes from the kernel instead of `compiler_builtins`.
const KERNEL_HAS: [&str; 4] = ["memcpy", "memmove", "memset", "memcmp"];
/// All that the object may refer to: that, and the shim (`stack/kmod/src/ffi.rs`).
const IMPORTS: [&str; 6] = ["memcpy", "memmove", "memset", "memcmp", "linnet_*", "LINNET_*"];
/// The target, as cargo calls it after its file's name.
const TARGET: &str = "i586-linnet-none";
/// The crates that go in; what else the workspace has does not matter.
const CRATES: [&str; 3] = ["wire", "core", "kmod"];

impl BuildStack<'_> {
    fn kmod(&self, file: &str) -> PathBuf {
        self.root.join("stack/kmod").join(file)
    }

    /// What C calls of each feature, beside the list that all have.
    fn scripts(&self) -> impl Iterator<Item = PathBuf> {
        let scripts = self.features.iter().map(|feature| self.kmod(&format!("prelink-{feature}.ld")));
        scripts.filter(|script| script.is_file())
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
        for script in self.scripts() {
            inputs.file(&script.file_name().unwrap_or_default().to_string_lossy(), &script)?;
        }
        inputs.text("features", self.features.join(" "));
        inputs.text("code generation", CODEGEN.join(" "));
        inputs.text("from the kernel", KERNEL_HAS.join(" "));
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
            cargo.args(["--crate-type", "staticlib", "--no-default-features"]);
            cargo.args(["--features", &self.features.join(",")]);
            cargo.args(["-Zjson-target-spec", "-Zbuild-std=core,alloc"]);
            cargo.arg("-Zbuild-std-features=optimize_for_size");
            cargo.arg("--target").arg(self.kmod(&format!("{TARGET}.json")));
            cargo.arg("--").args(CODEGEN);
            cargo.env("CARGO_TARGET_DIR", tree).env("RUSTFLAGS", "");
            process::run(cx, task, cargo.current_dir(self.root), &log)?;
            task.note("linking");
            let archive = tree.join(TARGET).join("device/liblinnet_kmod.a");
            let mut link = process::command("ld");
            link.args(["-m", "elf_iamcu", "-r", "--gc-sections", "-T"]).arg(self.kmod("prelink.ld"));
            link.args(KERNEL_HAS.map(|name| format!("--wrap={name}")));
            link.arg("-o").arg(&object).arg(&archive).args(self.scripts());
            process::run(cx, task, &mut link, &log)
        })?;
        let mut hide = process::command("objcopy");
        hide.args(["--wildcard", "--keep-global-symbol=linnet_*"]);
        hide.args(KERNEL_HAS.map(|name| format!("--redefine-sym=__wrap_{name}={name}")));
        hide.arg(&object);
        process::run(cx, task, &mut hide, &log)?;
        become_i386(&object)?;
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

/// The Intel MCU psABI, in which the object is compiled, is what an i386 kernel with `-mregparm=3` follows; but its
/// objects have a machine number of their own, and the kernel's linker takes none but i386's.
fn become_i386(object: &Path) -> Result<()> {
    // <elf.h>
    const E_MACHINE: usize = 18;
    const EM_386: u16 = 3;
    const EM_IAMCU: u16 = 6;
    let mut bytes = fs::read(object).with_context(|| format!("cannot read {}", object.display()))?;
    let machine =
        bytes.get_mut(E_MACHINE..E_MACHINE + 2).filter(|machine| *machine == EM_IAMCU.to_le_bytes());
    let machine = machine.with_context(|| format!("{} is no object for the Intel MCU", object.display()))?;
    machine.copy_from_slice(&EM_386.to_le_bytes());
    fs::write(object, bytes).with_context(|| format!("cannot write {}", object.display()))
}
