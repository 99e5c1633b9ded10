//! What the stack's object takes from outside: nothing that the shim and the kernel are not known to give it.
//!
//! The kernel's link would find `memcmp` too, and be wrong: a call that LLVM makes by itself does not pass
//! its arguments in registers as the kernel's functions want them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind};
use rustc_demangle::demangle;

use super::functions::parse;

/// What was looked at.
#[derive(Debug, Default)]
pub struct Report {
    /// Undefined symbols that are on the list.
    pub allowed: usize,
    /// Those that are not.
    pub findings: Vec<Finding>,
}

/// An undefined symbol that nobody has promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name, demangled.
    pub symbol: String,
    /// The functions and data that refer to it, demangled.
    pub users: Vec<String>,
}

/// Checks the object at `path`; an error names each undefined symbol that is not in `allowed` (a name, or
/// the beginning of names with `*` behind it), and who refers to it.
///
/// # Errors
/// It has such symbols, or cannot be read.
pub fn check(path: &Path, allowed: &[&str]) -> Result<Report> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = examine(&path.display().to_string(), &bytes, allowed)?;
    if report.findings.is_empty() {
        return Ok(report);
    }
    let lines: Vec<String> = report.findings.iter().map(describe).collect();
    bail!(
        "{} refers to symbols that neither the shim nor the list of the kernel's functions has:\n{}\n\
         A function of the shim is called `linnet_…` and declared in stack/kmod/src/ffi.rs. What the compiler calls \
         by itself (bcmp, __udivdi3, …) has to go: compare slices byte by byte or through the shim's \
         linnet_memcmp, divide by constants or 32-bit numbers.",
        path.display(),
        lines.join("\n"),
    );
}

/// Checks `bytes`, the contents of the file called `name`, as [`check`].
///
/// # Errors
/// It is no object for 32-bit x86.
pub fn examine(name: &str, bytes: &[u8], allowed: &[&str]) -> Result<Report> {
    let file = parse(name, bytes)?;
    let mut users: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let places = Places::of(&file);
    for section in file.sections() {
        for (offset, relocation) in section.relocations() {
            if let RelocationTarget::Symbol(index) = relocation.target() {
                let user = places.at(section.index(), offset).unwrap_or(section.name()?);
                users.entry(index.0).or_default().insert(readable(user));
            }
        }
    }
    let mut report = Report::default();
    for symbol in file.symbols().filter(ObjectSymbol::is_undefined) {
        let name = symbol.name()?;
        if name.is_empty() {
            continue; // the table's first entry
        }
        if allowed.iter().any(|allowed| is(name, allowed)) {
            report.allowed += 1;
            continue;
        }
        let users = users.remove(&symbol.index().0).unwrap_or_default().into_iter().collect();
        report.findings.push(Finding { symbol: readable(name), users });
    }
    report.findings.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(report)
}

fn describe(Finding { symbol, users }: &Finding) -> String {
    let mut text = format!("  {symbol}\n    used by {}", users.first().map_or("nobody", String::as_str));
    for user in users.iter().skip(1).take(SHOWN) {
        text += &format!("\n            {user}");
    }
    match users.len().saturating_sub(SHOWN + 1) {
        0 => text,
        more => text + &format!("\n            and {more} more"),
    }
}

fn is(name: &str, allowed: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == allowed,
    }
}

fn readable(name: &str) -> String {
    format!("{:#}", demangle(name))
}

/// Functions and data by section and address.
struct Places<'a>(BTreeMap<(usize, u64), (u64, &'a str)>);

impl<'a> Places<'a> {
    fn of(file: &object::File<'a>) -> Self {
        let mut places = BTreeMap::new();
        for symbol in file.symbols() {
            let named = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data);
            if let (true, Some(section), Ok(name)) = (named, symbol.section_index(), symbol.name()) {
                places.insert((section.0, symbol.address()), (symbol.size(), name));
            }
        }
        Self(places)
    }

    /// What covers `offset` in `section`.
    fn at(&self, section: SectionIndex, offset: u64) -> Option<&'a str> {
        let (&(_, start), &(size, name)) = self.0.range((section.0, 0)..=(section.0, offset)).next_back()?;
        (offset < start + size).then_some(name)
    }
}

/// Users of one symbol in a message, beyond the first.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::assemble::{assemble, compile};
    use super::*;

    const ALLOWED: [&str; 2] = ["memcpy", "linnet_*"];

    fn found(source: &str) -> Vec<String> {
        let report = examine("test.o", &compile(source), &ALLOWED).unwrap();
        report.findings.into_iter().map(|finding| finding.symbol).collect()
    }

    #[test]
    fn planted() {
        let cases: [(&str, &str, &[&str]); 6] = [
            ("nothing", "int entry(int x) { return x; }", &[]),
            ("the shim", "int linnet_wake(int); int entry(int x) { return linnet_wake(x); }", &[]),
            (
                "bcmp",
                "int bcmp(const void *, const void *, int); int entry(char *a, char *b) { return bcmp(a, b, 4) > 0; }",
                &["bcmp"],
            ),
            (
                "a 64-bit division",
                "unsigned long long entry(unsigned long long a, unsigned long long b) { return a / b; }",
                &["__udivdi3"],
            ),
            ("not quite", "int memcpy2(void); int entry(void) { return memcpy2(); }", &["memcpy2"]),
            ("data", "extern int jiffies; int *entry = &jiffies;", &["jiffies"]),
        ];
        for (case, source, expected) in cases {
            assert_eq!(found(source), expected, "{case}");
        }
    }

    #[test]
    fn the_error_names_symbol_and_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rust.o");
        let mut source = String::new();
        for name in ["_ZN11linnet_core3arp5equal17h0123456789abcdefE", "b", "c", "d", "e", "f"] {
            source += &format!(
                ".section .text.{name},\"ax\"\n.globl {name}\n.type {name},@function\n{name}: call memcmp\nret\n.size {name},.-{name}\n"
            );
        }
        std::fs::write(&path, assemble(&source)).unwrap();
        let message = check(&path, &ALLOWED).unwrap_err().to_string();
        for part in ["rust.o", "\n  memcmp\n", "used by b", "and 2 more", "stack/kmod/src/ffi.rs"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        let report = examine("rust.o", &std::fs::read(&path).unwrap(), &ALLOWED).unwrap();
        assert!(report.findings[0].users.contains(&"linnet_core::arp::equal".to_owned()), "{report:?}");
        assert_eq!(check(&path, &["mem*"]).unwrap().allowed, 1);
    }
}
