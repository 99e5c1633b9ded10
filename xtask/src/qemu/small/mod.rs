//! The small suite: a machine with as little RAM as it boots with, and all that may be asked of it there.
//!
//! Four clients at once, fifty connections, 10 MB each way, a flood of SYNs, all memory taken by one process; nothing
//! ends that should not, the console answers, and the memory comes back. Everything is done by the product's own programs:
//! a probe would be a megabyte's twentieth part.

mod clients;
mod flood;
mod hog;
mod memory;
mod transfer;

use super::smoke::{self, Step};

/// What comes between boot and power-off. Before the memory is looked at, everything has been in use once, and the first
/// hog drives out what is only kept in case: what is free then is free again at the end.
const STEPS: &[Step] = &[
    Step { name: "free", run: memory::free },
    Step { name: "clients", run: clients::four },
    Step { name: "first", run: transfer::run },
    Step { name: "hog", run: hog::run },
    Step { name: "rest", run: memory::rest },
    Step { name: "fifty", run: clients::fifty },
    Step { name: "transfer", run: transfer::run },
    Step { name: "flood", run: flood::run },
    Step { name: "hog-2", run: hog::during_a_transfer },
    Step { name: "memory", run: memory::returned },
    Step { name: "log", run: hog::log },
];

/// All steps, in order.
#[must_use]
pub fn steps() -> Vec<Step> {
    let named = |name: &'static str| smoke::STEPS.iter().filter(move |step| step.name == name).copied();
    named("boot").chain(named("dhcp")).chain(STEPS.iter().copied()).chain(named("poweroff")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_and_ends_like_the_smoke_test() {
        let names: Vec<&str> = steps().iter().map(|step| step.name).collect();
        assert_eq!(names[..2], ["boot", "dhcp"]);
        assert_eq!(names.last(), Some(&"poweroff"));
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }
}
