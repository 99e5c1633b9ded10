//! What a verb found: text for people, one JSON document for machines.

use serde_json::Value;

/// The result of a verb that ran to its end.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For people; printed as it is, without `--json`.
    pub text: String,
    /// For machines; printed instead of the text with `--json`.
    pub json: Value,
    /// Whether what was asked for is so. False: the exit status is 1.
    pub ok: bool,
}

impl Outcome {
    /// A good result.
    #[must_use]
    pub fn good(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, ok: true }
    }

    /// A result that is not what was asked for: a check that found something.
    #[must_use]
    pub fn bad(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, ok: false }
    }
}
