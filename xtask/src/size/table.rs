//! The sizes as a table for people: 80 columns, largest first.

use super::{Item, Report};
use crate::report::grouped;
use std::fmt::Write as _;

/// The table of `report`, the build called `name`.
#[must_use]
pub fn table(name: &str, report: &Report) -> String {
    let mut text = format!("{name}: sizes in bytes\n");
    let native = report.native_inet;
    let share = format!("{:.0} % of native inet", percent(report.stack_bytes, native.bytes));
    let source =
        if native.measured { "measured on this board" } else { "known figure: build --stack native" };
    let rows = [
        ("our stack (code + constants)", report.stack_bytes, share.as_str()),
        ("  of that Rust", report.stack_rust_bytes, ""),
        ("native inet", native.bytes, source),
        ("all network code", report.net_bytes, "everything from net/"),
        ("kernel text (as `size`)", report.kernel_text_bytes, ""),
        ("kernel code + constants", report.kernel_code_bytes, ""),
        ("kernel image", report.kernel_image_bytes, "bzImage"),
        ("root file system", report.rootfs_bytes, "rootfs.cpio"),
        ("firmware", report.firmware_bytes, "both, as flashed"),
    ];
    text.push('\n');
    for (what, bytes, remark) in rows {
        let line = format!("  {what:<30} {:>11}  {remark}", grouped(bytes));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let all = report.kernel_code_bytes;
    section(&mut text, "kernel by component", &report.components, 12, all);
    section(&mut text, "objects under net/", &report.net_objects, 10, report.net_bytes);
    section(&mut text, "our stack by module", &report.stack_modules, 14, report.stack_bytes);
    section(&mut text, "largest symbols of our stack", &report.stack_symbols, 16, report.stack_bytes);
    section(&mut text, "files of the root file system", &report.rootfs_files, 8, report.rootfs_bytes);
    text.trim_end().to_owned()
}

/// The `most` largest of `items`, which are parts of `whole` bytes.
#[must_use]
pub fn list(title: &str, items: &[Item], most: usize, whole: u64) -> String {
    let mut text = String::new();
    section(&mut text, title, items, most, whole);
    text.trim().to_owned()
}

fn section(text: &mut String, title: &str, items: &[Item], most: usize, whole: u64) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for item in items.iter().take(most) {
        let share = percent(item.bytes, whole);
        let _ =
            writeln!(text, "  {:>11} {share:>5.1} %  {}", grouped(item.bytes), shortened(&item.name, NAME));
    }
    let rest = &items[items.len().min(most)..];
    if !rest.is_empty() {
        let bytes = rest.iter().map(|item| item.bytes).sum();
        let _ = writeln!(
            text,
            "  {:>11} {:>5.1} %  … {} more",
            grouped(bytes),
            percent(bytes, whole),
            rest.len()
        );
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// At most `most` characters of `name`: its end, which says most of a path.
pub(super) fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - most + 1).collect();
    format!("…{end}")
}

/// Columns for a name.
const NAME: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_eighty_columns() {
        let item = |name: &str, bytes| Item { name: name.to_owned(), bytes };
        let long =
            "<linnet_core::tcp::input::Segment<linnet_kmod::host::Kernel> as core::ops::Index<usize>>::index";
        let report = Report {
            stack_bytes: 62_000,
            stack_rust_bytes: 50_000,
            net_bytes: 400_000,
            kernel_code_bytes: 1_800_000,
            native_inet: super::super::NativeInet { bytes: 310_000, measured: false },
            stack_symbols: (0..20).map(|n| item(long, 20_000 - n)).collect(),
            components: vec![item("net/core", 131_915), item("kernel", 90_000)],
            ..Report::default()
        };
        let text = table("qemu-pc-minimal", &report);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for part in [
            "20 % of native inet",
            "131,915",
            "… 4 more",
            "known figure",
            "as core::ops::Index<usize>>::index",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(!text.contains("files of the root"), "an empty section shows");
    }
}
