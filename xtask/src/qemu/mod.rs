//! The machine under test: QEMU's command line, its console, the smoke test, the user's shell.

pub mod console;
