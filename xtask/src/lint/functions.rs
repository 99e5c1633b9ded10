//! The functions of an i386 ELF file: names, places and bytes. Data and padding between them is left out.
//!
//! Symbols decide what is code: a sized function is its bytes, an unsized one (assembly) reaches to
//! the next symbol, an object in text is a hole. A file without symbols is one function a section.

use anyhow::{Context as _, Result, bail, ensure};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionIndex, SymbolKind, elf};

/// A stretch of code with a name.
#[derive(Clone, Debug)]
pub struct Function<'a> {
    /// The symbol's name as the linker sees it; the section's where there are no symbols.
    pub name: &'a str,
    /// The section's name.
    pub section: &'a str,
    /// The section, to find its relocations.
    pub index: SectionIndex,
    /// Address of the first byte; in a relocatable object the offset in its section.
    pub address: u64,
    /// The code.
    pub bytes: &'a [u8],
}

/// The ELF files in `bytes`, with names: the members of an archive, or `name` itself.
pub fn members<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<(String, &'a [u8])>> {
    if !bytes.starts_with(b"!<") {
        return Ok(vec![(name.to_owned(), bytes)]);
    }
    let archive = ArchiveFile::parse(bytes).with_context(|| format!("{name} is not a readable archive"))?;
    ensure!(!archive.is_thin(), "{name} is a thin archive: check the objects it names instead");
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.with_context(|| format!("{name}: damaged archive"))?;
        let label = format!("{name}({})", String::from_utf8_lossy(member.name()));
        let data = member.data(bytes).with_context(|| label.clone())?;
        // Rust's archives carry a metadata member; it is no code and not linked.
        if data.starts_with(b"\x7fELF") {
            members.push((label, data));
        }
    }
    Ok(members)
}

/// Reads `bytes` as an ELF file for 32-bit x86; everything else is an error that says what it is.
pub fn parse<'a>(name: &str, bytes: &'a [u8]) -> Result<object::File<'a>> {
    let file = object::File::parse(bytes).with_context(|| format!("{name} is not an ELF file"))?;
    match file.architecture() {
        object::Architecture::I386 => Ok(file),
        other => bail!("{name} is for {other:?}, not for 32-bit x86: was it built for the host?"),
    }
}

/// All code of `file`, by section and address.
pub fn functions<'a>(file: &object::File<'a>) -> Result<Vec<Function<'a>>> {
    let mut functions = Vec::new();
    let mut marks = marks(file);
    marks.sort_by_key(|mark| (mark.section.0, mark.address, mark.kind, std::cmp::Reverse(mark.size)));
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        if !sh_flags.contains(elf::SHF_EXECINSTR) {
            continue;
        }
        let place = Section {
            name: section.name()?,
            index: section.index(),
            start: section.address(),
            bytes: section.data()?,
        };
        let first = marks.partition_point(|mark| mark.section.0 < place.index.0);
        let last = marks.partition_point(|mark| mark.section.0 <= place.index.0);
        place.split(&marks[first..last], &mut functions);
    }
    Ok(functions)
}

/// What a symbol says about the bytes behind it; at one address a function goes before data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Function,
    Data,
    Label,
}

struct Mark<'a> {
    section: SectionIndex,
    address: u64,
    size: u64,
    kind: Kind,
    name: &'a str,
}

fn marks<'a>(file: &object::File<'a>) -> Vec<Mark<'a>> {
    let mark = |symbol: object::Symbol<'a, '_>| {
        let kind = match symbol.kind() {
            SymbolKind::Text => Kind::Function,
            SymbolKind::Data | SymbolKind::Tls => Kind::Data,
            SymbolKind::Unknown => Kind::Label,
            _ => return None,
        };
        let name = symbol.name().ok().filter(|name| !name.is_empty())?;
        Some(Mark {
            section: symbol.section_index()?,
            address: symbol.address(),
            size: symbol.size(),
            kind,
            name,
        })
    };
    file.symbols().filter_map(mark).collect()
}

struct Section<'a> {
    name: &'a str,
    index: SectionIndex,
    start: u64,
    bytes: &'a [u8],
}

impl<'a> Section<'a> {
    /// Cuts the section at its marks, which come in order of address.
    fn split(&self, marks: &[Mark<'a>], functions: &mut Vec<Function<'a>>) {
        let end = self.start + self.bytes.len() as u64;
        if marks.is_empty() && !self.bytes.is_empty() {
            functions.push(self.function(self.name, self.start, end));
        }
        let mut covered = self.start;
        for (at, mark) in marks.iter().enumerate() {
            if mark.address < covered || mark.address >= end {
                continue;
            }
            // Labels do not bound what stands before them: they stand inside of assembly functions.
            let next =
                |from: &[Mark]| from.iter().find(|other| other.address > mark.address).map(|m| m.address);
            let stop = match mark.size {
                0 => next(&marks[at + 1..]).unwrap_or(end),
                size => mark.address.saturating_add(size).min(end),
            };
            covered = stop;
            if mark.kind == Kind::Data {
                continue;
            }
            let mut from = mark.address;
            for hole in marks[at + 1..].iter().take_while(|other| other.address < stop) {
                if hole.kind == Kind::Data && hole.size > 0 && hole.address >= from {
                    functions.push(self.function(mark.name, from, hole.address));
                    from = hole.address.saturating_add(hole.size).min(stop);
                }
            }
            functions.push(self.function(mark.name, from, stop));
        }
    }

    fn function(&self, name: &'a str, from: u64, to: u64) -> Function<'a> {
        let bytes = &self.bytes[(from - self.start) as usize..(to - self.start) as usize];
        Function { name, section: self.name, index: self.index, address: from, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assemble::assemble;
    use super::*;

    fn names(source: &str) -> String {
        let object = assemble(source);
        let functions = functions(&parse("test.o", &object).unwrap()).unwrap();
        functions.iter().map(|f| format!("{} {}", f.name, f.bytes.len())).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn symbols_decide_what_is_code() {
        let cases = [
            ("sized", ".type f,@function\nf: ret\n.size f,1\n.p2align 4", "f 1"),
            ("unsized reaches to the next", "f: nop\nret\ng: ret", "f 2, g 1"),
            ("data alone", ".type d,@object\nd: .long 0xf0\n.size d,4", ""),
            ("label inside", ".type f,@function\nf: nop\ninner: ret\n.size f,2\ng: ret", "f 2, g 1"),
            (
                "data inside",
                ".type f,@function\nf: nop\n.type d,@object\nd: .long 1\n.size d,4\nret\n.size f,6",
                "f 1, f 1",
            ),
            ("no symbols", "nop\nret", ".text 2"),
        ];
        for (case, source, expected) in cases {
            assert_eq!(names(source), expected, "{case}");
        }
    }

    #[test]
    fn refuses_what_is_not_for_the_target() {
        let host = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let error = parse("host", &host).unwrap_err().to_string();
        assert!(error.contains("not for 32-bit x86"), "{error}");
        assert!(parse("text", b"#!/bin/sh").unwrap_err().to_string().contains("not an ELF file"));
    }
}
