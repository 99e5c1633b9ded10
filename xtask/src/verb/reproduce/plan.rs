//! When the second build is killed: at one moment within each stage, drawn from a seed.

use std::time::Duration;

use crate::peer::noise::Noise;

/// A moment to kill a build at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The stage that is to be cut short.
    pub stage: &'static str,
    /// What the stage says it is doing when the time begins to run.
    pub doing: &'static str,
    /// How long after that.
    pub after: Duration,
    /// Whether what it has started is killed as well.
    pub children: Children,
}

/// What becomes of the compilers and the like that a killed build was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Children {
    /// They die with it, as when the power goes.
    Killed,
    /// They go on writing for so long until the next build begins, as after `kill -9` of the builder.
    GoOn(Duration),
}

/// A stage, what it says when the time begins to run, and at most how many milliseconds that is. In an
/// order in which little is lost: what comes late in the build is killed late.
const STAGES: [(&str, &str, u32); 12] = [
    ("builtins", "building", 500),
    ("stack", "compiling", 4000),
    ("musl", "compiling", 3000),
    ("linux", "unpacking", 5000),
    ("headers", "building", 600),
    ("toolchain", "building", 1),
    ("busybox", "building", 4000),
    ("probe", "compiling", 60),
    ("dhcpc", "compiling", 3000),
    ("kernel", "compiling", 20_000),
    ("rootfs", "building", 1),
    ("image", "building", 40),
];

/// At most how many milliseconds orphans go on by themselves.
const GOING_ON: u32 = 1500;

/// One moment within each stage.
pub fn moments(noise: &mut Noise) -> Vec<Moment> {
    let moment = |(stage, doing, most)| {
        let after = milliseconds(noise.below(most));
        let children = match noise.below(2) {
            // The kernel's make is what leaves most behind.
            0 if stage != "kernel" => Children::Killed,
            _ => Children::GoOn(milliseconds(noise.below(GOING_ON))),
        };
        Moment { stage, doing, after, children }
    };
    STAGES.into_iter().map(moment).collect()
}

fn milliseconds(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline;

    #[test]
    fn every_stage_of_the_pipeline_is_killed_once() {
        let mut planned: Vec<&str> = moments(&mut Noise::new(1)).iter().map(|moment| moment.stage).collect();
        let mut stages = pipeline::STAGES.to_vec();
        planned.sort_unstable();
        stages.sort_unstable();
        assert_eq!(planned, stages);
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(moments(&mut Noise::new(1)), moments(&mut Noise::new(1)));
        assert_ne!(moments(&mut Noise::new(1)), moments(&mut Noise::new(2)));
        let both =
            |seed| moments(&mut Noise::new(seed)).iter().filter(|m| m.children == Children::Killed).count();
        assert!((1..40).all(|seed| (1..12).contains(&both(seed))), "each way at each seed");
    }
}
