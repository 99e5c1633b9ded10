//! The command line as a user meets it: help, suggestions, refusals, exit statuses, one JSON document.

use std::process::{Command, Output};

use clap::CommandFactory as _;
use serde_json::Value;
use xtask::cli::Cli;
use xtask::context::{Context, Options, Paths};
use xtask::process::Interrupt;
use xtask::report::Reporter;
use xtask::size::Report;
use xtask::size::breakdown::{self, Breakdown, Object};
use xtask::target::{Provider, Target, TargetArgs};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).env_remove("CI").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_help_fits_80_columns_and_has_examples() {
    let verbs: Vec<String> =
        Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    assert!(verbs.len() >= 3);
    for verb in &verbs {
        let output = xtask(&[verb, "--help"]);
        let help = text(&output.stdout);
        assert!(output.status.success() && help.contains("Examples:"), "{verb} --help:\n{help}");
        assert!(help.contains("Shared options:") && help.contains("--json"), "{verb} --help:\n{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{verb} --help is too wide: {line}");
        }
    }
    let help = text(&xtask(&["--help"]).stdout);
    for verb in &verbs {
        assert!(help.lines().any(|line| line.trim_start().starts_with(verb.as_str())), "{verb} in:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
}

#[test]
fn a_slip_of_the_pen_is_answered_with_the_nearest_word() {
    let cases: [(&[&str], &str); 4] = [
        (&["boads"], "'boards'"),
        (&["doctr"], "'doctor'"),
        (&["boards", "--jsno"], "'--json'"),
        (&["clean", "--stage"], "'--stages'"),
    ];
    for (arguments, suggestion) in cases {
        let output = xtask(arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(message.contains(suggestion), "{arguments:?}: {message}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let output = xtask(&["boards", "--json"]);
    assert!(output.status.success());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> =
        document["boards"].as_array().unwrap().iter().flat_map(|b| b["name"].as_str()).collect();
    assert!(["qemu-pc", "qemu-virtio"].iter().all(|name| names.contains(name)), "{names:?}");
    // A failure is a document too, and the exit status tells.
    let output = xtask(&["boards", "--json", "--external", "/nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"], "--external /nowhere: there is no such folder");
    assert!(text(&output.stderr).starts_with("error: --external /nowhere"));
}

#[test]
fn two_folders_with_sizes_are_compared_without_a_build() {
    let temp = tempfile::tempdir().unwrap();
    let plant = |name: &str, stack_bytes, bytes| {
        let object = Object { name: "net/core/dev.o".to_owned(), bytes, symbols: Vec::new() };
        let dir = temp.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        let report = Report { stack_bytes, ..Report::default() };
        std::fs::write(dir.join("size.json"), serde_json::to_vec(&report).unwrap()).unwrap();
        let breakdown = Breakdown { objects: vec![object] };
        std::fs::write(dir.join(breakdown::FILE), serde_json::to_vec(&breakdown).unwrap()).unwrap();
        dir.to_str().unwrap().to_owned()
    };
    let (a, b) = (plant("a", 70_000, 900), plant("b", 71_500, 1000));
    let output = xtask(&["size", "--compare", &a, &b, "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["figures"]["stack_bytes"]["growth"], 1500, "{document}");
    assert_eq!(
        document["objects"][0],
        serde_json::json!({ "name": "net/core/dev.o", "before": 900, "after": 1000, "growth": 100 })
    );
    let output = xtask(&["size", "--compare", &a, "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("`/nowhere/at/all`"), "{}", text(&output.stderr));
}

#[test]
fn jobs_are_at_least_one() {
    for jobs in ["0", "-1", "many"] {
        assert_eq!(xtask(&["boards", "-j", jobs]).status.code(), Some(2), "-j {jobs}");
    }
}

#[test]
fn what_is_not_there_yet_is_refused_with_what_there_is() {
    let paths = Paths::find(None).unwrap();
    let options = Options { jobs: 1, offline: true, locked: true, yes: false, json: false };
    let cx = Context::new(paths, options, Reporter::quiet(), Interrupt::default()).unwrap();
    let load = |board: &str, profile: &str, stack| {
        Target::load(&cx, &TargetArgs { board: board.into(), profile: profile.into(), stack })
    };
    let cases = [
        ("qemu-pc", "full", Provider::Module, "--profile full is not there yet: this version has client"),
        ("qemu-pc", "minimla", Provider::Module, "there is no profile `minimla`: did you mean `minimal`?"),
        ("qemu-cp", "minimal", Provider::Module, "there is no board `qemu-cp`: did you mean `qemu-pc`?"),
        ("qemu-pc", "minimal", Provider::Daemon, "--stack daemon is not there yet: this version has"),
    ];
    for (board, profile, stack, expected) in cases {
        let message = load(board, profile, stack).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let stack_budget = |profile| load("qemu-pc", profile, Provider::Module).unwrap().board.budgets.stack;
    assert!(stack_budget("client") > stack_budget("minimal"), "the profile's overrules the board's");
    for (board, stack, name) in [
        ("qemu-pc", Provider::Module, "qemu-pc-minimal"),
        ("qemu-virtio", Provider::Native, "qemu-virtio-minimal-native"),
    ] {
        assert_eq!(load(board, "minimal", stack).unwrap().name(), name);
    }
}
