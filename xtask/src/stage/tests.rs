//! The runner: built once, shared by equal inputs, explained, pruned.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::bail;

use super::*;
use crate::context::{Options, Paths};
use crate::explain::{Explain, Verdict, WouldBuild};
use crate::fingerprint::Change;
use crate::process::Interrupt;
use crate::report::Reporter;

struct Echo<'a> {
    word: &'a str,
    builds: &'a Cell<u32>,
}

impl Stage for Echo<'_> {
    type Output = PathBuf;
    const NAME: &'static str = "echo";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.text("word", self.word);
        Ok(())
    }

    fn build(&self, _cx: &Context, _task: &Task, work: &Path) -> Result<()> {
        self.builds.set(self.builds.get() + 1);
        if self.word == "unspeakable" {
            bail!("no");
        }
        Ok(fs::write(work.join("word"), self.word)?)
    }

    fn output(&self, dir: &Path) -> Result<PathBuf> {
        Ok(dir.join("word"))
    }
}

fn context() -> (tempfile::TempDir, Context) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().to_path_buf();
    let paths = Paths { out: root.join("out"), cache: root.join("cache"), root, external: None };
    let options = Options { jobs: 1, offline: true, locked: true, yes: false, json: false };
    let cx = Context::new(paths, options, Reporter::quiet(), Interrupt::default()).unwrap();
    (temp, cx)
}

#[test]
fn what_is_finished_is_not_built_again() {
    let (_temp, cx) = context();
    let builds = Cell::new(0);
    for (word, expected) in [("a", 1), ("a", 1), ("b", 2), ("a", 2), ("b", 2)] {
        let output = run(&cx, &Echo { word, builds: &builds }).unwrap();
        assert_eq!(fs::read_to_string(output).unwrap(), word);
        assert_eq!(builds.get(), expected, "{word}");
    }
}

#[test]
fn a_failure_names_the_stage_and_leaves_nothing() {
    let (_temp, cx) = context();
    let error = run(&cx, &Echo { word: "unspeakable", builds: &Cell::new(0) }).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.starts_with("stage echo failed after ") && message.ends_with(": no"), "{message}");
    let left: Vec<_> =
        fs::read_dir(cx.paths.out.join("stages")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["echo.lock"]);
}

#[test]
fn asking_builds_nothing_and_says_why() {
    let (_temp, mut cx) = context();
    let builds = Cell::new(0);
    let mut ask = |word: &str, build: bool| {
        cx.explain = (!build).then(Explain::default);
        let result = run(&cx, &Echo { word, builds: &builds });
        let found = cx.explain.take().map(|explain| explain.found()).unwrap_or_default();
        let would_build =
            result.is_err_and(|error| error.downcast_ref() == Some(&WouldBuild { stage: "echo" }));
        (would_build, found.stages.into_iter().map(|one| one.verdict).next())
    };
    assert_eq!(ask("a", false), (true, Some(Verdict::NeverBuilt)));
    assert_eq!(ask("a", true), (false, None));
    assert_eq!(ask("a", false), (false, Some(Verdict::UpToDate)));
    let change = Change::Changed("word".into(), Some(("a".into(), "b".into())));
    assert_eq!(ask("b", false), (true, Some(Verdict::Changed(vec![change]))));
    assert_eq!(builds.get(), 1);
}

#[test]
fn old_outputs_go_and_those_in_use_stay() {
    let (_temp, cx) = context();
    let builds = Cell::new(0);
    let words: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    let build = |word: &String| run(&cx, &Echo { word, builds: &builds }).unwrap();
    let outputs: Vec<PathBuf> = words.iter().map(build).collect();
    assert!(outputs.iter().all(|output| output.exists()), "all were used a moment ago");
    for (age, output) in (1..).zip(outputs.iter().rev()) {
        let inputs = File::options().append(true).open(output.with_file_name("inputs.txt")).unwrap();
        inputs.set_modified(SystemTime::now() - Duration::from_secs(3600 * age)).unwrap();
    }
    build(&"new".to_owned());
    let left = outputs.iter().map(|output| output.exists()).collect::<Vec<_>>();
    assert_eq!(left, [[false; 5].as_slice(), &[true; 7]].concat(), "the new one and the seven newest");
}
