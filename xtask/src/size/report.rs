//! The sizes of one build, measured: the figures, and what they are made of.

use super::archive;
use super::breakdown::Breakdown;
use super::linkmap::{self, Piece};
use super::program::{self, Program, Symbol};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What native IPv4 costs: text of a 6.12 i586 kernel with INET minus without, in bytes, measured
/// by building both. Stands in until a native build of the same board is there.
pub const NATIVE_INET: u64 = 309_975;

/// Where the parts of a build lie.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The linked kernel, with symbols.
    pub vmlinux: PathBuf,
    /// Its link map (CONFIG_VMLINUX_MAP).
    pub map: PathBuf,
    /// The stack as a module of its own, when it is not built in.
    pub module: Option<PathBuf>,
    /// The kernel image as the boot loader takes it.
    pub kernel_image: PathBuf,
    /// The root file system, a cpio archive of the newc kind.
    pub rootfs: PathBuf,
}

/// The sizes of a build, all in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Our stack: code and constants of its Rust half and its shim.
    pub stack_bytes: u64,
    /// Its Rust half alone.
    pub stack_rust_bytes: u64,
    /// All network code: code and constants of every object under net/, the stack included.
    pub net_bytes: u64,
    /// The kernel's text as `size` counts it.
    pub kernel_text_bytes: u64,
    /// Code and constants of the kernel, the stack included.
    pub kernel_code_bytes: u64,
    /// The kernel image.
    pub kernel_image_bytes: u64,
    /// The root file system as an archive.
    pub rootfs_bytes: u64,
    /// Kernel image and root file system as flashed.
    pub firmware_bytes: u64,
    /// What Linux's own IPv4 costs.
    pub native_inet: NativeInet,
    /// Code and constants by part of the kernel's tree, largest first.
    pub components: Vec<Item>,
    /// Code and constants by object under net/, largest first.
    pub net_objects: Vec<Item>,
    /// The stack's functions and constants, largest first.
    pub stack_symbols: Vec<Item>,
    /// The stack by module of its source, largest first.
    pub stack_modules: Vec<Item>,
    /// Files of the root file system, largest first.
    pub rootfs_files: Vec<Item>,
}

/// What Linux's own IPv4 costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeInet {
    /// In bytes.
    pub bytes: u64,
    /// From a native build of the same board: code and constants more than ours has without its stack.
    pub measured: bool,
}

/// A name and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl Report {
    /// Reads the sizes that a build left at `path`.
    ///
    /// # Errors
    /// There are none, or they are of another version; the message says what to do.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = read(path)?;
        let advice =
            || format!("{} holds no sizes that this version knows: remove it, build again", path.display());
        serde_json::from_slice(&bytes).with_context(advice)
    }

    /// Compares with `native`, the sizes of the native build of the same board, instead of the known figure.
    pub fn compare_with(&mut self, native: &Self) {
        let without_stack = self.kernel_code_bytes - self.stack_bytes;
        let bytes = native.kernel_code_bytes.saturating_sub(without_stack);
        self.native_inet = NativeInet { bytes, measured: true };
    }
}

