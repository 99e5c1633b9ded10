//! What a machine can be taken through, by name.

use clap::ValueEnum;

use super::{kernel, smoke};

/// A list of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// What a device must do to count as talking
    Smoke,
    /// The same, then what makes a good guest of the kernel: for a kernel with its own checks
    Kernel,
}

impl Suite {
    /// Its steps, in order.
    #[must_use]
    pub fn steps(self) -> Vec<smoke::Step> {
        match self {
            Self::Smoke => smoke::STEPS.to_vec(),
            Self::Kernel => kernel::steps(),
        }
    }
}
