//! Kconfig fragments: read, merged by concern, and checked against what Kconfig made of them.
//!
//! The kernel and BusyBox speak the same language. Kconfig drops silently what it cannot have; here
//! every asked-for symbol must come out with the asked value, or the build stops.

mod check;
mod definition;
mod fragment;

pub use check::check;
pub use fragment::{Fragment, Request, Requests};
