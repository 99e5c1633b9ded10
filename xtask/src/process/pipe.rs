//! A command whose output is read while it runs.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

use super::{Failed, OWNER, last_lines, scratch, show, wait};
use crate::context::Context;
use crate::report::Task;

/// Runs `command` and hands its standard output to `read` as it comes. When `read` returns, the
/// rest of the output is thrown away.
///
/// # Errors
/// As [`super::run`]. If `read` fails as well, the command's failure is what is told.
pub fn pipe<T>(
    cx: &Context,
    task: &Task,
    command: &mut Command,
    read: impl FnOnce(&mut ChildStdout) -> Result<T>,
) -> Result<T> {
    let _slot = cx.jobs.slot()?;
    cx.interrupt.check()?;
    let shown = show(command);
    let keep = || format!("cannot keep the messages of `{shown}`");
    let mut messages = scratch(&cx.paths.out.join("tmp")).with_context(keep)?;
    let stderr = messages.try_clone().with_context(keep)?;
    command.stdout(Stdio::piped()).stderr(stderr).process_group(0);
    if let Some(lock) = task.owner() {
        command.env(OWNER, lock);
    }
    let mut child =
        cx.interrupt.guard(|| command.spawn()).with_context(|| format!("cannot start `{shown}`"))?;
    let result = match child.stdout.take() {
        Some(mut output) => {
            // To its end, so that a command that is not read further does not die of it.
            read(&mut output).and_then(|value| {
                let rest = io::copy(&mut output, &mut io::sink());
                rest.map(|_| value).with_context(|| format!("cannot read from `{shown}`"))
            })
        }
        None => Err(anyhow::anyhow!("`{shown}` has no output")),
    };
    let status = wait(cx, &mut child)?;
    cx.interrupt.check()?;
    // A reader that gave up closes the pipe, which ends the command: then the reader's reason counts.
    if status.success() || (result.is_err() && status.code().is_none()) {
        return result;
    }
    let mut text = Vec::new();
    io::Seek::rewind(&mut messages)
        .and_then(|()| io::Read::read_to_end(&mut messages, &mut text))
        .with_context(keep)?;
    let tail = last_lines(&String::from_utf8_lossy(&text));
    Err(Failed { command: shown, status, tail, log: None }.into())
}
