//! `cargo xtask size`: what takes the bytes of an image, beside what Linux's own inet takes.

mod document;
mod side;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::atomic;
use crate::context::Context;
use crate::pipeline;
use crate::report::{Outcome, grouped};
use crate::size::breakdown::{Breakdown, Level};
use crate::size::{self, Report, budget, compare, treemap};
use crate::stage::artifact::Image;
use crate::target::{Provider, Target, TargetArgs};
use crate::verb::qemu::least::Least;
use document::Measured;

/// Which image, and how to look at it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask size                          the default image
  cargo xtask size --by object --in net     every object under net/
  cargo xtask size --by symbol --in net/linnet --most 50
  cargo xtask size --treemap size.svg       a picture of all of it
  cargo xtask size --compare native module  what our stack saves, and where
  cargo xtask size --compare qemu-pc qemu-virtio
  cargo xtask size --compare ~/old .        two folders with a size.json
  cargo xtask size --write                  keep docs/size.md as it is now
  cargo xtask size --json                   for a machine (see docs/size.md)")]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,

    /// List components, objects or symbols of the kernel
    #[arg(long, value_name = "LEVEL", value_enum, conflicts_with = "compare")]
    by: Option<Level>,

    /// Only what lies in this folder of the kernel's tree
    #[arg(
        long = "in",
        value_name = "FOLDER",
        default_value = "",
        hide_default_value = true,
        requires = "by"
    )]
    within: String,

    /// At most so many lines of the list
    #[arg(long, value_name = "N", default_value_t = 40, requires = "by")]
    most: usize,

    /// Draw a treemap into this SVG file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["by", "compare"])]
    treemap: Option<PathBuf>,

    /// Put the figures of this target into docs/size.md
    #[arg(long, conflicts_with_all = ["by", "treemap", "compare"])]
    write: bool,

    /// Say what differs between two images: words for the target (a board, a profile, module or native, joined
    /// by commas), or folders
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Option<Vec<String>>,
}

/// Builds it as far as it is not built, measures it, and checks the board's budgets. Beside it stands
/// the same image on Linux's own inet, if that has been built.
///
/// # Errors
/// It cannot be built. A budget that is exceeded is a bad [`Outcome`].
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    if let Some([a, b]) = args.compare.as_deref() {
        let (a, b) = (side::load(cx, &args.target, a)?, side::load(cx, &args.target, b)?);
        let (text, json) = compare::compare(&a, &b);
        return Ok(Outcome::good(text, json));
    }
    let target = Target::load(cx, &args.target)?;
    let image = pipeline::build(cx, &target)?.image;
    let mut report = Report::load(&image.sizes)?;
    if let Some(level) = args.by {
        return list(&target, &report, &Breakdown::load(&image.dir)?, level, args);
    }
    if let Some(path) = &args.treemap {
        let svg = treemap::draw(&target.name(), &report, &Breakdown::load(&image.dir)?);
        let path = std::path::absolute(path)?;
        atomic::write(&path, svg.as_bytes())?;
        let text = format!("{}: {} bytes, for a browser", path.display(), grouped(svg.len() as u64));
        return Ok(Outcome::good(text, json!({ "treemap": path, "bytes": svg.len() })));
    }
    if args.write {
        write(cx, &target, &report, &image)?;
    }
    let native = Image::at(&Target { stack: Provider::Native, ..target.clone() }.dir(cx)).sizes;
    if target.stack != Provider::Native && native.is_file() {
        report.compare_with(&Report::load(&native)?);
    }
    Ok(outcome(&target, &report))
}

/// Keeps docs/size.md as it is now; with `qemu --min-mem` run on this very image, the RAM too.
fn write(cx: &Context, target: &Target, report: &Report, image: &Image) -> Result<()> {
    let path = cx.paths.root.join(document::FILE);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let kernel = cx.hashes.sha256(&image.kernel)?;
    let (name, breakdown) = (target.name(), Breakdown::load(&image.dir)?);
    let least = Least::load(&image.dir, &kernel);
    let measured = Measured { target: &name, report, breakdown: &breakdown, least: least.as_ref() };
    atomic::write(&path, document::update(&text, &measured)?.as_bytes())
}

fn list(
    target: &Target,
    report: &Report,
    breakdown: &Breakdown,
    level: Level,
    args: &Args,
) -> Result<Outcome> {
    let items = breakdown.list(level, &args.within)?;
    let whole: u64 = items.iter().map(|item| item.bytes).sum();
    let place = if args.within.is_empty() { "the kernel" } else { &args.within };
    let share = whole as f64 * 100.0 / report.kernel_code_bytes.max(1) as f64;
    let title = format!(
        "{}: {} bytes of code and constants in {place}, {share:.1} % of the kernel's",
        target.name(),
        grouped(whole)
    );
    let json = json!({ "target": target.name(), "in": args.within, "bytes": whole, "items": items });
    Ok(Outcome::good(size::list(&title, &items, args.most, whole), json))
}

fn outcome(target: &Target, report: &Report) -> Outcome {
    let limits = target.budgets();
    let budgets = budget::budgets(report, &limits);
    let verdict = budget::check(&budgets, &[]);
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
