//! Asking instead of building: what each stage would do, and because of which inputs.
//!
//! While a [`Context`](crate::context::Context) has an [`Explain`], [`crate::stage::run`] builds nothing: at the
//! first stage that is not finished it records why and stops that branch of the pipeline.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::fingerprint::Change;

/// What was found out, stage by stage in the order of asking.
#[derive(Debug, Default)]
pub struct Explain(Mutex<Vec<Explanation>>);

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

impl Explain {
    /// Notes what was found out about one stage.
    pub fn record(&self, explanation: Explanation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(explanation);
    }

    /// Everything found out so far.
    #[must_use]
    pub fn found(&self) -> Vec<Explanation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for WouldBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage {} would be built", self.stage)
    }
}

impl std::error::Error for WouldBuild {}
