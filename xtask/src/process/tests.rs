//! Logs, tails, environment, slots, and the end of a whole group.

use std::time::{Duration, Instant};

use super::*;
use crate::context::{Options, Paths};
use crate::report::Reporter;

fn context(jobs: usize) -> (tempfile::TempDir, Context) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().to_path_buf();
    let paths = Paths { out: root.join("out"), cache: root.join("cache"), root, external: None };
    let options = Options { jobs, offline: true, locked: true, yes: false, json: false };
    let cx = Context::new(paths, options, Reporter::quiet(), Interrupt::default()).unwrap();
    (temp, cx)
}

fn shell(script: &str) -> Command {
    let mut command = command("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_failure_carries_the_last_lines_and_the_log() {
    let (_temp, cx) = context(1);
    let log = cx.paths.log("x");
    let task = cx.reporter.task("x");
    run(&cx, &task, &mut shell("echo of an earlier command"), &log).unwrap();
    let script = "for i in $(seq 1 100); do echo line $i; done; echo oops >&2; exit 3";
    let error = run(&cx, &task, &mut shell(script), &log).unwrap_err();
    let failed = error.downcast_ref::<Failed>().unwrap();
    assert_eq!((failed.status.code(), failed.tail.len()), (Some(3), TAIL_LINES));
    assert_eq!(failed.tail.last().map(String::as_str), Some("oops"), "both outputs are in it");
    let text = error.to_string();
    assert!(text.contains("exit status 3") && text.contains("  | line 100"), "{text}");
    assert!(text.ends_with(&format!("whole log: {}", log.display())), "{text}");
    let whole = fs::read_to_string(log).unwrap();
    assert!(whole.starts_with("$ sh -c \"echo of an earlier command\"\nof an earlier command\n"), "{whole}");
}

#[test]
fn a_short_failure_does_not_quote_the_command_before_it() {
    let (_temp, cx) = context(1);
    let (log, task) = (cx.paths.log("x"), cx.reporter.task("x"));
    run(&cx, &task, &mut shell("echo earlier"), &log).unwrap();
    let error = run(&cx, &task, &mut shell("echo now; kill -9 $$"), &log).unwrap_err();
    let failed = error.downcast_ref::<Failed>().unwrap();
    assert_eq!(failed.tail, ["now"]);
    assert!(!failed.exited() && error.to_string().contains("killed by signal 9"), "{error}");
}

#[test]
fn a_missing_program_is_called_by_its_name() {
    let (_temp, cx) = context(1);
    let error =
        run(&cx, &cx.reporter.task("x"), &mut command("no-such-program"), &cx.paths.log("x")).unwrap_err();
    assert!(error.to_string().contains("cannot start `no-such-program`"), "{error}");
}

#[test]
fn captured_output_is_returned_and_a_failure_shows_it() {
    let (_temp, cx) = context(1);
    let task = cx.reporter.task("x");
    assert_eq!(capture(&cx, &task, &mut shell("echo out; echo err >&2")).unwrap(), "out\n");
    let error = capture(&cx, &task, &mut shell("echo err >&2; exit 1")).unwrap_err().to_string();
    assert!(error.contains("| err"), "{error}");
}

#[test]
fn nothing_of_the_users_environment_reaches_a_build() {
    let (_temp, cx) = context(1);
    let task = cx.reporter.task("x").owned_by(Path::new("/the/lock"));
    // Cargo sets this for the test itself; a build must not see it.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    let text = capture(&cx, &task, &mut command("env")).unwrap();
    let names: Vec<&str> =
        text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(!names.contains(&"CARGO_PKG_NAME") && names.contains(&"PATH"), "{text}");
    for expected in ["LC_ALL=C", "TZ=UTC", "LINNET_STAGE_LOCK=/the/lock"] {
        assert!(text.lines().any(|line| line == expected), "{expected} in {text}");
    }
    assert!(text.contains("MAKEFLAGS=") && text.contains("CARGO_MAKEFLAGS="), "{text}");
}

#[test]
fn two_makes_share_one_limit() {
    let (temp, cx) = context(2);
    let makefile = temp.path().join("Makefile");
    // Each job notes how many run at that moment.
    let rule =
        "1 2 3 4 5 6: ; @mkdir $(D)/$(N)$@; ls $(D) | wc -l >> $(D).counts; sleep 0.1; rmdir $(D)/$(N)$@\n";
    fs::write(&makefile, format!("all: 1 2 3 4 5 6\n{rule}")).unwrap();
    let running = temp.path().join("running");
    fs::create_dir(&running).unwrap();
    std::thread::scope(|scope| {
        for name in ["a", "b"] {
            let (cx, makefile, running) = (&cx, &makefile, &running);
            scope.spawn(move || {
                let mut make = command("make");
                make.arg("-f")
                    .arg(makefile)
                    .arg("all")
                    .arg(format!("N={name}"))
                    .arg(format!("D={}", running.display()));
                run(cx, &cx.reporter.task(name), &mut make, &cx.paths.log(name)).unwrap();
            });
        }
    });
    let counts = fs::read_to_string(temp.path().join("running.counts")).unwrap();
    let counts: Vec<u32> = counts.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(counts.len(), 12);
    assert!(counts.iter().all(|&running| running <= 2), "{counts:?}");
}

#[test]
fn a_cancelled_run_ends_its_children_at_once() {
    let (_temp, cx) = context(2);
    let start = Instant::now();
    let result = std::thread::scope(|scope| {
        let child = scope.spawn(|| {
            // It ignores SIGTERM: SIGKILL follows.
            let script = "trap '' TERM; sleep 100 & wait; sleep 100";
            run(&cx, &cx.reporter.task("x"), &mut shell(script), &cx.paths.log("x"))
        });
        std::thread::sleep(Duration::from_millis(200));
        cx.interrupt.cancel();
        child.join().unwrap()
    });
    assert!(start.elapsed() < Duration::from_secs(10));
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref::<Interrupted>(), Some(&Interrupted { by_user: false }));
    let late = run(&cx, &cx.reporter.task("y"), &mut shell("true"), &cx.paths.log("y")).unwrap_err();
    assert!(late.downcast_ref::<Interrupted>().is_some(), "nothing is started afterwards");
}
