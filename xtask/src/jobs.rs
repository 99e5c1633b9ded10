//! One GNU make jobserver for everything that runs: make, cargo, and our own processes.
//!
//! A token is one running process. [`Jobs::slot`] takes the token that a child starts with;
//! what the child runs beyond that (make's jobs, rustc's threads) it takes from the same pipe.
//! So stages that run side by side never exceed the limit together. Invariant: a thread that
//! holds a [`Slot`] never asks for another one.

use std::process::Command;

use anyhow::{Context as _, Result};

/// The shared job limit.
pub struct Jobs {
    client: jobserver::Client,
    limit: usize,
}

/// The right to run one process; given back on drop.
pub struct Slot {
    _token: jobserver::Acquired,
}

impl Jobs {
    /// A limit of `limit` processes at once (at least 1).
    ///
    /// # Errors
    /// The pipe cannot be made (out of descriptors).
    pub fn new(limit: usize) -> Result<Self> {
        let limit = limit.max(1);
        let client = jobserver::Client::new(limit).context("cannot make the jobserver's pipe")?;
        Ok(Self { client, limit })
    }

    /// How many processes may run at once.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for the right to run one more process.
    ///
    /// # Errors
    /// The pipe is broken.
    pub fn slot(&self) -> Result<Slot> {
        Ok(Slot { _token: self.client.acquire().context("the jobserver's pipe is broken")? })
    }

    /// Hands the limit to `command` and its children (MAKEFLAGS for make ≥ 4.3, CARGO_MAKEFLAGS for cargo).
    pub fn share_with(&self, command: &mut Command) {
        self.client.configure_make(command);
    }
}
