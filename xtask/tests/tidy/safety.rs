//! What production code does not do: unsafe outside its rooms, panics and floats in the stack, loose ends.

use super::source::{Offence, Source, Tree};

/// Where `unsafe` may stand: the kernel host, system calls. Each block says why it is sound (clippy sees to it).
const ROOMS: [&str; 2] = ["stack/kmod/src/", "userland/dhcpc/src/sys.rs"];

/// Crates that forbid it outright.
const FORBID: [&str; 4] =
    ["stack/wire/src/lib.rs", "stack/core/src/lib.rs", "stack/sim/src/lib.rs", "xtask/src/lib.rs"];

/// Crates that a panic in would be an oops, or the end of the network.
const NO_PANIC: [&str; 4] = ["stack/wire/src/", "stack/core/src/", "stack/kmod/src/", "userland/dhcpc/src/"];

/// What panics.
const PANICS: [&str; 8] = [
    ".unwrap()",
    ".expect(",
    ".unwrap_err()",
    "panic!(",
    "unreachable!(",
    "assert!(",
    "assert_eq!(",
    "assert_ne!(",
];

/// Code that is not finished, or not looked at.
const LOOSE_CODE: [(&str, &str); 5] = [
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it"),
    ("#[ignore", "make the test run, or assert today's behaviour"),
    ("allow(dead_code", "remove what nobody uses"),
    ("allow(unused", "remove what nobody uses"),
];

/// Marks in comments that promise work.
const LOOSE_WORDS: [&str; 3] = ["TODO", "FIXME", "XXX"];

pub fn check(tree: &Tree) -> Vec<Offence> {
    let mut offences: Vec<Offence> = FORBID.iter().filter_map(|path| forbid(tree.file(path)?)).collect();
    for file in tree.rust("") {
        offences.extend(rooms(file));
        if NO_PANIC.iter().any(|folder| file.path.starts_with(folder)) {
            offences.extend(panics(file));
            offences.extend(floats(file));
        }
        for (at, line) in file.code.lines().enumerate() {
            let found = LOOSE_CODE.iter().find(|(what, _)| line.contains(what));
            let say = found.map(|(what, to_do)| format!("`{what}`: {to_do}"));
            offences.extend(say.map(|say| file.offence(at + 1, "loose end", say)));
        }
    }
    for file in tree.files.iter().filter(|file| has_comments(&file.path)) {
        for (at, line) in file.comments.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            if let Some(word) = words.find(|word| LOOSE_WORDS.contains(word)) {
                offences.push(file.offence(
                    at + 1,
                    "loose end",
                    format!("{word}: do it, or say it in an issue"),
                ));
            }
        }
    }
    offences
}

fn has_comments(path: &str) -> bool {
    [".rs", ".c", ".h"].iter().any(|end| path.ends_with(end))
}

fn forbid(file: &Source) -> Option<Offence> {
    let good = file.code.contains("#![forbid(unsafe_code)]");
    (!good).then(|| file.offence(1, "unsafe", "this crate has no room for it: add #![forbid(unsafe_code)]"))
}

fn rooms(file: &Source) -> Vec<Offence> {
    if ROOMS.iter().any(|room| file.path.starts_with(room)) {
        return Vec::new();
    }
    let uses = |line: &str| words(line).any(|word| word == "unsafe");
    let lines = file.code.lines().enumerate().filter(|(_, line)| uses(line));
    let say = format!("`unsafe` has its rooms ({}): go through a safe function there", ROOMS.join(", "));
    lines.map(|(at, _)| file.offence(at + 1, "unsafe", say.clone())).collect()
}

fn panics(file: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut constant = false;
    for (line, code) in file.production() {
        // What is evaluated while compiling fails the build, not the kernel.
        constant |= code.contains("const {") || (code.contains("const ") && code.contains(" = "));
        for what in PANICS.iter().filter(|what| whole(code, what) && !constant) {
            let say = format!("`{what}…` can panic: return a drop reason or an error instead");
            offences.push(file.offence(line, "panic", say));
        }
        if let Some(index) = variable_index(code) {
            let say = format!(
                "`[{index}]` panics when it is out of range: use get(), first_chunk() or an iterator"
            );
            offences.push(file.offence(line, "panic", say));
        }
        constant &= !code.contains(';') && !code.contains('}');
    }
    offences
}

/// Whether `what` stands in `code` and is not the end of a longer name, as in `debug_assert!(`.
fn whole(code: &str, what: &str) -> bool {
    code.match_indices(what).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        || (what.starts_with('.') && code.contains(what))
}

