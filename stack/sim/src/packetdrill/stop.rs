//! Why a script ends before its last line.

/// A failure of the stack, or of the script; or something that we do not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The stack did something else than the script expects.
    Fail {
        /// What the script expects.
        expected: String,
        /// What happened.
        got: String,
    },
    /// The script asks for something that the stack or the interpreter has not.
    Skip(String),
}

impl Stop {
    /// A failure.
    pub fn fail(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Fail { expected: expected.into(), got: got.into() }
    }

    /// Something that we do not have.
    pub fn skip(what: impl Into<String>) -> Self {
        Self::Skip(what.into())
    }
}
