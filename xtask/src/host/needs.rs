//! The table of what a build needs, with the reason for each.

use super::Machine;

/// One package of the distribution.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// Its name in Debian.
    pub package: &'static str,
    /// What shows that it is there, under any distribution.
    pub evidence: Evidence,
    /// What for, as the end of "needed because".
    pub reason: &'static str,
}

/// What shows that a package is there.
#[derive(Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A program in PATH (or in the usual places for administrators).
    Program(&'static str),
    /// One of these files.
    File(&'static [&'static str]),
}

use Evidence::{File, Program};

/// Everything but the Rust source. libelf and OpenSSL are not here on purpose: only objtool (not
/// run for 32-bit x86), BTF and signed modules would want them.
pub const NEEDS: [Need; 12] = [
    Need {
        package: "gcc",
        evidence: Program("gcc"),
        reason: "compiles the kernel, musl and BusyBox with -m32 -march=i586",
    },
    Need {
        package: "binutils",
        evidence: Program("ld"),
        reason: "links and inspects what goes on the target",
    },
    Need {
        package: "libc6-dev",
        evidence: File(&["/usr/include/stdio.h"]),
        reason: "the kernel's and BusyBox's own build tools run on this machine",
    },
    Need { package: "make", evidence: Program("make"), reason: "drives the kernel's and BusyBox's builds" },
    Need {
        package: "flex",
        evidence: Program("flex"),
        reason: "generates the scanner of the kernel's Kconfig",
    },
    Need {
        package: "bison",
        evidence: Program("bison"),
        reason: "generates the parser of the kernel's Kconfig",
    },
    Need { package: "bc", evidence: Program("bc"), reason: "computes the kernel's time constants" },
    Need {
        package: "xz-utils",
        evidence: Program("xz"),
        reason: "unpacks sources, compresses the kernel image",
    },
    Need { package: "bzip2", evidence: Program("bzip2"), reason: "unpacks BusyBox's source" },
    Need {
        package: "patch",
        evidence: Program("patch"),
        reason: "applies the distribution's and our own patches",
    },
    Need {
        package: "dpkg-dev",
        evidence: Program("dpkg-source"),
        reason: "unpacks the distribution's source packages",
    },
    Need {
        package: "qemu-system-x86",
        evidence: Program("qemu-system-i386"),
        reason: "boots the image for the smoke test",
    },
];

impl Need {
    /// Where `machine` has it.
    #[must_use]
    pub fn found(&self, machine: &Machine) -> Option<String> {
        match &self.evidence {
            Program(name) => machine.program(name).map(|path| path.display().to_string()),
            File(paths) => paths.iter().find(|path| machine.has_file(path)).map(|path| (*path).to_owned()),
        }
    }
}
