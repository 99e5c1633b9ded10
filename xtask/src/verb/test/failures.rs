//! What failed tests said, out of the output of `cargo test`: names and messages, no backtraces.

/// The report of each failed test, shortened; empty when no test failed.
pub fn told(output: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut left = 0;
    for line in output.lines() {
        if line.starts_with("---- ") {
            left = LINES;
        } else if line.starts_with("stack backtrace:") || line == "failures:" {
            left = 0;
        }
        if left > 0 && !line.trim().is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE") {
            told.push(line.to_owned());
            left -= 1;
        }
    }
    told.truncate(ALL);
    told
}

/// Lines of one test's report.
const LINES: usize = 14;

/// Lines of all reports together.
const ALL: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_backtraces() {
        let output = "test a ... FAILED\n\nfailures:\n\n---- tests::a stdout ----\n\nthread 'a' panicked at x.rs:3:5:\n\
            assertion failed: 1 == 2\nstack backtrace:\n   0: rust_begin_unwind\n\n---- tests::b stdout ----\nno\n\n\
            failures:\n    tests::a\n    tests::b\n\ntest result: FAILED. 0 passed; 2 failed\n";
        let expected = [
            "---- tests::a stdout ----",
            "thread 'a' panicked at x.rs:3:5:",
            "assertion failed: 1 == 2",
            "---- tests::b stdout ----",
            "no",
        ];
        assert_eq!(told(output), expected);
        assert!(told("error: could not compile `xtask`\n").is_empty());
    }

    #[test]
    fn a_long_report_is_cut() {
        let output = format!("---- a stdout ----\n{}", "line\n".repeat(100));
        assert_eq!(told(&output).len(), LINES);
    }
}
