//! What an ELF file holds: its text as `size` counts it, and its symbols.

use anyhow::{Context as _, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind, elf};
use rustc_demangle::demangle;

/// The figures of one file.
#[derive(Debug, Default)]
pub struct Program {
    /// Code and read-only sections in bytes: the `text` column of binutils' `size`.
    pub text: u64,
    /// Functions and objects with a size.
    pub symbols: Vec<Symbol>,
}

/// A function or an object.
#[derive(Debug)]
pub struct Symbol {
    /// Demangled.
    pub name: String,
    /// Whether Rust mangled it.
    pub rust: bool,
    /// Where it lies.
    pub address: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether its section is code or read-only.
    pub text: bool,
}

/// Reads `bytes`, the contents of the file called `name`.
pub fn read(name: &str, bytes: &[u8]) -> Result<Program> {
    let file = object::File::parse(bytes).with_context(|| format!("{name} is not an ELF file"))?;
    let mut program = Program::default();
    let mut text_sections = Vec::new();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        let read_only = !sh_flags.contains(elf::SHF_WRITE) || sh_flags.contains(elf::SHF_EXECINSTR);
        let has_bytes = section.kind() != SectionKind::UninitializedData;
        if sh_flags.contains(elf::SHF_ALLOC) && has_bytes && read_only {
            program.text += section.size();
            text_sections.push(section.index());
        }
    }
    for symbol in file.symbols() {
        if symbol.size() == 0 || !matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) {
            continue;
        }
        let (Ok(mangled), Some(section)) = (symbol.name(), symbol.section_index()) else { continue };
        let demangled = demangle(mangled);
        program.symbols.push(Symbol {
            name: format!("{demangled:#}"),
            rust: mangled.starts_with("_R") || mangled.starts_with("_ZN"),
            address: symbol.address(),
            bytes: symbol.size(),
            text: text_sections.contains(&section),
        });
    }
    Ok(program)
}
