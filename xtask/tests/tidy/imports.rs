//! Who may import whom: stack crates and modules downward only, xtask in the order of decision 0001.

use super::source::{Offence, Source, Tree};

/// What each crate of the stack may not name in production code.
const CRATES: [(&str, &[&str]); 4] = [
    ("stack/wire/src/", &["std", "linnet_core", "linnet_kmod", "linnet_sim"]),
    ("stack/core/src/", &["std", "linnet_kmod", "linnet_sim"]),
    ("stack/kmod/src/", &["std", "linnet_sim"]),
    ("stack/sim/src/", &["linnet_kmod"]),
];

/// The protocols of `core`: they know what is below them, never each other.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "ping"];

/// Where the order of xtask's modules is written down.
const ORDER: &str = "docs/decisions/0001-build-stages.md";

pub fn check(tree: &Tree) -> Vec<Offence> {
    [crates(tree), protocols(tree), xtask(tree), stages(tree)].concat()
}

fn crates(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (folder, forbidden) in CRATES {
        for file in tree.rust(folder) {
            for (line, name) in roots(file).filter(|(_, name)| forbidden.contains(name)) {
                let say = format!("`{name}` may not be used here: wire ← core ← kmod, sim");
                offences.push(file.offence(line, "direction", say));
            }
        }
    }
    offences
}

fn protocols(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in tree.rust("stack/core/src/") {
        let module = module(&file.path, "stack/core/src/");
        if ["lib", "stack"].contains(&module) {
            continue;
        }
        for (line, name) in
            file.production().flat_map(|(line, code)| after(code, "crate::").map(move |n| (line, n)))
        {
            let foreign = PROTOCOLS.contains(&name) && name != module;
            let upward = name == "stack";
            if foreign || upward {
                let say = format!(
                    "`{module}` may not import `{name}`: stack.rs alone dispatches between protocols"
                );
                offences.push(file.offence(line, "protocols", say));
            }
        }
    }
    offences
}

fn xtask(tree: &Tree) -> Vec<Offence> {
    let Some(decision) = tree.file(ORDER) else { return Vec::new() };
    let block = decision.text.split("```").nth(1).unwrap_or_default();
    // Behind the gap stands the ground: modules that all others use, and that may know each other.
    let (upper, ground) = block.split_once("\n\n").unwrap_or((block, ""));
    let order: Vec<&str> = listed(upper).collect();
    let ground: Vec<&str> = listed(ground).collect();
    let place = |module: &str| match order.iter().position(|name| *name == module) {
        None if ground.contains(&module) => Some(order.len()),
        place => place,
    };
    let mut offences = Vec::new();
    for file in tree.rust("xtask/src/") {
        let own = module(&file.path, "xtask/src/");
        if own == "lib" || own == "main" {
            continue;
        }
        let Some(own_place) = place(own) else {
            let say =
                format!("`{own}` has no place in {ORDER}: put it where what it imports stands below it");
            offences.push(file.offence(0, "order", say));
            continue;
        };
        for (line, name) in
            file.production().flat_map(|(line, code)| after(code, "crate::").map(move |n| (line, n)))
        {
            if place(name).is_some_and(|place| place < own_place) {
                let say = format!(
                    "`{own}` imports `{name}`, which stands above it in {ORDER}: the caller decides, not the callee"
                );
                offences.push(file.offence(line, "order", say));
            }
        }
    }
    offences
}

/// The modules that a part of the layout lists: what begins a line.
fn listed(block: &str) -> impl Iterator<Item = &str> {
    let names =
        block.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_whitespace().next());
    names.map(|name| name.trim_end_matches('/').trim_end_matches(".rs"))
}

fn stages(tree: &Tree) -> Vec<Offence> {
    let folder = "xtask/src/stage/";
    let is_stage = |file: &&Source| file.production().any(|(_, code)| code.contains(" Stage for "));
    let stages: Vec<&Source> = tree.rust(folder).filter(is_stage).collect();
    let names: Vec<&str> = stages.iter().map(|file| module(&file.path, folder)).collect();
    let mut offences = Vec::new();
    for file in tree.rust(folder).filter(|file| names.contains(&module(&file.path, folder))) {
        let own = module(&file.path, folder);
        for (line, code) in file.production() {
            let at_top = file.path.matches('/').count() == folder.matches('/').count();
            let siblings = after(code, "super::").filter(|_| at_top);
            for name in after(code, "stage::").chain(siblings) {
                if name != own && names.contains(&name) {
                    let say =
                        format!("stage `{own}` imports stage `{name}`: pipeline.rs hands its output over");
                    offences.push(file.offence(line, "stages", say));
                }
            }
        }
    }
    offences
}

