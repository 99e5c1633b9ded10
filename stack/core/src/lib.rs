//! The reduced TCP/IP stack: protocols as a function of events and time.
//!
//! `core` never imports a host, never reads a clock, never draws a random number, never logs,
//! never panics. docs/decisions/0002-core-api.md has its shape.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod datagram;
pub mod drop;
pub mod errno;
pub mod host;
mod list;
mod lot;
pub mod memory;
pub mod net;
pub mod ports;
pub mod secret;
mod settings;
pub mod slab;
pub mod socket;
pub mod stack;
pub mod tcp;
pub mod time;
