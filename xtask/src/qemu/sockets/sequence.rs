//! Generated sequences of calls: run by seed on both machines, and made shorter where they differ.

use std::collections::BTreeSet;

use anyhow::Result;

use super::transcript::{Difference, Transcript};
use super::{Side, both};

/// Which sequences.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first seed.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// Steps of each.
    pub length: u32,
}

/// What came of them.
#[derive(Debug)]
pub struct Found {
    /// Results that were compared.
    pub results: usize,
    /// For each seed with a difference: the shortest sequence that still has one, as a story.
    pub stories: Vec<String>,
}

/// More than so many are not made shorter: one defect mostly shows in several.
const STORIES: usize = 3;

/// Runs them on both machines.
///
/// # Errors
/// A machine ended.
pub fn compare(linux: &mut Side, ours: &mut Side, plan: Plan) -> Result<Found> {
    let run = |linux: &mut Side, ours: &mut Side, plan: Plan, skipped: &[u32]| {
        both(
            || linux.sequences(plan.first, plan.count, plan.length, skipped),
            || ours.sequences(plan.first, plan.count, plan.length, skipped),
        )
    };
    let (theirs, found) = run(linux, ours, plan, &[])?;
    let differences = theirs.differences(&found);
    let seeds: BTreeSet<u32> = differences.iter().filter_map(seed).collect();
    let mut stories = Vec::new();
    for &seed in seeds.iter().take(STORIES) {
        let first = differences.iter().find(|difference| self::seed(difference) == Some(seed));
        let length = first.and_then(step).unwrap_or(plan.length);
        let one = Plan { first: seed, count: 1, length };
        let skipped = shorten(length, |skipped| {
            let (theirs, found) = run(linux, ours, one, skipped)?;
            Ok(!theirs.differences(&found).is_empty())
        })?;
        let (theirs, found) = run(linux, ours, one, &skipped)?;
        stories.push(story(one, &skipped, &theirs, &found));
    }
    let rest = seeds.iter().skip(STORIES).map(u32::to_string).collect::<Vec<_>>();
    if !rest.is_empty() {
        stories.push(format!("seeds {} differ, too\n", rest.join(", ")));
    }
    Ok(Found { results: theirs.results(), stories })
}

fn seed(difference: &Difference) -> Option<u32> {
    difference.case.strip_prefix("sequence/")?.parse().ok()
}

/// The step in which a difference shows.
fn step(difference: &Difference) -> Option<u32> {
    let number = |text: &str| text.split_whitespace().next()?.parse::<u32>().ok();
    number(&difference.what).or_else(|| Some(number(&difference.linux)?.max(number(&difference.ours)?)))
}

/// The steps that can be left out so that there is still a difference, one after the other from the end.
fn shorten(length: u32, mut differs: impl FnMut(&[u32]) -> Result<bool>) -> Result<Vec<u32>> {
    let mut skipped = Vec::new();
    for step in (1..=length).rev() {
        skipped.push(step);
        if !differs(&skipped)? {
            skipped.pop();
        }
    }
    Ok(skipped)
}

/// What was done, up to the difference, and how to see it again.
fn story(plan: Plan, skipped: &[u32], linux: &Transcript, ours: &Transcript) -> String {
    let Plan { first, length, .. } = plan;
    let skipped = skipped.iter().fold(",".to_owned(), |list, step| list + &format!("{step},"));
    let mut story =
        format!("sequence {first} (in the guest: probe sequences {first} 1 {length} {skipped})\n");
    let name = format!("sequence/{first}");
    let lines = |side: &Transcript| side.lines(&name).to_vec();
    for ((what, theirs), (also, our)) in lines(linux).into_iter().zip(lines(ours)) {
        if what == also && theirs == our {
            story += &format!("    {what} = {theirs}\n");
        } else {
            story += &format!("    {what}\n      Linux {theirs}\n      here  {also} = {our}\n");
            break;
        }
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        // It takes the steps 2 and 5.
        let differs = |skipped: &[u32]| Ok(!skipped.contains(&2) && !skipped.contains(&5));
        assert_eq!(shorten(6, differs).unwrap(), [6, 4, 3, 1]);
    }

    #[test]
    fn a_story_ends_with_the_difference() {
        let parse = |last: &str| {
            let text = format!(
                "case sequence/7\n  1 stream a = 0\n  2 poll a = OUT\n  3 recv a = {last}\nend of 1 cases\n"
            );
            Transcript::parse(&text).unwrap()
        };
        let (linux, ours) = (parse("0"), parse("-1 (EAGAIN)"));
        let difference = &linux.differences(&ours)[0];
        assert_eq!((seed(difference), step(difference)), (Some(7), Some(3)));
        let story = story(Plan { first: 7, count: 1, length: 3 }, &[2], &linux, &ours);
        assert!(story.contains("probe sequences 7 1 3 ,2,"), "{story}");
        assert!(
            story.ends_with("    3 recv a\n      Linux 0\n      here  3 recv a = -1 (EAGAIN)\n"),
            "{story}"
        );
    }
}
