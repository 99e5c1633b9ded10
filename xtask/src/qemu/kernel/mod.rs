//! The kernel suite: whether our stack is a good guest of the kernel, one file a concern.
//!
//! The smoke test's steps first; then devices that go, change and come back under open connections, and the
//! module that is loaded and unloaded. It is made for a board whose kernel checks itself (`kernel/debug.config`),
//! whose complaints the last steps look for, and runs on any, Linux's own stack included: what a kernel
//! does not have is said and passed over.

mod cable;
mod calls;
mod leaks;
mod link;
mod lockdep;
mod module;
mod steady;

use super::smoke::{self, Step};

/// What comes between the work of the smoke test and its look at the log.
const STEPS: &[Step] = &[
    Step { name: "down-up", run: link::down_and_up },
    Step { name: "address", run: link::another_address },
    Step { name: "silence", run: cable::silence },
    Step { name: "cable", run: cable::pull },
    Step { name: "sockets", run: calls::run },
    Step { name: "leaks", run: leaks::run },
    Step { name: "unload", run: module::refused },
    Step { name: "reload", run: module::reload },
    Step { name: "leaks-2", run: leaks::run },
    Step { name: "lockdep", run: lockdep::run },
];

/// All steps, in order.
#[must_use]
pub fn steps() -> Vec<Step> {
    let work = smoke::STEPS.iter().position(|step| step.name == "log").unwrap_or(smoke::STEPS.len());
    let (work, end) = smoke::STEPS.split_at(work);
    [work, STEPS, end].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_read_when_all_is_done() {
        let names: Vec<&str> = steps().iter().map(|step| step.name).collect();
        assert!(names.ends_with(&["leaks-2", "lockdep", "log", "poweroff"]), "{names:?}");
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }
}
