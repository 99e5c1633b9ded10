//! Runs a stage: finished already, or locked, built into a temporary folder, renamed.
//!
//! Invariants: a folder under its final name is whole; a temporary folder belongs to the holder
//! of the stage's lock, so whoever takes the lock removes all that it finds.

use std::path::PathBuf;

use anyhow::{Context as _, Error, Result, bail};

use super::{Finished, Stage, Store};
use crate::context::Context;
use crate::explain::{Explain, Explanation, Verdict, WouldBuild};
use crate::fingerprint::Fingerprint;
use crate::process::end_orphans;
use crate::report::{Task, duration};

/// How often a build starts again because its inputs changed under it.
const ATTEMPTS: usize = 3;

/// The output of `stage`: found finished, or built now.
///
/// # Errors
/// An input cannot be read, the build failed, the user interrupted. Nothing half-made is left.
pub fn run<S: Stage>(cx: &Context, stage: &S) -> Result<S::Output> {
    for _ in 0..ATTEMPTS {
        cx.interrupt.check()?;
        let inputs = fingerprint(cx, stage)?;
        let store = Store::new(cx, S::NAME);
        if let Some(explain) = &cx.explain {
            let finished = ask(explain, S::NAME, &store, &inputs)?;
            return stage.output(finished.dir());
        }
        let finished = match store.find(&inputs) {
            Some(finished) => finished,
            None => match build(cx, stage, &store, &inputs)? {
                Some(finished) => finished,
                None => continue, // an input changed while we built: what came out fits neither state
            },
        };
        finished.touch();
        return stage.output(finished.dir()).with_context(|| {
            let dir = finished.dir().display();
            format!("{dir} is not what the build left there: remove it and build again")
        });
    }
    bail!("{}: the inputs changed during each of {ATTEMPTS} builds; let them rest and build again", S::NAME)
}

/// The present inputs of `stage`.
///
/// # Errors
/// An input cannot be read.
pub fn fingerprint<S: Stage>(cx: &Context, stage: &S) -> Result<Fingerprint> {
    let mut inputs = Fingerprint::new(&cx.hashes);
    stage.inputs(&mut inputs).with_context(|| format!("{}: an input is missing", S::NAME))?;
    Ok(inputs)
}

/// Records what would be done; an unfinished stage ends this branch of the pipeline.
fn ask(explain: &Explain, stage: &'static str, store: &Store, inputs: &Fingerprint) -> Result<Finished> {
    let finished = store.find(inputs);
    let verdict = match (&finished, store.all().first()) {
        (Some(_), _) => Verdict::UpToDate,
        (None, None) => Verdict::NeverBuilt,
        (None, Some(newest)) => Verdict::Changed(inputs.changes_since(&newest.inputs()?)),
    };
    explain.record(Explanation { stage, verdict });
    finished.ok_or_else(|| WouldBuild { stage }.into())
}

/// Builds under the lock. None: the inputs are not the same any more.
fn build<S: Stage>(cx: &Context, stage: &S, store: &Store, inputs: &Fingerprint) -> Result<Option<Finished>> {
    let task = cx.reporter.task(S::NAME).owned_by(&store.lock_path());
    let _lock = store.lock(cx, &task)?;
    if let Some(finished) = store.find(inputs) {
        task.nothing_to_do(); // another run built it while we waited
        return Ok(Some(finished));
    }
    end_orphans(&store.lock_path());
    store.remove_temporary()?;
    task.note(format!("building {}", stage.label()).trim_end());
    let work = match fill(cx, stage, store, inputs, &task) {
        Ok(work) => work,
        Err(error) => {
            let time = duration(task.elapsed());
            drop(task);
            return Err(give_up(cx, store, error).context(format!("stage {} failed after {time}", S::NAME)));
        }
    };
    if fingerprint(cx, stage)?.digest() != inputs.digest() {
        task.note("an input changed meanwhile: again");
        store.remove_temporary()?;
        return Ok(None);
    }
    let finished = store.publish(&work, inputs).map_err(|error| give_up(cx, store, error))?;
    store.prune(&finished);
    task.done(&stage.label());
    Ok(Some(finished))
}

/// Removes what is half-made. The disk that was too full for it is named before: then there is room again.
fn give_up(cx: &Context, store: &Store, error: Error) -> Error {
    let error = cx.name_full_disk(error);
    let _ = store.remove_temporary(); // the error that counts is the build's; the next run tries again
    error
}

/// Builds into a new temporary folder, which the caller removes if that fails.
fn fill<S: Stage>(
    cx: &Context,
    stage: &S,
    store: &Store,
    inputs: &Fingerprint,
    task: &Task,
) -> Result<PathBuf> {
    let work = store.temporary(inputs)?;
    store.begin_log()?;
    stage.build(cx, task, &work)?;
    cx.interrupt.check()?; // a build that did not notice must not pass for whole
    Ok(work)
}
