//! No panic in the stack's object: nothing that it exports may lead to Rust's panic machinery.
//!
//! A panic symbol that no exported function reaches is not linked and is let pass: the archive of
//! `core` has them all.

use super::graph::{Graph, Node};
use anyhow::{Context as _, Result, bail};
use rustc_demangle::demangle;
use std::path::Path;

/// What was looked at.
#[derive(Debug, Default)]
pub struct Report {
    /// Functions from which the search began.
    pub roots: usize,
    /// Functions and data that they reach.
    pub reached: usize,
    /// Ways into the panic machinery.
    pub findings: Vec<Finding>,
}

/// One panic symbol that is reached.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The symbol, demangled.
    pub symbol: String,
    /// From an exported function to the one that refers to the symbol, demangled.
    pub path: Vec<String>,
}

/// Checks an object or archive on disk; an error names each symbol and the function that calls it.
pub fn check(path: &Path) -> Result<Report> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = examine(&path.display().to_string(), &bytes)?;
    if report.findings.is_empty() {
        return Ok(report);
    }
    let lines: Vec<_> = report
        .findings
        .iter()
        .map(|Finding { symbol, path }| {
            let caller = path.last().map_or("?", String::as_str);
            format!("  {symbol}\n    called by {caller}\n    reached by {}", path.join(" → "))
        })
        .collect();
    bail!(
        "{} can panic, and a panic in the kernel is an oops:\n{}\nMake the operation fallible: get() for an index, \
         checked or wrapping arithmetic, a drop reason instead of unwrap.",
        path.display(),
        lines.join("\n"),
    );
}

/// Checks `bytes`, the contents of the file called `name`.
pub fn examine(name: &str, bytes: &[u8]) -> Result<Report> {
    let graph = Graph::read(name, bytes)?;
    let exported = graph.exported().iter().copied();
    let roots: Vec<Node> = exported.filter(|&node| !is_rust(graph.name(node))).collect();
    let reached = graph.reach(&roots, is_panic);
    let finding = |node: Node| {
        let mut path = Vec::new();
        let mut at = node;
        while reached[&at] != at {
            at = reached[&at];
            path.push(readable(graph.name(at)));
        }
        path.reverse();
        Finding { symbol: readable(graph.name(node)), path }
    };
    let findings =
        reached.keys().filter(|&&node| is_panic(graph.name(node))).map(|&node| finding(node)).collect();
    Ok(Report { roots: roots.len(), reached: reached.len(), findings })
}

fn readable(name: &str) -> String {
    format!("{:#}", demangle(name))
}

/// A name that no C code calls: reached only by Rust, or not at all.
fn is_rust(name: &str) -> bool {
    ["_R", "_ZN", "__rust", "rust_"].iter().any(|prefix| name.starts_with(prefix))
}

fn is_panic(name: &str) -> bool {
    if name.starts_with(".") {
        return false;
    }
    let readable = readable(name);
    PANICS.iter().any(|panic| readable.contains(panic))
}

/// Parts of the demangled names of what ends in a panic.
const PANICS: [&str; 14] = [
    "core::panicking",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_",
    "core::str::slice_error_fail",
    "core::cell::panic_",
    "copy_from_slice_impl::len_mismatch_fail",
    "alloc::raw_vec::handle_error",
    "alloc::raw_vec::capacity_overflow",
    "handle_alloc_error",
    "rust_oom",
    "rust_begin_unwind",
    "_Unwind_Resume",
];

#[cfg(test)]
mod tests {
    use super::super::assemble::{assemble, compile};
    use super::*;

    const PANIC_FMT: &str = "_ZN4core9panicking9panic_fmt17h0123456789abcdefE";

    fn function(name: &str, scope: &str, body: &str) -> String {
        format!(
            ".section .text.{name},\"ax\"\n.{scope} {name}\n.type {name},@function\n{name}:\n{body}\nret\n.size {name},.-{name}\n"
        )
    }

    #[test]
    fn a_panic_is_found_with_its_caller() {
        let source = function("linnet_recv", "globl", "call middle")
            + &function("middle", "local", &format!("call {PANIC_FMT}"));
        let report = examine("test.o", &assemble(&source)).unwrap();
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.findings[0].symbol, "core::panicking::panic_fmt");
        assert_eq!(report.findings[0].path, ["linnet_recv", "middle"]);
    }

    #[test]
    fn a_panic_is_found_through_a_table_of_pointers() {
        let source = function("linnet_init", "globl", "mov $table,%eax")
            + &function("callback", "local", "call _RNvNtCs1234_4core9panicking5panic")
            + ".section .rodata.table,\"a\"\n.type table,@object\ntable: .long callback\n.size table,4\n";
        let report = examine("test.o", &assemble(&source)).unwrap();
        let [finding] = report.findings.as_slice() else { panic!("{report:?}") };
        assert_eq!(finding.path, ["linnet_init", "table", "callback"]);
    }

    #[test]
    fn calls_without_relocations_count() {
        // One section, as C without -ffunction-sections has it: the assembler resolves the call.
        let source = format!(
            ".globl entry\n.type entry,@function\nentry: call inner\nret\n.size entry,.-entry\n\
             .type inner,@function\ninner: call {PANIC_FMT}\nret\n.size inner,.-inner"
        );
        assert_eq!(examine("test.o", &assemble(&source)).unwrap().findings.len(), 1);
    }

    #[test]
    fn what_is_not_reached_passes() {
        let cases = [
            ("clean", function("linnet_init", "globl", "call linnet_alloc")),
            (
                "the handler, unreferenced",
                function("rust_begin_unwind", "globl", "1: jmp 1b") + &function("entry", "globl", ""),
            ),
            (
                "core's own",
                function("_ZN4core3fmt5write17h0123456789abcdefE", "globl", &format!("call {PANIC_FMT}"))
                    + &function("entry", "globl", "nop"),
            ),
            ("the kernel's panic()", function("entry", "globl", "call panic")),
        ];
        for (case, source) in cases {
            assert!(examine("test.o", &assemble(&source)).unwrap().findings.is_empty(), "{case}");
        }
    }

    #[test]
    fn compiled_c_is_read() {
        let source = format!(
            "void {PANIC_FMT}(void); static int (*const volatile table[])(int) = {{ 0 }};\n\
             __attribute__((noinline)) static void helper(void) {{ {PANIC_FMT}(); asm volatile(\"\"); }}\n\
             int entry(int x) {{ if (table[0]) return x; helper(); return 1; }}"
        );
        let report = examine("test.o", &compile(&source)).unwrap();
        assert_eq!(report.findings[0].path, ["entry", "helper"]);
    }

    #[test]
    fn the_error_names_symbol_and_caller() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.o");
        std::fs::write(&path, assemble(&function("linnet_recv", "globl", &format!("call {PANIC_FMT}"))))
            .unwrap();
        let message = check(&path).unwrap_err().to_string();
        for part in ["stack.o", "core::panicking::panic_fmt", "called by linnet_recv", "get()"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}
