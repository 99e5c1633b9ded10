//! The benchmark's plugin for QEMU, `xtask/counter`: for this machine, and for the QEMU that it has.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Stage;
use super::artifact::Counter;
use crate::compiler;
use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::process;
use crate::report::Task;

/// Compiles it.
#[derive(Clone, Copy, Debug)]
pub struct BuildCounter<'a> {
    /// Its source.
    pub source: &'a Path,
    /// What the QEMU that is to load it says of its version.
    pub qemu: &'a str,
}

impl BuildCounter<'_> {
    fn flags(&self) -> Result<[String; 7]> {
        let interface = format!("-DPLUGIN_VERSION={}", interface(self.qemu)?);
        let flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"].map(str::to_owned);
        let [a, b, c, d, e, f] = flags;
        Ok([a, b, c, d, e, f, interface])
    }
}

impl Stage for BuildCounter<'_> {
    type Output = Counter;
    const NAME: &'static str = "counter";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.tree("source", self.source)?;
        inputs.text("flags", self.flags()?.join(" "));
        compiler::identity(inputs)
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("compiling");
        let mut compile = process::command("gcc");
        compile.args(self.flags()?).arg("-o").arg(work.join(NAME)).args(compiler::sources(self.source)?);
        process::run(cx, task, &mut compile, &cx.paths.log(Self::NAME))
    }

    fn output(&self, dir: &Path) -> Result<Counter> {
        Ok(Counter { dir: dir.to_path_buf(), plugin: dir.join(NAME) })
    }
}

const NAME: &str = "counter.so";

/// The version of the plugin interface to ask for: QEMU 9 and later refuse the first, earlier ones know no
/// other. What the counter uses is the same in all.
fn interface(version: &str) -> Result<u32> {
    let number = version.split_whitespace().find_map(|word| word.split('.').next()?.parse::<u32>().ok());
    let major = number.with_context(|| format!("cannot read QEMU's version from {version:?}"))?;
    Ok(if major < 9 { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_qemu_gets_an_interface_that_it_takes() {
        for (version, expected) in [
            ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u15)", 1),
            ("QEMU emulator version 8.2.2", 1),
            ("QEMU emulator version 9.0.0", 2),
            ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", 2),
        ] {
            assert_eq!(interface(version).unwrap(), expected, "{version}");
        }
        assert!(interface("QEMU").is_err());
    }
}