/// Measures the build at `inputs`: its figures, and what its kernel is made of.
///
/// # Errors
/// A file is missing or not what it should be; the message names it.
pub fn measure(inputs: &Inputs) -> Result<(Report, Breakdown)> {
    let map = String::from_utf8_lossy(&read(&inputs.map)?).into_owned();
    let vmlinux = program::read(&inputs.vmlinux.display().to_string(), &read(&inputs.vmlinux)?)?;
    let module =
        inputs.module.as_deref().map(|path| program::read(&path.display().to_string(), &read(path)?));
    let rootfs = read(&inputs.rootfs)?;
    let files = archive::files(&rootfs).with_context(|| inputs.rootfs.display().to_string())?;
    let pieces = linkmap::parse(&map);
    anyhow::ensure!(!pieces.is_empty(), "{} is no link map of GNU ld", inputs.map.display());
    let image =
        std::fs::metadata(&inputs.kernel_image).with_context(|| inputs.kernel_image.display().to_string())?;
    let module = module.transpose()?;
    let breakdown = Breakdown::of(&pieces, &vmlinux, module.as_ref());
    let mut report = account(&pieces, &vmlinux, module.as_ref());
    report.kernel_image_bytes = image.len();
    report.rootfs_bytes = rootfs.len() as u64;
    report.firmware_bytes = report.kernel_image_bytes + report.rootfs_bytes;
    report.rootfs_files = largest(files.into_iter());
    report.native_inet = NativeInet { bytes: NATIVE_INET, measured: false };
    Ok((report, breakdown))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// One of the figures, under the names that it has for people and for machines.
#[derive(Clone, Copy)]
pub struct Figure {
    /// Its key in `size --json`.
    pub key: &'static str,
    /// In a table.
    pub title: &'static str,
    /// Takes it out of a report, in bytes.
    pub of: fn(&Report) -> u64,
}

/// The figures, in the order in which they are shown.
pub const FIGURES: [Figure; 8] = [
    Figure { key: "stack_bytes", title: "our stack", of: |r| r.stack_bytes },
    Figure { key: "stack_rust_bytes", title: "  of that Rust", of: |r| r.stack_rust_bytes },
    Figure { key: "net_bytes", title: "all network code", of: |r| r.net_bytes },
    Figure { key: "kernel_text_bytes", title: "kernel text (as `size`)", of: |r| r.kernel_text_bytes },
    Figure { key: "kernel_code_bytes", title: "kernel code + constants", of: |r| r.kernel_code_bytes },
    Figure { key: "kernel_image_bytes", title: "kernel image", of: |r| r.kernel_image_bytes },
    Figure { key: "rootfs_bytes", title: "root file system", of: |r| r.rootfs_bytes },
    Figure { key: "firmware_bytes", title: "firmware", of: |r| r.firmware_bytes },
];

/// The figures that come from the link.
fn account(pieces: &[Piece], vmlinux: &Program, module: Option<&Program>) -> Report {
    let text = || pieces.iter().filter(|piece| piece.is_text());
    let of =
        |prefix: &str| text().filter(|piece| piece.object.starts_with(prefix)).map(Piece::bytes).sum::<u64>();
    let ours: Vec<&Piece> = text().filter(|piece| piece.object.starts_with(STACK)).collect();
    let built_in =
        vmlinux.symbols.iter().filter(|symbol| ours.iter().any(|p| p.address.contains(&symbol.address)));
    let loadable = module.iter().flat_map(|module| &module.symbols).filter(|symbol| symbol.text);
    let symbols: Vec<&Symbol> = built_in.chain(loadable).collect();
    let module_bytes = module.map_or(0, |module| module.text);
    let rust_in_module = loadable_rust(module);
    Report {
        stack_bytes: of(STACK) + module_bytes,
        stack_rust_bytes: of(RUST_HALF) + rust_in_module,
        net_bytes: of("net/") + module_bytes,
        kernel_text_bytes: vmlinux.text,
        kernel_code_bytes: of("") + module_bytes,
        components: largest(sums(text().map(|piece| (component(&piece.object), piece.bytes())))),
        net_objects: largest(sums(
            text().filter(|p| p.object.starts_with("net/")).map(|p| (p.object.clone(), p.bytes())),
        )),
        stack_symbols: largest(symbols.iter().map(|symbol| (symbol.name.clone(), symbol.bytes))),
        stack_modules: largest(sums(symbols.iter().map(|symbol| (module_of(symbol), symbol.bytes)))),
        ..Report::default()
    }
}

fn loadable_rust(module: Option<&Program>) -> u64 {
    let symbols = module.iter().flat_map(|module| &module.symbols);
    symbols.filter(|symbol| symbol.text && symbol.rust).map(|symbol| symbol.bytes).sum()
}

/// The part of the kernel's tree that an object belongs to: `net/core` under net/, else the top folder.
pub(super) fn component(object: &str) -> String {
    let parts: Vec<&str> = object.split('/').collect();
    match parts.as_slice() {
        ["net", folder, _, ..] => format!("net/{folder}"),
        ["net", _] => "net".to_owned(),
        ["arch", arch, ..] => format!("arch/{arch}"),
        ["drivers", folder, _, ..] => format!("drivers/{folder}"),
        [top, _, ..] => (*top).to_owned(),
        _ => "other".to_owned(),
    }
}

/// The module that a function of the stack stands in: `linnet_core::tcp`; `shim` for C.
fn module_of(symbol: &Symbol) -> String {
    let path = symbol.name.trim_start_matches(['<', '&']).split([' ', '>', '<']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split("::").collect();
    match parts.as_slice() {
        _ if !symbol.rust => "shim and entry points".to_owned(),
        [crate_name, module, _, ..] => format!("{crate_name}::{module}"),
        [crate_name, ..] => (*crate_name).to_owned(),
        [] => "other".to_owned(),
    }
}

fn sums(items: impl Iterator<Item = (String, u64)>) -> impl Iterator<Item = (String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    items.for_each(|(name, bytes)| *sums.entry(name).or_default() += bytes);
    sums.into_iter()
}

pub(super) fn largest(items: impl Iterator<Item = (String, u64)>) -> Vec<Item> {
    let mut items: Vec<Item> = items.map(|(name, bytes)| Item { name, bytes }).collect();
    items.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    items
}

/// Objects of our stack in the kernel's tree.
const STACK: &str = "net/linnet/";

/// The one of them that is Rust.
const RUST_HALF: &str = "net/linnet/rust.o";

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(output: &str, object: &str, from: u64, bytes: u64) -> Piece {
        Piece {
            output: output.to_owned(),
            section: output.to_owned(),
            object: object.to_owned(),
            address: from..from + bytes,
        }
    }

    fn symbol(name: &str, rust: bool, address: u64, bytes: u64) -> Symbol {
        Symbol { name: name.to_owned(), rust, address, bytes, text: true }
    }

    fn item(name: &str, bytes: u64) -> Item {
        Item { name: name.to_owned(), bytes }
    }

    #[test]
    fn every_byte_is_accounted_for_once() {
        let pieces = [
            piece(".text", "net/linnet/rust.o", 0x1000, 600),
            piece(".rodata", "net/linnet/rust.o", 0x2000, 40),
            piece(".text", "net/linnet/socket.o", 0x1300, 100),
            piece(".data", "net/linnet/socket.o", 0x3000, 900),
            piece(".text", "net/core/dev.o", 0x1400, 300),
            piece(".text", "net/socket.o", 0x1600, 50),
            piece(".text", "kernel/fork.o", 0x1700, 70),
            piece(".text", "arch/x86/kernel/head_32.o", 0x1800, 30),
            piece(".text", "lib/lib.a(string.o)", 0x1900, 20),
        ];
        let vmlinux = Program {
            text: 4321,
            symbols: vec![
                symbol("linnet_core::tcp::input::handle", true, 0x1000, 400),
                symbol("<linnet_core::udp::Udp<H> as Clone>::clone", true, 0x1190, 200),
                symbol("linnet_socket_create", false, 0x1300, 90),
                symbol("__dev_queue_xmit", false, 0x1400, 300),
            ],
        };
        let report = account(&pieces, &vmlinux, None);
        assert_eq!(report.stack_bytes, 740);
        assert_eq!(report.stack_rust_bytes, 640);
        assert_eq!(report.net_bytes, 1090);
        assert_eq!(report.kernel_code_bytes, 1210);
        assert_eq!(report.kernel_text_bytes, 4321);
        assert_eq!(report.components.iter().map(|item| item.bytes).sum::<u64>(), report.kernel_code_bytes);
        let expected = [
            item("net/linnet", 740),
            item("net/core", 300),
            item("kernel", 70),
            item("net", 50),
            item("arch/x86", 30),
            item("lib", 20),
        ];
        assert_eq!(report.components, expected);
        assert_eq!(report.net_objects[0], item("net/linnet/rust.o", 640));
        let modules =
            [item("linnet_core::tcp", 400), item("linnet_core::udp", 200), item("shim and entry points", 90)];
        assert_eq!(report.stack_modules, modules);
        assert_eq!(report.stack_symbols.len(), 3);
    }

    #[test]
    fn a_module_of_its_own_counts() {
        let pieces = [piece(".text", "net/core/dev.o", 0x1400, 300)];
        let module = Program {
            text: 800,
            symbols: vec![symbol("linnet_core::tcp::x", true, 0, 500), symbol("init", false, 0, 60)],
        };
        let report = account(&pieces, &Program::default(), Some(&module));
        assert_eq!((report.stack_bytes, report.stack_rust_bytes, report.net_bytes), (800, 500, 1100));
        assert_eq!(report.stack_symbols[0], item("linnet_core::tcp::x", 500));
    }

    #[test]
    fn native_inet_comes_from_a_native_build_of_the_same_board() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("size.json");
        let native = Report { kernel_code_bytes: 1_240_000, ..Report::default() };
        std::fs::write(&path, serde_json::to_vec(&native).unwrap()).unwrap();
        let mut ours = Report { kernel_code_bytes: 1_000_000, stack_bytes: 60_000, ..Report::default() };
        ours.compare_with(&Report::load(&path).unwrap());
        assert_eq!(ours.native_inet, NativeInet { bytes: 300_000, measured: true });
        std::fs::write(&path, "{}").unwrap();
        assert!(Report::load(&path).unwrap_err().to_string().contains("size.json"));
    }

    #[test]
    fn a_build_is_measured_from_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let vmlinux = std::env::current_exe().unwrap();
        let map =
            "\nLinker script and memory map\n\n.text  0x1000 0x20\n .text  0x1000  0x20 net/linnet/rust.o\n";
        let inputs = Inputs {
            vmlinux,
            map: file("vmlinux.map", map.as_bytes()),
            module: None,
            kernel_image: file("bzImage", &[0; 700]),
            rootfs: file(
                "rootfs.cpio",
                &super::archive::tests::archive(&[("bin/busybox", 300), ("init", 20)]),
            ),
        };
        let (report, breakdown) = measure(&inputs).unwrap();
        assert_eq!(breakdown.objects[0].name, "net/linnet/rust.o");
        assert_eq!((report.stack_bytes, report.kernel_image_bytes), (32, 700));
        assert_eq!(report.native_inet, NativeInet { bytes: 309_975, measured: false });
        assert_eq!(report.firmware_bytes, 700 + report.rootfs_bytes);
        assert_eq!(report.rootfs_files, [item("bin/busybox", 300), item("init", 20)]);
        let broken = Inputs { map: file("empty.map", b""), ..inputs };
        assert!(measure(&broken).unwrap_err().to_string().contains("empty.map"));
    }
}
