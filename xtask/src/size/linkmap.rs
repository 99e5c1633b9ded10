//! GNU ld's link map: which object gave how many bytes to which place in the kernel.

use std::ops::Range;

/// The part of an input section that was linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The output section it went to: `.text`.
    pub output: String,
    /// Its own name: `.text.unlikely`.
    pub section: String,
    /// The object, relative to the kernel's tree: `net/core/dev.o`; `lib/lib.a(string.o)`.
    pub object: String,
    /// Where it lies.
    pub address: Range<u64>,
}

impl Piece {
    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.address.end - self.address.start
    }

    /// Whether it is code or a constant, which an image carries and a running kernel does not change.
    pub fn is_text(&self) -> bool {
        TEXT.iter().any(|name| self.output == *name)
            && !WRITTEN.iter().any(|name| self.section.starts_with(name))
    }
}

/// Output sections of code and constants. The kernel's `.rodata` is marked writable for what
/// [`WRITTEN`] names, yet is constant otherwise.
const TEXT: [&str; 16] = [
    ".text",
    ".rodata",
    ".rodata1",
    ".init.text",
    ".exit.text",
    ".pci_fixup",
    ".notes",
    ".altinstructions",
    ".altinstr_replacement",
    ".altinstr_aux",
    "__param",
    "__modver",
    "__ex_table",
    "__ksymtab",
    "__ksymtab_gpl",
    "__ksymtab_strings",
];

/// Input sections within these that are written while the kernel starts.
const WRITTEN: [&str; 3] = [".data..ro_after_init", ".data.rel.ro", "__jump_table"];

/// The pieces of a map, in its order, without those that were discarded or are empty.
pub fn parse(map: &str) -> Vec<Piece> {
    let body = map.split_once("\nLinker script and memory map\n").map_or("", |(_, body)| body);
    let mut pieces = Vec::new();
    let mut output = String::new();
    let mut section = "";
    for line in body.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        match indent {
            0 => output = first.to_owned(),
            1 if first.starts_with('*') => section = "",
            1 => section = first,
            _ if section.is_empty() => {}
            _ => words = line.split_whitespace(),
        }
        if indent == 0 || section.is_empty() {
            continue;
        }
        let (Some(start), Some(size), Some(object)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let (Some(start), Some(size)) = (hex(start), hex(size))
            && size > 0
        {
            let address = start..start + size;
            pieces.push(Piece {
                output: output.clone(),
                section: section.to_owned(),
                object: object_name(object),
                address,
            });
            section = "";
        }
    }
    pieces.retain(|piece| piece.output != "/DISCARD/" && piece.address.start != 0);
    pieces
}

fn hex(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

/// The object as the kernel's tree names it: the member of a thin archive is a path of its own.
fn object_name(word: &str) -> String {
    match word.split_once("vmlinux.a(") {
        Some((_, member)) => member.trim_end_matches(')').to_owned(),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read() {
        let map = "Discarded input sections\n\n .text.gone     0x00000000       0x1c net/core/gone.o\n\n\
            Linker script and memory map\n\n\
            .text           0xc0100000   0x1ed501 load address 0x00100000\n                0xc0100000                        _text = .\n \
            *(.head.text)\n .text          0xc0100000       0x10 init/main.o\n                0xc0100004                start_kernel\n \
            *fill*         0xc0100010        0xc cccccccc\n .text.unlikely\n                0xc010001c       0x20 vmlinux.a(net/core/dev.o)\n \
            .text          0xc010003c        0x0 net/core/empty.o\n\n\
            .rodata         0xc02ee000    0x58940 load address 0x002ee000\n .rodata.str1.1\n                0xc02ee000      0x216 net/linnet/rust.o\n\
            \x20                               0x253 (size before relaxing)\n .data..ro_after_init\n                0xc02ee300        0x8 net/socket.o\n\n\
            /DISCARD/\n .note          0x00000000       0x10 init/main.o\n";
        let found: Vec<_> = parse(map)
            .iter()
            .map(|p| format!("{} {} {} {} {}", p.output, p.section, p.object, p.bytes(), p.is_text()))
            .collect();
        let expected = [
            ".text .text init/main.o 16 true",
            ".text .text.unlikely net/core/dev.o 32 true",
            ".rodata .rodata.str1.1 net/linnet/rust.o 534 true",
            ".rodata .data..ro_after_init net/socket.o 8 false",
        ];
        assert_eq!(found, expected);
    }
}
