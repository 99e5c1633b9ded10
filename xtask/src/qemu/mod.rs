//! The machine under test: QEMU's command line, its console, what it is taken through, the user's shell.
//!
//! Emulation only (TCG): what can be counted on everywhere, and what proves that every executed
//! instruction is one that the board's processor has.

pub mod console;
pub mod guest;
pub mod kernel;
pub mod least;
pub mod machine;
pub mod monitor;
pub mod running;
pub mod shell;
pub mod small;
pub mod smoke;
pub mod sockets;
pub mod suite;
