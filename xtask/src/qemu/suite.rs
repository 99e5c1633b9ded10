//! What a machine can be taken through, by name.

use clap::ValueEnum;

use super::{kernel, small, smoke};

/// A list of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// What a device must do to count as talking
    Smoke,
    /// The same, then what makes a good guest of the kernel: for a kernel with its own checks
    Kernel,
    /// What a machine with very little memory must live through: see --mem
    Small,
}

impl Suite {
    /// Its steps, in order.
    #[must_use]
    pub fn steps(self) -> Vec<smoke::Step> {
        match self {
            Self::Smoke => smoke::STEPS.to_vec(),
            Self::Kernel => kernel::steps(),
            Self::Small => small::steps(),
        }
    }
}
