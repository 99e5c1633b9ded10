//! Builds that are killed, interrupted, raced, or run out of disk: the next one is as if nothing had been.
//!
//! Each test starts this very program again as a child that runs a planted stage. A preloaded
//! library ends the child at every single call that changes the file system, one after the other.

mod disk;
mod planted;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use planted::Plan;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// Not a test by itself: what the children run.
#[test]
fn child() {
    let Some(root) = std::env::var_os("CRASH_ROOT").map(PathBuf::from) else { return };
    let plan = match std::env::var("CRASH_PLAN").as_deref() {
        Ok("slow") => Plan::Slow,
        Ok("hang") => Plan::Hang,
        _ => Plan::Build,
    };
    if let Err(error) = planted::run(&root, plan) {
        eprintln!("{}", xtask::report::describe(&error));
        std::process::exit(if xtask::report::is_interrupt(&error) { 130 } else { 1 });
    }
}

#[test]
fn killed_at_each_call_the_next_build_is_as_if_undisturbed() {
    let reference = Site::new();
    let calls = reference.count_calls();
    let expected = reference.finished();
    assert!(calls > 20 && expected.len() == 1, "{calls} calls, {expected:?}");
    for (fault, least) in [("kill", 20), ("torn", 5)] {
        let mut killed = 0;
        for at in 1..=calls {
            let site = Site::new();
            let status = site.child(Plan::Build, &[("FAULT", fault), ("FAULT_AT", &at.to_string())]).status;
            killed += u32::from(status.signal() == Some(9));
            for (name, files) in site.finished() {
                assert_eq!(Some(&files), expected.get(&name), "{fault} at {at}: half-made, looks whole");
            }
            site.build();
            assert_eq!(site.finished(), expected, "{fault} at {at}: the next build");
            assert_eq!(site.leftovers(), [""; 0], "{fault} at {at}");
        }
        assert!(killed >= least, "{fault}: only {killed} of {calls} calls killed");
    }
}

#[test]
fn with_a_full_disk_nothing_looks_whole_and_the_error_says_so() {
    let reference = Site::new();
    let calls = reference.count_calls();
    let expected = reference.finished();
    let mut failures = 0;
    for at in 1..=calls {
        let site = Site::new();
        let output = site.child(Plan::Build, &[("FAULT", "full"), ("FAULT_AT", &at.to_string())]);
        for (name, files) in site.finished() {
            assert_eq!(Some(&files), expected.get(&name), "full at {at}: half-made, looks whole");
        }
        if !output.status.success() {
            failures += 1;
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(message.contains("the disk is full"), "full at {at}: {message}");
            assert_eq!(site.leftovers(), [""; 0], "full at {at}");
        }
        site.build();
        assert_eq!(site.finished(), expected, "full at {at}: the next build");
    }
    assert!(failures >= 10, "only {failures} of {calls} calls failed");
}

#[test]
fn two_builds_at_once_build_once() {
    let site = Site::new();
    let mut children = [site.spawn(Plan::Slow, &[]), site.spawn(Plan::Slow, &[])];
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fs::read_to_string(site.path("builds")).unwrap(), "built\n");
    assert_eq!(site.finished().len(), 1);
}

#[test]
fn what_a_killed_build_left_running_is_ended_by_the_next() {
    let site = Site::new();
    let mut child = site.spawn(Plan::Hang, &[]);
    let orphan = site.wait_for_pid();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_alive(orphan), "a kill -9 cannot take the children along");
    site.build();
    wait_until("the orphan is gone", || !is_alive(orphan));
    assert_eq!(site.leftovers(), [""; 0]);
}

#[test]
fn an_interrupt_leaves_no_process_and_nothing_half_made() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let site = Site::new();
        let mut child = site.spawn(Plan::Hang, &[]);
        let grandchild = site.wait_for_pid();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{signal:?}");
        wait_until("the grandchild is gone", || !is_alive(grandchild));
        assert_eq!(site.leftovers(), [""; 0], "{signal:?}");
        site.build();
    }
}

#[test]
fn a_source_that_changes_while_it_is_built_is_built_again() {
    let site = Site::new();
    let mut child = site.spawn(Plan::Slow, &[]);
    wait_until("the build runs", || site.path("builds").exists());
    fs::write(site.path("source"), "fn other() {}\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_to_string(site.path("builds")).unwrap(), "built\nbuilt\n");
    let finished = site.finished();
    assert_eq!(finished.len(), 1, "the output of the mixed state is gone");
    assert_eq!(finished.values().next().unwrap()["source"], "fn other() {}\n");
}

/// A checkout of one file, with its own output folder.
struct Site(TempDir);

/// Files by relative path.
type Files = BTreeMap<String, String>;

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::write(site.path("source"), "fn main() {}\n").unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn spawn(&self, plan: Plan, environment: &[(&str, &str)]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env("CRASH_ROOT", self.0.path()).env("CRASH_PLAN", format!("{plan:?}").to_lowercase());
        command.envs(environment.iter().copied());
        if !environment.is_empty() {
            command.env("LD_PRELOAD", &FAULTS.1);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn child(&self, plan: Plan, environment: &[(&str, &str)]) -> Output {
        self.spawn(plan, environment).wait_with_output().unwrap()
    }

    /// An undisturbed build.
    fn build(&self) {
        let output = self.child(Plan::Build, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// How many calls of an undisturbed build change the file system.
    fn count_calls(&self) -> u32 {
        let count = self.path("count");
        assert!(self.child(Plan::Build, &[("FAULT_COUNT", count.to_str().unwrap())]).status.success());
        fs::read_to_string(count).unwrap().trim().parse().unwrap()
    }

    /// Every folder under a final name, with all that is in it.
    fn finished(&self) -> BTreeMap<String, Files> {
        let folders = self.stages().into_iter().filter(|name| !name.contains('.'));
        let read = |name: String| {
            let mut files = Files::new();
            read_tree(&self.path("out/stages").join(&name), "", &mut files);
            (name, files)
        };
        folders.map(read).collect()
    }

    /// Half-made folders and marks.
    fn leftovers(&self) -> Vec<String> {
        let temporary = self.stages().into_iter().filter(|name| name.contains(".tmp-"));
        let scratch = fs::read_dir(self.path("out/tmp")).into_iter().flatten().flatten();
        temporary.chain(scratch.map(|entry| entry.file_name().into_string().unwrap())).collect()
    }

    fn stages(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("out/stages")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    fn wait_for_pid(&self) -> Pid {
        let read = || fs::read_to_string(self.path("pid")).ok()?.trim().parse().ok().and_then(Pid::from_raw);
        wait_until("the command runs", || read().is_some());
        read().unwrap()
    }
}

fn read_tree(dir: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            read_tree(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Whether the process runs; a zombie that nobody has reaped yet does not.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    test_kill_process(pid).is_ok() && !state.starts_with(['Z', 'X']) && !state.is_empty()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The preloaded library, compiled once.
static FAULTS: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/fault.c");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
    assert!(gcc.arg("-ldl").status().unwrap().success());
    (dir, library)
});
