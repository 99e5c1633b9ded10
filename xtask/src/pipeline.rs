//! The order of the stages: who gets whose output, and what runs side by side.
//!
//! Nobody else calls a stage. The types of the outputs are the edges of the graph, so the compiler
//! checks the order. Stages that run side by side share one job limit; when one fails, the others are
//! ended, and the first failure is what the user sees.

use std::thread;

use anyhow::{Error, Result, anyhow};

use crate::context::Context;
use crate::process::Interrupted;

/// Runs `a` and `b` side by side and returns both outputs.
///
/// # Errors
/// The error of whichever failed first; the other one is stopped.
pub fn both<A: Send, B: Send>(
    cx: &Context,
    a: impl FnOnce() -> Result<A> + Send,
    b: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B)> {
    let (a, b) = thread::scope(|scope| {
        let b = scope.spawn(|| cancel_others(cx, b()));
        let a = cancel_others(cx, a());
        let b = b.join().unwrap_or_else(|_| Err(anyhow!("a stage panicked: its message is above")));
        (a, b)
    });
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        // The one that was stopped because of the other is not what went wrong.
        (Err(a), Err(b)) => Err(if was_stopped(&a) { b } else { a }),
    }
}

fn cancel_others<T>(cx: &Context, result: Result<T>) -> Result<T> {
    // A stage that was only asked (`why`) stops its own branch, nobody else's.
    if result.is_err() && cx.explain.is_none() {
        cx.interrupt.cancel();
    }
    result
}

fn was_stopped(error: &Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<Interrupted>().is_some())
}

#[cfg(test)]
mod tests;
