//! The repository's own rules, as far as a program can check them. Each has a planted example that fails.
//!
//! `LINNET_TIDY=write cargo test -p xtask --test tidy` writes docs/rfc-coverage.md anew.

mod imports;
mod layout;
mod mask;
mod prose;
mod rfc;
mod safety;
mod source;

use source::{Offence, Tree};

/// Finds the breaches of a group of rules.
type Rule = fn(&Tree) -> Vec<Offence>;

/// Every rule, by the module that has it.
const RULES: [(&str, Rule); 5] = [
    ("layout", layout::check),
    ("imports", imports::check),
    ("safety", safety::check),
    ("prose", prose::check),
    ("rfc", rfc::check),
];

#[test]
fn the_repository_is_tidy() {
    let tree = Tree::load();
    assert!(tree.files.len() > 20, "the checkout was not found");
    if std::env::var("LINNET_TIDY").is_ok_and(|value| value == "write") {
        std::fs::write(tree.root.join(rfc::TABLE), rfc::table(&tree)).unwrap();
        return;
    }
    let offences: Vec<_> = RULES.iter().flat_map(|(_, rule)| rule(&tree)).map(|o| o.to_string()).collect();
    assert!(offences.is_empty(), "{} offences\n{}\n", offences.len(), offences.join("\n"));
}

#[test]
fn every_rule_is_quiet_about_an_orderly_tree() {
    let orderly = "//! What it is.\n\n/// RFC 791 §3.1.\npub fn f() -> u8 {\n    7\n}\n";
    let tree = Tree::planted(&[("stack/wire/src/ipv4.rs", orderly), ("stack/core/src/udp.rs", orderly)]);
    for (name, rule) in RULES.iter().filter(|(name, _)| *name != "rfc") {
        assert_eq!(rule(&tree), [], "{name}");
    }
}
