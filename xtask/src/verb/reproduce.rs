//! `cargo xtask reproduce`: builds everything once more in another folder, killed in each stage, and compares.
//!
//! One side is what this checkout has built: stages are stamped by content, so it is what these sources
//! make. The other starts from a copy of the sources and an empty output folder. It is not spared: its
//! build is killed at a moment within each stage, sometimes with its children, sometimes without.

mod compare;
mod kill;
mod plan;
mod site;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::context::Context;
use crate::peer::noise::Noise;
use crate::pipeline::{self, Built};
use crate::report::{Outcome, duration};
use crate::target::{Provider, Target, TargetArgs};
use compare::Difference;
use kill::Killed;
use site::Site;

/// What to build again.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce                    kill the second build in each stage
  cargo xtask reproduce --undisturbed      let it run through
  cargo xtask reproduce --seed 7           kill it at other moments
  cargo xtask reproduce --board qemu-pc --board qemu-virtio")]
pub struct Args {
    /// Which boards; may be given several times
    #[arg(long = "board", value_name = "NAME", default_value = "qemu-pc")]
    boards: Vec<String>,

    /// Which features: a file in profiles/
    #[arg(long, value_name = "NAME", default_value = "minimal")]
    profile: String,

    /// Whose network stack: module (ours) or native (Linux's inet)
    #[arg(long, value_name = "PROVIDER", value_enum, default_value = "module", hide_possible_values = true)]
    stack: Provider,

    /// Do not kill the second build
    #[arg(long, conflicts_with = "seed")]
    undisturbed: bool,

    /// Decides when it is killed [default: from the first image's hash]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Builds here what is not built, builds all of it again elsewhere, and compares.
///
/// # Errors
/// One of the builds failed, or the second one could not be killed where it should have been. A
/// difference is a bad [`Outcome`]; the second folder then stays for a look.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let load = |board: &String| {
        let target = TargetArgs { board: board.clone(), profile: args.profile.clone(), stack: args.stack };
        Target::load(cx, &target)
    };
    let targets: Vec<Target> = args.boards.iter().map(load).collect::<Result<_>>()?;
    let built: Vec<Built> =
        targets.iter().map(|target| pipeline::build(cx, target)).collect::<Result<_>>()?;
    // Now: somebody may build another one in its place meanwhile.
    let here: Vec<compare::Image> =
        built.iter().map(|built| compare::image(&built.image.dir)).collect::<Result<_>>()?;
    let seed = match args.seed {
        Some(seed) => seed,
        None => seed_of(&here[0])?,
    };

    let task = cx.reporter.task("reproduce");
    task.note("copying the sources to another folder");
    let site = Site::create(cx)?;
    let mut killed = Vec::new();
    if !args.undisturbed {
        for moment in plan::moments(&mut Noise::new(seed)) {
            killed.push(kill::at(cx, &task, &site, &targets[0], &moment)?);
        }
    }
    for target in &targets {
        task.note(&format!("building {} to the end", target.name()));
        kill::never(cx, &task, &site, target)?;
    }
    let left = site.workers();
    ensure!(left.is_empty(), "{} processes of killed builds are still running: {left:?}", left.len());

    task.note("comparing");
    let mut equal = 0;
    let mut differences = Vec::new();
    for (target, here) in targets.iter().zip(&here) {
        let there = compare::image(&site.image(target))?;
        compare::images(&target.name(), here, &there, &mut equal, &mut differences);
    }
    compare::stages(&cx.paths.out.join("stages"), &site.stages(), &mut equal, &mut differences)?;
    task.done(&format!("{equal} files equal"));
    let result = Found { boards: targets.len(), seed, killed, equal, differences };
    if result.differences.is_empty() {
        site.remove()?;
    }
    Ok(result.outcome(&cx.paths.show(site.root())))
}

