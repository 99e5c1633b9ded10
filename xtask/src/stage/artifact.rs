//! What the stages hand each other: the edges of the graph. Each is the view of one finished folder.

use std::path::{Path, PathBuf};

use crate::manifest;
use crate::size::breakdown;

/// The kernel's source as released. Nobody writes into it.
#[derive(Clone, Debug)]
pub struct Linux {
    /// The finished folder.
    pub dir: PathBuf,
    /// The source tree.
    pub tree: PathBuf,
    /// The release: `6.12.117`.
    pub version: String,
}

/// The kernel's interface to programs.
#[derive(Clone, Debug)]
pub struct Headers {
    /// The finished folder.
    pub dir: PathBuf,
    /// `linux/`, `asm/`, `asm-generic/`, `mtd/`.
    pub include: PathBuf,
}

/// The compiler's helper functions for i586.
#[derive(Clone, Debug)]
pub struct Builtins {
    /// The finished folder.
    pub dir: PathBuf,
    /// What stands in for libgcc.
    pub archive: PathBuf,
}

/// The C library.
#[derive(Clone, Debug)]
pub struct Musl {
    /// The finished folder.
    pub dir: PathBuf,
    /// Its headers.
    pub include: PathBuf,
    /// Archives and start files.
    pub lib: PathBuf,
}

/// A C toolchain for the target's programs.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The finished folder.
    pub dir: PathBuf,
    /// The compiler driver: gcc's options, static i586 programs.
    pub cc: PathBuf,
}

/// The Rust half of our stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The finished folder.
    pub dir: PathBuf,
    /// One relocatable object with nothing global but `linnet_*`.
    pub object: PathBuf,
}

/// A kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The finished folder.
    pub dir: PathBuf,
    /// What a boot loader starts.
    pub image: PathBuf,
    /// The same with symbols, for measuring.
    pub vmlinux: PathBuf,
    /// Its link map.
    pub map: PathBuf,
    /// The resolved configuration.
    pub config: PathBuf,
    /// What the root file system carries and loads.
    pub modules: Vec<PathBuf>,
}

/// BusyBox.
#[derive(Clone, Debug)]
pub struct Busybox {
    /// The finished folder.
    pub dir: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// The same with symbols, for measuring.
    pub unstripped: PathBuf,
    /// The resolved configuration.
    pub config: PathBuf,
    /// One absolute path a line: the names under which it is called.
    pub links: PathBuf,
}

/// The DHCP client.
#[derive(Clone, Debug)]
pub struct Dhcpc {
    /// The finished folder.
    pub dir: PathBuf,
    /// A static program.
    pub program: PathBuf,
}

/// A root file system.
#[derive(Clone, Debug)]
pub struct Rootfs {
    /// The finished folder.
    pub dir: PathBuf,
    /// The cpio archive, uncompressed.
    pub archive: PathBuf,
}

/// The smoke test's program for the guest.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The finished folder.
    pub dir: PathBuf,
    /// A static program.
    pub program: PathBuf,
}

/// The benchmark's program for the guest.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The finished folder.
    pub dir: PathBuf,
    /// A static program with symbols.
    pub program: PathBuf,
}

/// The benchmark's plugin for the QEMU of this machine.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The finished folder.
    pub dir: PathBuf,
    /// A shared object.
    pub plugin: PathBuf,
}

/// What is booted or flashed.
#[derive(Clone, Debug)]
pub struct Image {
    /// The folder that all of it lies in.
    pub dir: PathBuf,
    /// What a boot loader starts.
    pub kernel: PathBuf,
    /// What a boot loader hands to the kernel.
    pub rootfs: PathBuf,
    /// What both were made from.
    pub manifest: PathBuf,
    /// What takes how many bytes.
    pub sizes: PathBuf,
    /// What the kernel is made of, to the last symbol.
    pub symbols: PathBuf,
}

impl Image {
    /// The image in the folder `dir`.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            kernel: dir.join("bzImage"),
            rootfs: dir.join("rootfs.cpio"),
            manifest: dir.join(manifest::NAME),
            sizes: dir.join("size.json"),
            symbols: dir.join(breakdown::FILE),
        }
    }
}
