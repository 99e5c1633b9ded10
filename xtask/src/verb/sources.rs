//! `cargo xtask sources`: fetches, verifies and updates the foreign sources.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;

use crate::context::Context;
use crate::report::{Outcome, size};
use crate::sources::{self, Change, Check, Name, Source, State};

/// What to do with the sources.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask sources fetch            into the cache, for building without a network
  cargo xtask sources fetch --locked   refuse a newer patch level in a pinned one's place
  cargo xtask sources verify           hash what is in the cache again
  cargo xtask sources update           pin the newest patch level of each series
The pins are in sources.lock.yaml; docs/sources.md explains them.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Action {
    /// Bring every source into the download cache
    Fetch,
    /// Hash the archives in the download cache again
    Verify,
    /// Pin the newest patch level of each source's series
    Update,
}

/// Does it.
///
/// # Errors
/// A source cannot be had, or is not what it should be; the message says where and what to do.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    match args.action {
        Action::Fetch => fetch(cx),
        Action::Verify => verify(cx),
        Action::Update => update(cx),
    }
}

fn fetch(cx: &Context) -> Result<Outcome> {
    let sources = sources::ensure(cx, &Name::ALL)?;
    let mut text = String::new();
    for Source { name, version, pinned, size: bytes, sha256, origin, .. } in &sources {
        let digits = &sha256.as_str()[..16];
        let _ = writeln!(text, "{name:<8} {version:<10} {:>10}  {digits}  {origin}", size(*bytes)); // cannot fail
        if version != pinned {
            let _ = writeln!(text, "{:8} in the place of {pinned}: cargo xtask sources update", "");
        }
    }
    let _ = writeln!(text, "in {}", cx.paths.cache.display());
    Ok(Outcome::good(text, json!({ "cache": cx.paths.cache, "sources": sources })))
}

fn verify(cx: &Context) -> Result<Outcome> {
    let checked = sources::verify(cx)?;
    let mut text = String::new();
    let mut good = true;
    for (name, checks) in &checked {
        for Check { title, origin, state } in checks {
            let state = match state {
                State::Right => "ok",
                State::Missing => "missing",
                State::Wrong => "wrong",
                State::Unpinned => "no hash",
            };
            let _ = writeln!(text, "{name:<8} {origin:<9} {state:<8} {title}");
        }
        let has = |state| checks.iter().any(|check| check.state == state);
        good &= has(State::Right) && !has(State::Wrong);
    }
    text.push_str(if good {
        "every source is here, and right"
    } else {
        "not complete: cargo xtask sources fetch"
    });
    let sources: Vec<_> =
        checked.iter().map(|(name, checks)| json!({ "name": name, "origins": checks })).collect();
    let json = json!({ "ok": good, "sources": sources });
    Ok(if good { Outcome::good(text, json) } else { Outcome::bad(text, json) })
}

fn update(cx: &Context) -> Result<Outcome> {
    let changes = sources::update(cx)?;
    let mut text = String::new();
    for Change { name, from, to, changed, notes } in &changes {
        let what = match (from == to, changed) {
            (true, false) => format!("{from} stays"),
            (true, true) => format!("{from} stays, with new hashes"),
            (false, _) => format!("{from} -> {to}"),
        };
        let _ = writeln!(text, "{name:<8} {what}");
        for note in notes {
            let _ = writeln!(text, "{:8} {}", "", note.replace('\n', "\n         "));
        }
    }
    if changes.iter().any(|change| change.changed) {
        text.push_str("sources.lock.yaml is changed: look at it with `git diff`, build, and commit it");
    }
    Ok(Outcome::good(text, json!({ "changes": changes })))
}
