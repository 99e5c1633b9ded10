//! The verbs, one file each: `Args` (its part of the command line) and `run`.

pub mod bench;
pub mod boards;
pub mod clean;
pub mod doctor;
pub mod image;
pub mod qemu;
pub mod reproduce;
pub mod size;
pub mod sockets;
pub mod sources;
pub mod test;
pub mod why;
