//! The benchmarks: our stack beside Linux's own, in instructions and in virtual time.
//!
//! The guest never halts: what is left of its time it spends in a loop, so that its clock is its count of
//! instructions, one a nanosecond. `gate` is where it waits for its peer, which lives in the same time;
//! so a run does not depend on how fast or how busy this machine is. docs/decisions/0010-benchmarks.md.

mod compare;
mod gate;
mod host;
mod link;
mod peer;
mod profile;
mod report;
mod run;
mod work;

pub use compare::{Image, Images, goodput, instructions, memory};
pub use gate::Count;
pub use host::throughput;
pub use link::Distance;
pub use profile::{Profile, Symbols};
pub use report::{Better, Figure, Report};
pub use run::{Measurement, Subject, run};
pub use work::{WORKS, Work};
