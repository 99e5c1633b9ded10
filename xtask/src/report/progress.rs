//! One line per running task: live on a terminal, plain lines elsewhere; always on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::duration;

/// Where progress goes.
#[derive(Debug)]
pub struct Reporter {
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    Live(MultiProgress),
    Plain,
    Quiet,
}

/// One piece of work with one line. Dropped without [`done`](Task::done), it counts as stopped.
#[derive(Debug)]
pub struct Task {
    name: String,
    mode: Mode,
    bar: Option<ProgressBar>,
    note: Mutex<String>,
    start: Instant,
    owner: Option<PathBuf>,
    finished: bool,
}

impl Reporter {
    /// Live lines if standard error is a terminal that can show them, plain ones if not.
    #[must_use]
    pub fn detect() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !dumb {
            let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            return Self { mode: Mode::Live(multi) };
        }
        Self { mode: Mode::Plain }
    }

    /// Says nothing: for tests.
    #[must_use]
    pub fn quiet() -> Self {
        Self { mode: Mode::Quiet }
    }

    /// Begins a task called `name` (short: a stage, a file).
    #[must_use]
    pub fn task(&self, name: &str) -> Task {
        let bar = match &self.mode {
            Mode::Live(multi) => {
                let bar = multi.add(ProgressBar::new_spinner().with_style(working()));
                bar.set_prefix(name.to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                Some(bar)
            }
            Mode::Plain | Mode::Quiet => None,
        };
        Task {
            name: name.to_owned(),
            mode: self.mode.clone(),
            bar,
            note: Mutex::new(String::new()),
            start: Instant::now(),
            owner: None,
            finished: false,
        }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        self.mode.print(text);
    }

    /// A line that stays and wants attention.
    pub fn warn(&self, text: &str) {
        self.mode.print(&format!("warning: {text}"));
    }

    /// Runs `f` with the live lines taken away: for a question, or for a program that has the terminal.
    pub fn suspended<T>(&self, f: impl FnOnce() -> T) -> T {
        match &self.mode {
            Mode::Live(multi) => multi.suspend(f),
            Mode::Plain | Mode::Quiet => f(),
        }
    }
}

impl Task {
    /// What it is doing now: "configuring". A plain line too where there is no terminal.
    pub fn note(&self, text: &str) {
        let mut note = self.note.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *note == text {
            return;
        }
        text.clone_into(&mut note);
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.mode.print(&format!("{}: {text}", self.name)),
        }
    }

    /// How far a transfer of `total` bytes has come; 0 for an unknown total.
    pub fn bytes(&self, done: u64, total: u64) {
        let Some(bar) = &self.bar else { return };
        if total > 0 && bar.length() != Some(total) {
            bar.set_length(total);
            bar.set_style(transferring());
        }
        bar.set_position(done);
    }

    /// It is done; `result` is what came out, short ("872,960 bytes"), or empty.
    pub fn done(mut self, result: &str) {
        self.finished = true;
        let time = duration(self.start.elapsed());
        let separator = if result.is_empty() { "" } else { ", " };
        self.close(&format!("{:<12} done in {time}{separator}{result}", self.name));
    }

    /// It had nothing to do: its line goes without a trace.
    pub fn nothing_to_do(mut self) {
        self.finished = true;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The same task on behalf of the stage whose lock file is `lock`.
    #[must_use]
    pub fn owned_by(mut self, lock: &Path) -> Self {
        self.owner = Some(lock.to_path_buf());
        self
    }

    /// The lock file of the stage that this works for.
    #[must_use]
    pub fn owner(&self) -> Option<&Path> {
        self.owner.as_deref()
    }

    /// How long it has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn close(&mut self, line: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.mode.print(line);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.finished {
            let time = duration(self.start.elapsed());
            self.close(&format!("{:<12} stopped after {time}", self.name));
        }
    }
}

impl Mode {
    fn print(&self, text: &str) {
        match self {
            Self::Live(multi) => multi.suspend(|| write_line(text)),
            Self::Plain => write_line(text),
            Self::Quiet => {}
        }
    }
}

/// Standard error may be closed: then there is nobody to tell.
fn write_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn working() -> ProgressStyle {
    style("{prefix:<12} {spinner} {elapsed:>4} {wide_msg}")
}

fn transferring() -> ProgressStyle {
    style(
        "{prefix:<12} {spinner} {elapsed:>4} [{bar:24}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {wide_msg}",
    )
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the two above; a test builds both.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_knows_whom_it_works_for() {
        let task = Reporter::quiet().task("musl").owned_by(Path::new("/x/musl.lock"));
        assert_eq!(task.owner(), Some(Path::new("/x/musl.lock")));
        task.note("compiling");
        task.bytes(1, 2);
        task.done("");
    }
}
