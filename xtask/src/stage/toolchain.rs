//! The C toolchain for the target's programs: musl, the kernel's headers, the helpers, and a
//! compiler driver `i586-linnet-cc` that knows only them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::{Builtins, Headers, Musl, Toolchain};
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::lint::{isa, policy::Policy};
use crate::mirror;
use crate::process;
use crate::report::Task;

/// Puts the parts together.
#[derive(Clone, Copy, Debug)]
pub struct AssembleToolchain<'a> {
    /// The C library.
    pub musl: &'a Musl,
    /// The kernel's headers.
    pub headers: &'a Headers,
    /// What stands in for libgcc.
    pub builtins: &'a Builtins,
}

/// How gcc finds everything below the sysroot (`%R`) and nothing elsewhere. `include%s` is its own
/// folder with `stddef.h` and the like.
const SPECS: &str = "\
%rename cpp_options old_cpp_options

*cpp_options:
-nostdinc -isystem %R/include -isystem include%s %(old_cpp_options)

*cc1:
%(cc1_cpu) -nostdinc -isystem %R/include -isystem include%s

*link_libgcc:
-L%R/lib

*libgcc:
%R/lib/libbuiltins.a

*startfile:
%R/lib/crt1.o %R/lib/crti.o

*endfile:
%R/lib/crtn.o

*link:
-m elf_i386 -static -nostdlib --build-id=none %{!r:--gc-sections} -z noexecstack -z norelro

";

/// Calls a helper of each kind: 64-bit division, a conversion, printf's long double.
const TRIAL: &str = r#"#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	volatile int64_t a = argc * INT64_C(1000000007), b = argc + 6;
	volatile uint64_t c = (uint64_t)a << argc;

	return printf("%s %f\n", argv[0], (double)(a / b + a % b) + (double)(c / 10)) < 0;
}
"#;

impl Stage for AssembleToolchain<'_> {
    type Output = Toolchain;
    const NAME: &'static str = "toolchain";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.stage("musl", &self.musl.dir);
        inputs.stage("headers", &self.headers.dir);
        inputs.stage("builtins", &self.builtins.dir);
        inputs.text("specs", SPECS);
        inputs.text("driver", driver());
        inputs.text("trial", TRIAL);
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let context = || format!("cannot write into {}", work.display());
        let (lib, include) = (work.join("lib"), work.join("include"));
        mirror::copy_tree(&self.musl.lib, &lib)?;
        mirror::copy_tree(&self.musl.include, &include)?;
        mirror::copy_tree(&self.headers.include, &include)?;
        mirror::copy(&self.builtins.archive, &lib.join("libbuiltins.a")).with_context(context)?;
        fs::create_dir_all(work.join("bin")).with_context(context)?;
        fs::write(lib.join("gcc.specs"), SPECS).with_context(context)?;
        let cc = work.join(CC);
        fs::write(&cc, driver()).with_context(context)?;
        fs::set_permissions(&cc, fs::Permissions::from_mode(0o755)).with_context(context)?;

        task.note("trying it");
        let (source, program) = (work.join("trial.c"), work.join("trial"));
        fs::write(&source, TRIAL).with_context(context)?;
        let mut compile = process::command(&cc);
        compile.args(["-Os", "-Wall", "-Werror", "-o"]).arg(&program).arg(&source);
        process::run(cx, task, &mut compile, &cx.paths.log(Self::NAME))?;
        isa::check(&program, &Policy::STRICT)?;
        fs::remove_file(&source).and_then(|()| fs::remove_file(&program)).with_context(context)
    }

    fn output(&self, dir: &Path) -> Result<Toolchain> {
        Ok(Toolchain { dir: dir.to_path_buf(), cc: dir.join(CC) })
    }
}

const CC: &str = "bin/i586-linnet-cc";

/// A script that finds its sysroot beside itself, so that the folder can be moved.
fn driver() -> String {
    format!(
        "#!/bin/sh\n\
         # gcc for Linnet's user space: i586, musl, static.\n\
         sysroot=${{0%/*}}/..\n\
         exec gcc -specs=\"$sysroot/lib/gcc.specs\" --sysroot=\"$sysroot\" \\\n\
         \t{} -no-pie \"$@\"\n",
        compiler::I586.join(" ")
    )
}
