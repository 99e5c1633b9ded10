//! `cargo xtask size`: what takes the bytes of an image, beside what Linux's own inet takes.

use anyhow::Result;
use serde_json::json;

use crate::context::Context;
use crate::pipeline;
use crate::report::Outcome;
use crate::size::{self, Report, budget};
use crate::target::{Provider, Target, TargetArgs};

/// Which image.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask size                     the default image
  cargo xtask size --board qemu-virtio
  cargo xtask size --stack native      the same on Linux's own inet: makes the comparison exact
  cargo xtask size --json              the figures for a machine (docs/size.md says what they are)")]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
}

/// Builds it as far as it is not built, measures it, and checks the board's budgets. Beside it stands
/// the same image on Linux's own inet, if that has been built.
///
/// # Errors
/// It cannot be built. A budget that is exceeded is a bad [`Outcome`].
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    let target = Target::load(cx, &args.target)?;
    let image = pipeline::build(cx, &target)?.image;
    let mut report = Report::load(&image.sizes)?;
    let native = Target { stack: Provider::Native, ..target.clone() }.dir(cx).join(SIZES);
    if target.stack != Provider::Native && native.is_file() {
        report.compare_with(&Report::load(&native)?);
    }
    Ok(outcome(&target, &report))
}

fn outcome(target: &Target, report: &Report) -> Outcome {
    let budgets = budget::budgets(report, &target.board.budgets);
    let verdict = budget::check(&budgets);
    let mut json = json!(report);
    json["board"] = json!(target.board.name);
    json["profile"] = json!(target.profile.name);
    json["stack"] = json!(target.stack.name());
    json["budgets_kept"] = json!(verdict.is_ok());
    let table = size::table(&target.name(), report);
    match verdict {
        Ok(()) => {
            let kept: Vec<String> =
                budgets.iter().map(|b| format!("{} {:.0} %", b.name, b.percent())).collect();
            let line = if kept.is_empty() {
                "no budgets".to_owned()
            } else {
                format!("budgets kept: {}", kept.join(", "))
            };
            Outcome::good(format!("{table}\n\n{line}"), json)
        }
        Err(error) => Outcome::bad(format!("{table}\n\n{error}"), json),
    }
}

/// The file with the sizes in an image's folder.
const SIZES: &str = "size.json";
