//! Lines of a log while it grows: what a check is doing now.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Runs `work`; meanwhile hands the lines worth telling that appear in `log` to `tell`.
pub fn while_running<T>(log: &Path, tell: impl Fn(&str) + Sync, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut follower = Follower::default();
            while !ended.load(Ordering::SeqCst) {
                follower.read(log).iter().filter(|line| is_worth_telling(line)).for_each(|line| tell(line));
                thread::sleep(Duration::from_millis(200));
            }
        });
        let result = work();
        ended.store(true, Ordering::SeqCst);
        result
    })
}

/// Where in the log the last whole line ended.
#[derive(Default)]
struct Follower(u64);

impl Follower {
    /// The whole lines since the last time; none while there is no log.
    fn read(&mut self, log: &Path) -> Vec<String> {
        let mut bytes = Vec::new();
        let read = File::open(log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.0))?;
            file.read_to_end(&mut bytes)
        });
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if read.is_err() || whole == 0 {
            return Vec::new();
        }
        self.0 += whole as u64;
        String::from_utf8_lossy(&bytes[..whole]).lines().map(str::to_owned).collect()
    }
}

/// Not each test and each crate: those are in the log.
fn is_worth_telling(line: &str) -> bool {
    let dull = [
        "$ ",
        "test ",
        "running ",
        "   Compiling",
        "    Checking",
        "   Documenting",
        "  Downloaded",
        " Documenting",
    ];
    !line.trim().is_empty() && !dull.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn whole_lines_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut follower = Follower::default();
        assert!(follower.read(&log).is_empty());
        std::fs::write(&log, "one\ntw").unwrap();
        assert_eq!(follower.read(&log), ["one"]);
        std::fs::write(&log, "one\ntwo\nthree\n").unwrap();
        assert_eq!(follower.read(&log), ["two", "three"]);
        assert!(follower.read(&log).is_empty());
    }

    #[test]
    fn lines_arrive_while_the_work_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let told = Mutex::new(Vec::new());
        let result = while_running(
            &log,
            |line| told.lock().unwrap().push(line.to_owned()),
            || {
                std::fs::write(&log, "kernel: configuring\ntest a ... ok\n").unwrap();
                while told.lock().unwrap().is_empty() {
                    thread::sleep(Duration::from_millis(5));
                }
                7
            },
        );
        assert_eq!(result, 7);
        assert_eq!(*told.lock().unwrap(), ["kernel: configuring"]);
    }
}