/// An index that is no constant: `x[i]`, `x[a..b]`, but not `x[4]`, `x[HEADER]`, `x[..]`, `[u8; 4]`, `#[test]`.
fn variable_index(code: &str) -> Option<&str> {
    code.match_indices('[').find_map(|(at, _)| {
        let before = code[..at].chars().next_back()?;
        if !(before.is_alphanumeric() || "_)]?".contains(before)) || is_type(&code[..at]) {
            return None;
        }
        let inside = code[at + 1..].split(']').next()?.trim();
        let is_constant =
            |word: &str| word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        (!words(inside).all(is_constant)).then_some(inside)
    })
}

/// Whether what stands before a bracket is a type or a keyword: `&mut [u8]`, `return [a]`.
fn is_type(before: &str) -> bool {
    let word = words(before).last().unwrap_or_default();
    ["mut", "dyn", "in", "return", "as", "else", "match", "let", "const", "ref", "static"].contains(&word)
        || before.ends_with(&format!("'{word}"))
}

fn floats(file: &Source) -> Vec<Offence> {
    let is_float =
        |code: &str| words(code).any(|word| word == "f32" || word == "f64") || has_float_literal(code);
    let lines = file.production().filter(|(_, code)| is_float(code));
    let say = "integers only: the kernel does not save floating-point registers";
    lines.map(|(line, _)| file.offence(line, "float", say)).collect()
}

/// `1.5`, but not `0..4`, `x.0.1` or `v1.2`.
fn has_float_literal(code: &str) -> bool {
    let bytes = code.as_bytes();
    (1..bytes.len().saturating_sub(1)).any(|dot| {
        let start = bytes[..dot].iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |at| at + 1);
        let begins_a_number =
            start < dot && !code[..start].ends_with(|c: char| c.is_alphanumeric() || "_.)".contains(c));
        bytes[dot] == b'.' && begins_a_number && bytes[dot + 1].is_ascii_digit()
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Tree::planted(&[(path, text)])).iter().map(|offence| offence.rule).collect()
    }

    #[test]
    fn planted_in_the_stack() {
        let cases: [(&str, &[&str]); 23] = [
            ("x.unwrap();", &["panic"]),
            ("x.unwrap_or(0);", &[]),
            ("x.expect(\"why\");", &["panic"]),
            ("panic!(\"no\");", &["panic"]),
            ("assert!(x);", &["panic"]),
            ("debug_assert!(x);", &[]),
            ("const _: () = assert!(A < B);", &[]),
            ("pub const ONE: Nz = Nz(new(1).expect(\"not zero\"));", &[]),
            ("const _: () = {\n    assert!(A < B);\n};\nassert!(x);", &["panic"]),
            ("let a = b[i];", &["panic"]),
            ("let a = &b[4..end];", &["panic"]),
            ("let a = b[4];", &[]),
            ("let a = &b[HEADER_LEN..];", &[]),
            ("fn f(b: &mut [u8], c: [u8; 4], d: &'a [T]) {}", &[]),
            ("#[derive(Clone)]", &[]),
            ("for x in [a, b] {}", &[]),
            ("let x: f32 = y;", &["float"]),
            ("let x = 1.5;", &["float"]),
            ("let x = (a.0.1, 0..4, 1..=2);", &[]),
            ("unsafe { f() }", &["unsafe"]),
            ("// unsafe { f() }", &[]),
            ("let s = \"panic!(1.5)\";", &[]),
            ("#[cfg(test)]\nmod tests {\n    fn f() { x[i].unwrap(); }\n}", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(rules("stack/core/src/x.rs", text), expected, "{text}");
        }
        assert_eq!(rules("stack/kmod/src/ffi.rs", "unsafe { f() }"), [""; 0]);
        assert_eq!(rules("stack/core/src/lib.rs", "//! Core.\n"), ["unsafe"]);
    }

    #[test]
    fn planted_loose_ends() {
        let word = |word: &str| format!("// {word}: later");
        let cases: [(&str, &str, bool); 10] = [
            ("x.rs", &word("TODO"), true),
            ("x.c", "/* FIXME later */", true),
            ("x.rs", "// XXXX", false),
            ("x.rs", "let s = \"TODO\";", false),
            ("x.rs", "fn f() { todo!() }", true),
            ("x.rs", "#[ignore]", true),
            ("x.rs", "#[ignore = \"slow\"]", true),
            ("x.rs", "#[allow(dead_code)]", true),
            ("x.rs", "#![allow(unused_variables)]", true),
            ("x.rs", "#[allow(clippy::large_enum_variant)]", false),
        ];
        for (path, text, expected) in cases {
            let found = rules(path, text);
            assert_eq!(found, if expected { vec!["loose end"] } else { vec![] }, "{text}");
        }
    }
}