/// Another one for each image, the same for the same image.
fn seed_of(image: &compare::Image) -> Result<u64> {
    let hash = image.get("bzImage").map(String::as_str).unwrap_or_default();
    let digits = hash.get(..8).context("the image has no bzImage")?;
    u64::from_str_radix(digits, 16).with_context(|| format!("`{hash}` is no SHA-256"))
}

/// What came of it.
struct Found {
    boards: usize,
    seed: u64,
    killed: Vec<Killed>,
    equal: usize,
    differences: Vec<Difference>,
}

impl Found {
    fn outcome(&self, place: &str) -> Outcome {
        let json = json!({
            "equal": self.differences.is_empty(),
            "equal_files": self.equal,
            "differences": self.differences.iter().map(Difference::json).collect::<Vec<_>>(),
            "seed": self.seed,
            "killed": self.killed.iter().map(Killed::json).collect::<Vec<_>>(),
        });
        if self.differences.is_empty() {
            Outcome::good(self.text(place), json)
        } else {
            Outcome::bad(self.text(place), json)
        }
    }

    fn text(&self, place: &str) -> String {
        let mut text = String::new();
        if !self.killed.is_empty() {
            let _ = writeln!(text, "killed while it built (--seed {}):", self.seed);
        }
        for Killed { stage, after, left, attempts, .. } in &self.killed {
            let left = match left {
                0 => "with its children".to_owned(),
                left => format!("{left} children went on"),
            };
            let again = if *attempts > 1 { format!(", hit at attempt {attempts}") } else { String::new() };
            let _ = writeln!(text, "  {stage:<10} after {:>7}  {left}{again}", duration(*after));
        }
        if self.differences.is_empty() {
            let (boards, kills) = (self.boards, self.killed.len());
            let s = if boards == 1 { "" } else { "s" };
            return text + &format!("{} files of {boards} board{s} equal after {kills} kills", self.equal);
        }
        let _ = writeln!(text, "two builds of the same sources differ; the second one lies in {place}:");
        for Difference { name, here, there } in self.differences.iter().take(SHOWN) {
            let _ = writeln!(text, "  {name}\n    here  {here}\n    there {there}");
        }
        text + &format!("{} files differ, {} are equal", self.differences.len(), self.equal)
    }
}

/// How many differences are listed.
const SHOWN: usize = 20;

/// How long the second build may go without starting what it is to be killed in.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn found(differences: Vec<Difference>) -> Found {
        let kill =
            |stage, left, attempts| Killed { stage, after: Duration::from_millis(1200), left, attempts };
        Found {
            boards: 2,
            seed: 7,
            killed: vec![kill("musl", 0, 1), kill("kernel", 5, 3)],
            equal: 40,
            differences,
        }
    }

    #[test]
    fn equality_ends_in_one_short_line() {
        let outcome = found(Vec::new()).outcome("target/linnet/reproduce");
        assert!(outcome.ok);
        assert!(outcome.text.contains("--seed 7"), "{}", outcome.text);
        assert!(
            outcome.text.contains("kernel     after  1.20 s  5 children went on, hit at attempt 3"),
            "{}",
            outcome.text
        );
        assert_eq!(outcome.text.lines().last(), Some("40 files of 2 boards equal after 2 kills"));
        assert_eq!(outcome.json["killed"][1]["stage"], "kernel");
    }

    #[test]
    fn a_difference_names_the_file_both_hashes_and_the_place() {
        let difference = Difference { name: "qemu-pc/bzImage".into(), here: "aa".into(), there: "bb".into() };
        let outcome = found(vec![difference]).outcome("target/linnet/reproduce");
        assert!(!outcome.ok);
        for part in ["qemu-pc/bzImage", "here  aa", "there bb", "target/linnet/reproduce", "1 files differ"] {
            assert!(outcome.text.contains(part), "{part} is not in:\n{}", outcome.text);
        }
        assert_eq!(outcome.json["equal"], false);
    }
}
