//! `cargo xtask why`: which stages would be built, and because of which inputs. Builds and fetches nothing.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::context::{Context, Options};
use crate::explain::{Answers, Explain, Explanation, Verdict, WouldBuild, WouldFetch};
use crate::fingerprint::Change;
use crate::pipeline;
use crate::report::{Outcome, Reporter};
use crate::target::{Target, TargetArgs};
use crate::yaml;

/// Which stage, of which target.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask why                 every stage that would be built, and why
  cargo xtask why kernel          that one
  cargo xtask why --stack native  for another target")]
pub struct Args {
    /// The stage to ask about; all of them without it
    #[arg(value_name = "STAGE")]
    stage: Option<String>,

    #[command(flatten)]
    target: TargetArgs,
}

/// Asks the pipeline and tells what it would do.
///
/// # Errors
/// There is no such stage or target, or an input cannot be read.
pub fn run(cx: &Context, args: &Args) -> Result<Outcome> {
    if let Some(stage) = &args.stage
        && !pipeline::STAGES.contains(&stage.as_str())
    {
        let known: Vec<String> = pipeline::STAGES.iter().map(|&name| name.to_owned()).collect();
        bail!("{}", yaml::no_such("stage", stage, &known));
    }
    let target = Target::load(cx, &args.target)?;
    let options = Options { offline: true, ..cx.options.clone() };
    let mut asking = Context::new(cx.paths.clone(), options, Reporter::quiet(), cx.interrupt.clone())?;
    asking.explain = Some(Explain::default());
    let ended = pipeline::build(&asking, &target).map(drop);
    let mut found = asking.explain.take().map(|explain| explain.found()).unwrap_or_default();
    match ended {
        Err(error) if error.chain().all(|cause| !cause.is::<WouldBuild>() && !cause.is::<WouldFetch>()) => {
            return Err(error);
        }
        _ => {}
    }
    // Stages side by side answer in any order.
    found.fetches.sort_unstable();
    found.stages.sort_by_key(|one| pipeline::STAGES.iter().position(|&name| name == one.stage));
    Ok(answer(&found, args.stage.as_deref()))
}

/// What to say about `stage`, or about all of them.
fn answer(Answers { stages: found, fetches }: &Answers, stage: Option<&str>) -> Outcome {
    let json = json!({ "stages": found.iter().map(to_json).collect::<Vec<_>>(), "would_fetch": fetches });
    let stale = || found.iter().filter(|one| one.verdict != Verdict::UpToDate);
    let fetch = |source: &String| format!("{source} would be fetched: it is not in the download cache\n");
    let fetched: String = fetches.iter().map(fetch).collect();
    let text = match stage {
        Some(stage) => match found.iter().find(|one| one.stage == stage) {
            Some(one) => describe(one),
            None if stale().next().is_none() && fetches.is_empty() => {
                format!("{stage} has no part in this target\n")
            }
            None => stale()
                .fold(format!("{stage} waits for what comes before it:\n{fetched}"), |text, one| {
                    text + &describe(one)
                }),
        },
        None if stale().next().is_none() && fetches.is_empty() => {
            format!("all {} stages are up to date\n", found.len())
        }
        None => fetched + &stale().map(describe).collect::<String>() + "and what comes after\n",
    };
    Outcome::good(text, json)
}

fn describe(one: &Explanation) -> String {
    let stage = one.stage;
    match &one.verdict {
        Verdict::UpToDate => format!("{stage} is up to date\n"),
        Verdict::NeverBuilt => format!("{stage} would be built: it never was\n"),
        Verdict::Changed(changes) => {
            let mut text = format!("{stage} would be built again:\n");
            for change in changes {
                let _ = match change {
                    Change::Added(name) => writeln!(text, "  added    {name}"),
                    Change::Removed(name) => writeln!(text, "  removed  {name}"),
                    Change::Changed(name, None) => writeln!(text, "  changed  {name}"),
                    Change::Changed(name, Some((was, is))) => {
                        writeln!(text, "  changed  {name}: {was} → {is}")
                    }
                };
            }
            text
        }
    }
}

fn to_json(one: &Explanation) -> Value {
    let changes = match &one.verdict {
        Verdict::UpToDate => return json!({ "stage": one.stage, "verdict": "up to date" }),
        Verdict::NeverBuilt => return json!({ "stage": one.stage, "verdict": "never built" }),
        Verdict::Changed(changes) => changes,
    };
    let changes = changes.iter().map(|change| match change {
        Change::Added(name) => json!({ "input": name, "change": "added" }),
        Change::Removed(name) => json!({ "input": name, "change": "removed" }),
        Change::Changed(name, values) => {
            let (was, is) = values.clone().unzip();
            json!({ "input": name, "change": "changed", "was": was, "is": is })
        }
    });
    json!({ "stage": one.stage, "verdict": "changed", "changes": changes.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(stages: &[Explanation], fetches: &[&str]) -> Answers {
        let fetches = fetches.iter().map(|&source| source.to_owned()).collect();
        Answers { stages: stages.to_vec(), fetches }
    }

    #[test]
    fn what_is_said() {
        let changed = Verdict::Changed(vec![
            Change::Changed("linux".into(), Some(("6.12.1".into(), "6.12.2".into()))),
            Change::Changed("kernel/base.config".into(), None),
            Change::Added("flag".into()),
        ]);
        let found = [
            Explanation { stage: "musl", verdict: Verdict::UpToDate },
            Explanation { stage: "kernel", verdict: changed },
        ];
        let never = [Explanation { stage: "musl", verdict: Verdict::NeverBuilt }];
        let missing = ["linux-6.12.2"];
        type Case<'a> = (&'a [Explanation], &'a [&'a str], Option<&'a str>, &'a str);
        let cases: [Case; 8] = [
            (&found, &[], Some("musl"), "musl is up to date\n"),
            (
                &found,
                &[],
                Some("kernel"),
                "kernel would be built again:\n  changed  linux: 6.12.1 → 6.12.2\n  changed  kernel/base.config\n  \
                 added    flag\n",
            ),
            (
                &found,
                &[],
                Some("image"),
                "image waits for what comes before it:\nkernel would be built again:\n",
            ),
            (&found[..1], &[], None, "all 1 stages are up to date\n"),
            (&found[..1], &[], Some("image"), "image has no part in this target\n"),
            (&never, &[], None, "musl would be built: it never was\n"),
            (
                &never,
                &missing,
                None,
                "linux-6.12.2 would be fetched: it is not in the download cache\nmusl would be built",
            ),
            (
                &[],
                &missing,
                Some("kernel"),
                "kernel waits for what comes before it:\nlinux-6.12.2 would be fetched: it is not",
            ),
        ];
        for (stages, fetches, stage, expected) in cases {
            let text = answer(&answers(stages, fetches), stage).text;
            assert!(text.starts_with(expected), "{stage:?}: {text}");
        }
        let json = answer(&answers(&found, &missing), None).json;
        assert_eq!(json["would_fetch"][0], "linux-6.12.2");
        assert_eq!(json["stages"][1]["changes"][0]["is"], "6.12.2");
    }
}
