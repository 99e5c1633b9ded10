//! Linnet's image builder: from a board file and a profile to a booted image.
//!
//! A library so that tests reach every part; the program is `main.rs`. Imports go down the list in
//! docs/decisions/0001-build-stages.md, never up.

#![forbid(unsafe_code)]

pub mod atomic;
pub mod bench;
pub mod board;
pub mod cli;
pub mod compiler;
pub mod context;
pub mod cpio;
pub mod explain;
pub mod fingerprint;
pub mod host;
pub mod jobs;
pub mod kconfig;
pub mod lint;
pub mod manifest;
pub mod mirror;
pub mod output;
pub mod patch;
pub mod peer;
pub mod pipeline;
pub mod process;
pub mod profile;
pub mod qemu;
pub mod report;
pub mod size;
pub mod sources;
pub mod stage;
pub mod target;
pub mod verb;
pub mod yaml;
