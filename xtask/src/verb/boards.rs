//! `cargo xtask boards`: lists the boards and what each is.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use crate::board::Board;
use crate::context::Context;
use crate::profile::Profile;
use crate::report::{Outcome, describe};

/// No options of its own.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask boards
  cargo xtask boards --external ../product   its boards too
  cargo xtask boards --json                  every fact of every board")]
pub struct Args {}

/// Lists them, the broken ones with their error.
///
/// # Errors
/// None: a board file that is wrong makes the outcome bad, and the others are listed all the same.
pub fn run(cx: &Context, _args: &Args) -> Result<Outcome> {
    let names = cx.paths.names("boards", "yaml");
    let boards: Vec<_> = names.iter().map(|name| (name, Board::load(&cx.paths, name))).collect();
    let profiles = cx.paths.names("profiles", "yaml");
    let profiles: Vec<_> = profiles.iter().map(|name| (name, Profile::load(&cx.paths, name))).collect();

    let mut text =
        format!("{:<14} {:<5} {:<9} {:<12} {:<9} WHAT\n", "BOARD", "ISA", "RAM", "CONSOLE", "STACK");
    let mut errors = String::new();
    for (name, board) in &boards {
        match board {
            Ok(board) => text.push_str(&row(board)),
            Err(error) => errors += &format!("\nboard {name}: {}\n", describe(error)),
        }
    }
    let _ = writeln!(text, "\n{:<14} WHAT", "PROFILE");
    for (name, profile) in &profiles {
        match profile {
            Ok(profile) => text += &format!("{:<14} {}\n", profile.name, profile.description),
            Err(error) => errors += &format!("\nprofile {name}: {}\n", describe(error)),
        }
    }
    let json = json!({
        "boards": boards.iter().map(|(name, board)| board_json(name, board)).collect::<Vec<_>>(),
        "profiles": profiles.iter().map(|(name, profile)| profile_json(name, profile)).collect::<Vec<_>>(),
    });
    let text = text + &errors;
    Ok(if errors.is_empty() { Outcome::good(text, json) } else { Outcome::bad(text, json) })
}

fn row(board: &Board) -> String {
    format!(
        "{:<14} {:<5} {:<9} {:<12} {:<9} {}\n",
        board.name,
        board.cpu.isa.name(),
        board.memory.to_string(),
        format!("{},{}", board.console.device, board.console.baud),
        board.kernel.stack.name(),
        board.description,
    )
}

fn board_json(name: &str, board: &Result<Board>) -> Value {
    let board = match board {
        Ok(board) => board,
        Err(error) => return json!({ "name": name, "error": format!("{error:#}") }),
    };
    let qemu = board
        .qemu
        .as_ref()
        .map(|q| json!({ "machine": q.machine, "cpu": q.cpu, "nic": q.nic, "arguments": q.arguments }));
    let budgets = &board.budgets;
    json!({
        "name": name,
        "description": board.description,
        "isa": board.cpu.isa.name(),
        "processors": board.cpu.count,
        "memory_bytes": board.memory.bytes(),
        "console": { "device": board.console.device, "baud": board.console.baud },
        "interface": board.interface,
        "root": board.root.name(),
        "kernel": {
            "fragments": board.kernel.fragments,
            "stack": board.kernel.stack.name(),
            "arguments": board.kernel.arguments,
        },
        "qemu": qemu,
        "budget_bytes": {
            "rootfs": budgets.rootfs.map(|b| b.bytes()),
            "kernel": budgets.kernel.map(|b| b.bytes()),
            "stack": budgets.stack.map(|b| b.bytes()),
            "net": budgets.net.map(|b| b.bytes()),
            "firmware": budgets.firmware.map(|b| b.bytes()),
            "memory": budgets.memory.map(|b| b.bytes()),
        },
    })
}

fn profile_json(name: &str, profile: &Result<Profile>) -> Value {
    match profile {
        Ok(profile) => json!({
            "name": name,
            "description": profile.description,
            "stack_features": profile.stack_features,
            "kernel_fragments": profile.kernel_fragments,
            "busybox": profile.busybox,
        }),
        Err(error) => json!({ "name": name, "error": format!("{error:#}") }),
    }
}
