//! What the tests of this module share: a context in a folder of its own, and a web server.

mod server;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

pub use server::{Answer, Request, Server};

use super::http::Tuning;
use crate::context::{Context, Options, Paths};
use crate::process::Interrupt;
use crate::report::Reporter;

/// A quiet context whose checkout, output and cache lie in `dir`.
pub fn context(dir: &Path) -> Result<Context> {
    let paths = Paths { root: dir.into(), out: dir.join("out"), cache: dir.join("cache"), external: None };
    let options = Options { jobs: 2, offline: false, locked: false, yes: false, json: false };
    Context::new(paths, options, Reporter::quiet(), Interrupt::default())
}

/// Limits that make a failure quick.
pub fn hasty() -> Tuning {
    Tuning {
        connect: Duration::from_secs(2),
        stall: Duration::from_millis(400),
        slowest: 10_000,
        tries: 3,
        backoff: Duration::from_millis(10),
        longest: Duration::from_millis(40),
    }
}

/// `length` bytes without a pattern that a shifted copy would match.
pub fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
