//! packetdrill: scripts that say what a TCP gets and must answer, run against the stack in virtual
//! time. docs/decisions/0011-packetdrill.md has what is compared, and what is left out.

mod calls;
mod compare;
mod constants;
mod cursor;
mod flow;
mod info;
mod live;
mod machine;
mod packet_syntax;
mod parse;
mod python;
mod report;
mod script;
mod shell;
mod skips;
mod stop;
mod traffic;
mod world;

pub use report::{Options, Outcome, Report, Result, find, run};
pub use skips::Skips;
