//! A board: facts about hardware, from one YAML file, checked (`RawBoard → Board`).
//!
//! A board is data: no procedure hangs on its name. docs/boards.md explains every key.

mod raw;
mod units;

pub use raw::RawBoard;
pub use units::ByteSize;

use anyhow::Result;
use serde::Deserialize;

use crate::context::Paths;

/// A board whose file was read and found right.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// The name of its file without `.yaml`; names its output folder.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The processor.
    pub cpu: Cpu,
    /// RAM.
    pub memory: ByteSize,
    /// The serial console.
    pub console: Console,
    /// The network interface's name on the target: `eth0`.
    pub interface: String,
    /// How the root file system reaches the kernel.
    pub root: Root,
    /// What its kernel is made of.
    pub kernel: Kernel,
    /// How QEMU stands in for it; none for a board that QEMU has no likeness of.
    pub qemu: Option<Qemu>,
    /// What its image may take.
    pub budgets: Budgets,
}

/// The processor.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// What every binary on it is limited to.
    pub isa: Isa,
    /// How many of them there are. With one, nothing needs a LOCK prefix, and nothing has one.
    #[serde(default = "one")]
    pub count: u8,
}

fn one() -> u8 {
    1
}

/// An instruction set that binaries are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isa {
    /// Pentium without MMX: no CMOV, no SSE, and no LOCK prefix.
    I586,
}

/// The serial console.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// The kernel's name of it: `ttyS0`.
    pub device: String,
    /// Bits a second.
    pub baud: u32,
}

/// How the root file system reaches the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// A cpio archive in RAM, handed over by the boot loader.
    Initramfs,
}

/// What a board's kernel is made of.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Configuration fragments `kernel/<name>.config`, merged in this order.
    pub fragments: Vec<String>,
    /// How our stack is linked.
    pub stack: StackLink,
    /// The kernel's command line beyond the console.
    #[serde(default)]
    pub arguments: Vec<String>,
}

/// How our stack is linked into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StackLink {
    /// Part of the kernel image.
    Builtin,
    /// A `.ko` that the root file system carries and loads.
    Loadable,
}

/// How QEMU stands in for a board.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qemu {
    /// `-machine`.
    pub machine: String,
    /// `-cpu`.
    pub cpu: String,
    /// The `-device` that is its NIC: `rtl8139`, `virtio-net-pci`.
    pub nic: String,
    /// Further arguments, as they are.
    #[serde(default)]
    pub arguments: Vec<String>,
}

/// What an image may take at most.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// The root file system, uncompressed.
    pub rootfs: Option<ByteSize>,
    /// The kernel image.
    pub kernel: Option<ByteSize>,
    /// Our stack: code and constants of its Rust half and its shim.
    pub stack: Option<ByteSize>,
    /// All network code: code and constants of everything below net/ in the kernel's tree.
    pub net: Option<ByteSize>,
    /// Kernel image and root file system together.
    pub firmware: Option<ByteSize>,
    /// RAM in which it boots, gets a lease and serves HTTP to four clients.
    pub memory: Option<ByteSize>,
}

impl Board {
    /// Reads and checks the board called `name`.
    ///
    /// # Errors
    /// There is no such board (the message lists those there are and the nearest), or its file is
    /// wrong (file, line, column, key, and what would be right).
    pub fn load(paths: &Paths, name: &str) -> Result<Self> {
        raw::load(paths, name)
    }
}

impl Budgets {
    /// These, where `other` has none of its own.
    #[must_use]
    pub fn overruled_by(&self, other: &Self) -> Self {
        Self {
            rootfs: other.rootfs.or(self.rootfs),
            kernel: other.kernel.or(self.kernel),
            stack: other.stack.or(self.stack),
            firmware: other.firmware.or(self.firmware),
            net: other.net.or(self.net),
            memory: other.memory.or(self.memory),
        }
    }
}

impl Root {
    /// As in board files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initramfs => "initramfs",
        }
    }
}

impl StackLink {
    /// As in board files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Loadable => "loadable",
        }
    }
}

impl Isa {
    /// As in board files, gcc's `-march` and the target's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I586 => "i586",
        }
    }
}
