//! The machine that the build runs on: its programs, files, user, disk and memory.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::context::Paths;
use crate::report::size;

/// Free space for a build from nothing (measured: sources, trees and outputs of both providers), in bytes.
const DISK: u64 = 5 << 30;

/// RAM with which two compilers and the linker of the kernel do not swap, in bytes.
const MEMORY: u64 = 3 << 29;

/// A view of a machine; tests make their own.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Where programs are looked for, in order.
    pub path: Vec<PathBuf>,
    /// What stands before absolute paths; `/` for this machine.
    pub root: PathBuf,
    /// The program that runs as cargo, which tells the toolchain: `…/bin/cargo`.
    pub cargo: Option<PathBuf>,
    /// Whether the user may install packages.
    pub is_root: bool,
}

/// A quantity that a build wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `disk` or `memory`.
    pub name: &'static str,
    /// How many bytes there are.
    pub available: u64,
    /// How many bytes there should be.
    pub wanted: u64,
    /// Where, for people.
    pub place: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
        let mut path: Vec<PathBuf> = std::env::split_paths(&path).collect();
        // A user's PATH often lacks these, and some of what we look for lives there.
        for dir in ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from) {
            if !path.contains(&dir) {
                path.push(dir);
            }
        }
        Self {
            path,
            root: PathBuf::from("/"),
            cargo: std::env::var_os("CARGO").map(PathBuf::from),
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    /// The executable called `name`.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let executable = |path: &PathBuf| {
            fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        self.path.iter().map(|dir| dir.join(name)).find(executable)
    }

    /// `path`, absolute, on this machine.
    #[must_use]
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Whether the file or folder `path` exists.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        self.at(path).exists()
    }

    /// Whether packages are installed with apt, and are called as in Debian.
    #[must_use]
    pub fn has_apt(&self) -> bool {
        self.program("apt-get").is_some() && self.program("apt-cache").is_some()
    }
}

impl Resource {
    /// Whether there is enough.
    #[must_use]
    pub fn suffices(&self) -> bool {
        self.available >= self.wanted
    }

    /// `12.3 GiB free in target/linnet`, and what should be there if that is too little.
    #[must_use]
    pub fn describe(&self) -> String {
        let short =
            if self.suffices() { String::new() } else { format!(" (should be {})", size(self.wanted)) };
        format!("{} {}{short}", size(self.available), self.place)
    }
}

/// Disk and memory. What is built and fetched already counts as room; so does a limit on memory
/// that a container sets.
#[must_use]
pub fn resources(paths: &Paths) -> Vec<Resource> {
    let built = paths.out.join("stages").exists();
    let wanted = if built { DISK / 5 } else { DISK };
    let available = free_space(&paths.out).unwrap_or(0);
    let place = format!("free for {}", paths.show(&paths.out));
    let mut found = vec![Resource { name: "disk", available, wanted, place }];
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
    if let Some(total) = memory {
        let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
        let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
        let available = total.min(limit);
        found.push(Resource { name: "memory", available, wanted: MEMORY, place: "of RAM".to_owned() });
    }
    found
}

/// Free bytes on the disk that holds `path` or the nearest folder above it that exists.
fn free_space(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|dir| dir.exists())?;
    let disk = rustix::fs::statvfs(existing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// `MemTotal:  8042888 kB` in bytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kb| kb * 1024)
}
