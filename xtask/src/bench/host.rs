//! `core` beside smoltcp on this machine: `stack/sim/benches/throughput` run, and its lines read.

use anyhow::{Context as _, Result};

use super::report::{Better, Figure};
use crate::context::Context;
use crate::process;

/// What each line is of: its name there, for people, and its unit.
const LINES: [(&str, &str, &str); 2] = [
    ("bulk", "TCP bulk between two of `core`, and between two of smoltcp, in memory", "MB / s of CPU"),
    ("exchange", "TCP request and response between the same", "pairs / s of CPU"),
];

/// Builds and runs it. In these figures, smoltcp stands where native does.
///
/// # Errors
/// It cannot be built, or does not say what it should.
pub fn throughput(cx: &Context) -> Result<Vec<Figure>> {
    let task = cx.reporter.task("throughput");
    let mut cargo = process::command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["bench", "--quiet", "-p", "linnet-sim", "--bench", "throughput"]).current_dir(&cx.paths.root);
    if let Some(target) = cx.paths.out.parent() {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    let said = process::capture(cx, &task, &mut cargo)?;
    task.done("");
    figures(&said)
}

fn figures(said: &str) -> Result<Vec<Figure>> {
    let figure = |(name, what, unit): (&str, &str, &str)| {
        let numbers = said.lines().find_map(|line| {
            let (ours, other) = line.strip_prefix(name)?.trim().split_once(' ')?;
            Some((ours.parse::<f64>().ok()?, other.parse::<f64>().ok()?))
        });
        let (ours, smoltcp) = numbers.with_context(|| format!("no line with `{name}` in {said:?}"))?;
        Ok(Figure {
            name: format!("smoltcp-{name}"),
            what: what.to_owned(),
            unit: unit.to_owned(),
            native: smoltcp,
            ours,
            better: Better::More,
            profiles: None,
        })
    };
    LINES.into_iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_lines_are_read() {
        let figures = figures("bulk 1500 3800\nexchange 1035385 1585532\n").unwrap();
        let read: Vec<_> = figures.iter().map(|figure| (figure.ours, figure.native)).collect();
        assert_eq!(read, [(1500.0, 3800.0), (1_035_385.0, 1_585_532.0)]);
        assert!(super::figures("bulk\n").is_err());
    }
}