/// `tcp` for `…/src/tcp.rs` and for `…/src/tcp/input.rs`.
fn module<'a>(path: &'a str, folder: &str) -> &'a str {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    rest.split(['/', '.']).next().unwrap_or_default()
}

/// The names that follow `prefix` in `code`; of `prefix{a::b, c}` `a` and `c`.
fn after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).flat_map(move |(at, _)| {
        let whole_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[at + prefix.len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            _ if !whole_word => Vec::new(),
            Some(list) => list.split(['}', ',']).map(|item| first_word(item.trim())).collect(),
            None => vec![first_word(rest)],
        };
        names
    })
}

/// The crates that paths and imports of `file` begin with.
fn roots(file: &Source) -> impl Iterator<Item = (usize, &str)> {
    file.production().flat_map(|(line, code)| {
        let paths = code.match_indices("::").map(move |(at, _)| last_word(&code[..at]));
        paths.chain(after(code, "extern crate ")).map(move |name| (line, name))
    })
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> Vec<&'static str> {
        check(&Tree::planted(files)).iter().map(|offence| offence.rule).collect()
    }

    #[test]
    fn planted_in_the_stack() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("stack/wire/src/x.rs", "use linnet_core::time;", &["direction"]),
            ("stack/core/src/x.rs", "use linnet_wire::tcp;", &[]),
            ("stack/core/src/x.rs", "let t = std::time::Instant::now();", &["direction"]),
            ("stack/core/src/x.rs", "#[cfg(test)]\nmod tests {\n    use std::vec;\n}", &[]),
            ("stack/core/src/x.rs", "// use std::time", &[]),
            ("stack/core/src/udp.rs", "use crate::tcp::Tcp;", &["protocols"]),
            ("stack/core/src/udp.rs", "use crate::{net::Net, ping::Ping};", &["protocols"]),
            ("stack/core/src/tcp/input.rs", "use crate::tcp::Tcp;", &[]),
            ("stack/core/src/stack.rs", "use crate::tcp::Tcp;", &[]),
        ];
        for (path, text, expected) in cases {
            assert_eq!(rules(&[(path, text)]), expected, "{path}: {text}");
        }
    }

    #[test]
    fn planted_in_xtask() {
        let decision = "# 0001\n```\nmain.rs  a\nverb/    b\n         c\nstage/   d\nsize/    e\n\nreport/ f\njobs.rs g\n```\n";
        let cases: [(&str, &str, &[&str]); 7] = [
            ("xtask/src/jobs.rs", "use crate::report::Task;", &[]),
            ("xtask/src/jobs.rs", "use crate::size::budget;", &["order"]),
            ("xtask/src/verb/size.rs", "use crate::size::budget;", &[]),
            ("xtask/src/size/mod.rs", "use crate::stage::Stage;", &["order"]),
            ("xtask/src/size/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::stage::Stage;\n}", &[]),
            ("xtask/src/new.rs", "", &["order"]),
            ("xtask/src/main.rs", "use xtask::verb;", &[]),
        ];
        for (path, text, expected) in cases {
            assert_eq!(rules(&[(ORDER, decision), (path, text)]), expected, "{path}: {text}");
        }
    }

    #[test]
    fn planted_between_stages() {
        let musl = ("xtask/src/stage/musl.rs", "impl Stage for Musl {}");
        let cases: [(&str, &[&str]); 4] = [
            ("use super::musl::Sysroot;\nimpl Stage for Kernel {}", &["stages"]),
            ("use crate::stage::{Stage, musl::Sysroot};\nimpl Stage for Kernel {}", &["stages"]),
            ("use super::output::Sysroot;\nimpl Stage for Kernel {}", &[]),
            ("use super::musl::Sysroot;", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(rules(&[musl, ("xtask/src/stage/kernel.rs", text)]), expected, "{text}");
        }
    }
}
