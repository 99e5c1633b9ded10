//! The machine under test: QEMU's command line, its console, the smoke test, the user's shell.
//!
//! Emulation only (TCG): what can be counted on everywhere, and what proves that every executed
//! instruction is one that the board's processor has.

pub mod console;
pub mod guest;
pub mod machine;
pub mod running;
pub mod shell;
pub mod smoke;
