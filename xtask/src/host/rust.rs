//! A compiler and its own library source: what the target's Rust code is built from.
//!
//! Only a matching pair will do. First choice is the toolchain that runs this program, if it has
//! the `rust-src` component; else the distribution's compiler with its source package.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Machine, RUST_REASON};
use crate::context::Context;
use crate::process;

/// The oldest compiler that will do: the workspace's rust-version.
pub const OLDEST: Version = Version { major: 1, minor: 90 };

/// Debian's pairs of compiler and source, the better first. `rustc-web` is the newer compiler that
/// stable releases carry for the web browsers' sake.
pub const PACKAGES: [[&str; 2]; 2] = [["rustc-web", "rust-web-src"], ["rustc", "rust-src"]];

/// Where a sysroot has the library source.
const LIBRARY: &str = "lib/rustlib/src/rust/library";

/// A compiler and the source of its library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The compiler.
    pub rustc: PathBuf,
    /// The folder with `core/`, `alloc/`, `compiler-builtins/`.
    pub library: PathBuf,
}

/// A compiler's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

/// The pair to use on `machine`, if there is one.
#[must_use]
pub fn find(machine: &Machine) -> Option<Pair> {
    // `…/toolchains/NAME/bin/cargo`, or `/usr/bin/cargo`: the sysroot is two levels up.
    let running = machine.cargo.as_deref().and_then(Path::parent).and_then(Path::parent);
    if let Some(pair) = running.and_then(pair_in) {
        return Some(pair);
    }
    let pair = pair_in(&machine.at("/usr"))?;
    (version_of(&pair.rustc)? >= OLDEST).then_some(pair)
}

/// The version in the text of `rustc --version` or in a package's version: the first `N.N`.
#[must_use]
pub fn parse_version(text: &str) -> Option<Version> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text[start..].split(|c: char| !c.is_ascii_digit());
    let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some(Version { major, minor })
}

/// Asks rustup for the source that belongs to the running toolchain.
///
/// # Errors
/// There is no rustup, or it cannot fetch it; the message says what else would do.
pub fn add_component(cx: &Context, machine: &Machine) -> Result<()> {
    let Version { major, minor } = OLDEST;
    let advice = || {
        format!(
            "no Rust source for the target: {RUST_REASON}. Either `rustup component add rust-src` has to \
             work, or the distribution has to offer rustc {major}.{minor} or newer with its source"
        )
    };
    let rustup = machine.program("rustup").with_context(advice)?;
    let task = cx.reporter.task("host");
    task.note("adding rust-src to the toolchain");
    let mut command = process::command(rustup);
    command.args(["component", "add", "rust-src"]);
    process::run(cx, &task, &mut command, &cx.paths.log("host")).with_context(advice)?;
    task.done("rust-src");
    Ok(())
}

fn pair_in(sysroot: &Path) -> Option<Pair> {
    let pair = Pair { rustc: sysroot.join("bin/rustc"), library: sysroot.join(LIBRARY) };
    (pair.rustc.is_file() && pair.library.join("core/src/lib.rs").is_file()).then_some(pair)
}

fn version_of(rustc: &Path) -> Option<Version> {
    let output = Command::new(rustc).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}
