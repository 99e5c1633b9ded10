//! What is to be built: a board, a profile, a stack provider.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::board::{Board, Budgets};
use crate::context::Context;
use crate::profile::Profile;

/// The three choices, checked and loaded.
#[derive(Clone, Debug)]
pub struct Target {
    /// Facts about the hardware.
    pub board: Board,
    /// The selection of features.
    pub profile: Profile,
    /// Whose network stack.
    pub stack: Provider,
}

/// Whose network stack an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// Ours, in the kernel: built in or as a .ko, as the board says
    Module,
    /// Linux's own inet, the baseline of every comparison
    Native,
    /// Ours, in a process that owns the NIC
    Daemon,
}

/// The choices on the command line.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Which board: a file in boards/
    #[arg(long, value_name = "NAME", default_value = "qemu-pc")]
    pub board: String,

    /// Which features: a file in profiles/ (minimal, client, full)
    #[arg(long, value_name = "NAME", default_value = "minimal")]
    pub profile: String,

    /// Whose network stack
    #[arg(long, value_name = "PROVIDER", value_enum, default_value = "module", hide_possible_values = true)]
    #[arg(help = "Whose network stack: module (ours) or native (Linux's inet)")]
    pub stack: Provider,
}

impl Target {
    /// Loads what `args` name.
    ///
    /// # Errors
    /// There is no such board, profile or provider (the message says which there are), or its
    /// file is wrong.
    pub fn load(cx: &Context, args: &TargetArgs) -> Result<Self> {
        if args.stack == Provider::Daemon {
            bail!("--stack daemon is not there yet: this version has `module` and `native`");
        }
        let profile = Profile::load(&cx.paths, &args.profile)?;
        let mut board = Board::load(&cx.paths, &args.board)?;
        board.budgets = board.budgets.overruled_by(&profile.budgets);
        Ok(Self { board, profile, stack: args.stack })
    }

    /// `<board>-<profile>`, with `-native` appended for Linux's own stack.
    #[must_use]
    pub fn name(&self) -> String {
        let suffix = match self.stack {
            Provider::Module => "",
            Provider::Native => "-native",
            Provider::Daemon => "-daemon",
        };
        format!("{}-{}{suffix}", self.board.name, self.profile.name)
    }

    /// The board's budgets. Linux's own inet is what ours is measured against, and may be as large as it is.
    #[must_use]
    pub fn budgets(&self) -> Budgets {
        let board = self.board.budgets.clone();
        if self.stack == Provider::Native { Budgets { net: None, ..board } } else { board }
    }

    /// Where the results go: `target/linnet/<name>`.
    #[must_use]
    pub fn dir(&self, cx: &Context) -> PathBuf {
        cx.paths.out.join(self.name())
    }
}

impl Provider {
    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Native => "native",
            Self::Daemon => "daemon",
        }
    }
}
