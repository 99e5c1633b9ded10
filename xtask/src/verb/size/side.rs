//! What the user names as one side of a comparison: a folder with an image's sizes, or words for a target.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use crate::context::Context;
use crate::pipeline;
use crate::size::Report;
use crate::size::breakdown::Breakdown;
use crate::size::compare::Side;
use crate::stage::artifact::Image;
use crate::target::{Provider, Target, TargetArgs};
use crate::yaml;

/// Finds or builds what `words` name; what they leave open is as in `others`.
///
/// # Errors
/// Neither a folder nor a target is called so, the target cannot be built, or the folder has no sizes.
pub fn load(cx: &Context, others: &TargetArgs, words: &str) -> Result<Side> {
    let place = Path::new(words);
    let (name, dir) = match folder(cx, place) {
        Some(dir) => (words.to_owned(), dir),
        None => {
            let target = Target::load(cx, &choose(others, words, &known(cx))?)?;
            (target.name(), pipeline::build(cx, &target)?.image.dir)
        }
    };
    let context = || format!("{words}: {} has no sizes of an image", dir.display());
    let report = Report::load(&Image::at(&dir).sizes).with_context(context)?;
    Ok(Side { name, report, breakdown: Breakdown::load(&dir).with_context(context)? })
}

/// The folder that is meant: `place` itself, or a result of this name.
fn folder(cx: &Context, place: &Path) -> Option<std::path::PathBuf> {
    let here = std::path::absolute(place).ok()?;
    let looks_like_a_path = place.components().count() > 1 || place.starts_with(".");
    match here.is_dir() && (looks_like_a_path || Image::at(&here).sizes.is_file()) {
        true => Some(here),
        false => None,
    }
    .or_else(|| Some(cx.paths.out.join(place)).filter(|dir| Image::at(dir).sizes.is_file()))
}

/// The words that can be said, each with what it chooses.
fn known(cx: &Context) -> Vec<(String, Word)> {
    let boards = cx.paths.names("boards", "yaml").into_iter().map(|name| (name, Word::Board));
    let profiles = cx.paths.names("profiles", "yaml").into_iter().map(|name| (name, Word::Profile));
    let providers = Provider::value_variants().iter();
    let providers = providers.map(|provider| (provider.name().to_owned(), Word::Stack(*provider)));
    boards.chain(profiles).chain(providers).collect()
}

/// What a word chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Board,
    Profile,
    Stack(Provider),
}

fn choose(others: &TargetArgs, words: &str, known: &[(String, Word)]) -> Result<TargetArgs> {
    let mut target = others.clone();
    for word in words.split(',') {
        match known.iter().find(|(name, _)| name == word) {
            Some((_, Word::Board)) => word.clone_into(&mut target.board),
            Some((_, Word::Profile)) => word.clone_into(&mut target.profile),
            Some((_, Word::Stack(provider))) => target.stack = *provider,
            None => {
                let names: Vec<String> = known.iter().map(|(name, _)| name.clone()).collect();
                bail!("{}", yaml::no_such("board, profile, stack or folder", word, &names));
            }
        }
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_a_target() {
        let others =
            TargetArgs { board: "qemu-pc".into(), profile: "minimal".into(), stack: Provider::Module };
        let known = [
            ("qemu-pc".to_owned(), Word::Board),
            ("qemu-virtio".to_owned(), Word::Board),
            ("client".to_owned(), Word::Profile),
            ("native".to_owned(), Word::Stack(Provider::Native)),
        ];
        let cases = [
            ("native", "qemu-pc minimal native"),
            ("client", "qemu-pc client module"),
            ("qemu-virtio,native", "qemu-virtio minimal native"),
            ("native,client", "qemu-pc client native"),
        ];
        for (words, expected) in cases {
            let target = choose(&others, words, &known).unwrap();
            assert_eq!(
                format!("{} {} {}", target.board, target.profile, target.stack.name()),
                expected,
                "{words}"
            );
        }
        let message = choose(&others, "qemu-virtoi", &known).unwrap_err().to_string();
        assert!(message.contains("`qemu-virtoi`") && message.contains("qemu-virtio"), "{message}");
    }
}
