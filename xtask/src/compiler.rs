//! The host's compilers as tools for i586: which they are, and with which flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::host::Machine;
use crate::host::rust::Pair;
use crate::process;

/// Code for the target: 32 bits, Pentium, no LOCK prefix (an erratum of Quark, and needless on one
/// processor), and nothing that a distribution's compiler adds on its own.
pub const I586: [&str; 9] = [
    "-m32",
    "-march=i586",
    "-mtune=i586",
    "-Wa,-momit-lock-prefix=yes",
    "-fcf-protection=none",
    "-fno-stack-protector",
    "-fno-pie",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
];

/// Small code, in sections that the linker can leave out.
pub const SMALL: [&str; 3] = ["-Os", "-ffunction-sections", "-fdata-sections"];

/// The programs whose version shows in what is built.
const PROGRAMS: [&str; 4] = ["gcc", "as", "ld", "ar"];

/// Names the tools as inputs, by content.
///
/// # Errors
/// One is not installed.
pub fn identity(inputs: &mut Fingerprint) -> Result<()> {
    let machine = Machine::this();
    for name in PROGRAMS {
        let path = machine
            .program(name)
            .with_context(|| format!("`{name}` is not installed: `cargo xtask doctor` knows what to do"))?;
        inputs.file(&format!("host {name}"), &path)?;
    }
    Ok(())
}

/// Cargo as a cross compiler: `rust` is compiler and library source, and unstable options are allowed.
#[must_use]
pub fn cargo(cx: &Context, rust: &Pair) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = process::command(program);
    command.env("RUSTC", &rust.rustc).env("RUSTC_BOOTSTRAP", "1");
    if cx.options.offline {
        command.env("CARGO_NET_OFFLINE", "true");
    }
    command
}

/// The C files in `dir` and the folders in it, in the order of their names.
///
/// # Errors
/// It cannot be read.
pub fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let context = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "c") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
