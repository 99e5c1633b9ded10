//! Side by side: both outputs, or the failure that came first.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::*;
use crate::context::{Options, Paths};
use crate::process::{self, Interrupt};
use crate::report::Reporter;

fn context() -> (tempfile::TempDir, Context) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().to_path_buf();
    let paths = Paths { out: root.join("out"), cache: root.join("cache"), root, external: None };
    let options = Options { jobs: 2, offline: true, locked: true, yes: false, json: false };
    let cx = Context::new(paths, options, Reporter::quiet(), Interrupt::default()).unwrap();
    (temp, cx)
}

fn sleep(cx: &Context) -> Result<()> {
    process::run(cx, &cx.reporter.task("sleep"), process::command("sleep").arg("100"), &cx.paths.log("sleep"))
}

#[test]
fn both_outputs() {
    let (_temp, cx) = context();
    assert_eq!(both(&cx, || Ok(1), || Ok("two")).unwrap(), (1, "two"));
}

#[test]
fn a_failure_stops_the_other_and_is_what_is_reported() {
    let start = Instant::now();
    let (_temp, cx) = context();
    let error = both(&cx, || sleep(&cx), || -> Result<()> { bail!("no") }).unwrap_err();
    assert_eq!(error.to_string(), "no");
    let (_temp, cx) = context();
    let error = both(&cx, || -> Result<()> { bail!("no") }, || sleep(&cx)).unwrap_err();
    assert_eq!(error.to_string(), "no");
    assert!(start.elapsed() < Duration::from_secs(20));
}
