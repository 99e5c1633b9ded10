//! Asking instead of building: what each stage would do, and because of which inputs.
//!
//! While a [`Context`](crate::context::Context) has an [`Explain`], [`crate::stage::run`] builds nothing: at the
//! first stage that is not finished it records why and stops that branch of the pipeline.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fingerprint::Change;

/// What was found out, stage by stage in the order of asking.
#[derive(Debug, Default)]
pub struct Explain(Mutex<Answers>);

/// All that was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Stage by stage.
    pub stages: Vec<Explanation>,
    /// Sources that would be fetched first; what needs them could not be asked.
    pub fetches: Vec<String>,
}

/// What one stage would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The stage's name.
    pub stage: &'static str,
    /// Whether it would be built, and why.
    pub verdict: Verdict,
}

/// Whether a stage would be built, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An output with exactly the present inputs is there.
    UpToDate,
    /// No output of this stage is there at all.
    NeverBuilt,
    /// The newest output was made from other inputs.
    Changed(Vec<Change>),
}

/// Stops a pipeline that was only asked: not a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBuild {
    /// The stage at which it stopped.
    pub stage: &'static str,
}

/// Stops a pipeline that was only asked, at a source that is not there: not a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldFetch {
    /// The source.
    pub source: String,
}

impl Explain {
    /// Notes what was found out about one stage.
    pub fn record(&self, explanation: Explanation) {
        self.answers().stages.push(explanation);
    }

    /// Notes that `source` would be fetched.
    #[must_use]
    pub fn would_fetch(&self, source: &str) -> WouldFetch {
        self.answers().fetches.push(source.to_owned());
        WouldFetch { source: source.to_owned() }
    }

    /// Everything found out so far.
    #[must_use]
    pub fn found(&self) -> Answers {
        self.answers().clone()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for WouldBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage {} would be built", self.stage)
    }
}

impl std::error::Error for WouldBuild {}

impl fmt::Display for WouldFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} would be fetched", self.source)
    }
}

impl std::error::Error for WouldFetch {}
