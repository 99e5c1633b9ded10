//! Virtual links, virtual time and peers to test the reduced stack with.
#![forbid(unsafe_code)]

pub mod craft;
pub mod host;
pub mod lab;
pub mod link;
pub mod node;
pub mod packetdrill;
pub mod pair;
pub mod peer;
pub mod rng;
pub mod transfer;
