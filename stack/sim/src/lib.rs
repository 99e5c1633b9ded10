//! Virtual links, virtual time and peers to test the reduced stack with.
#![forbid(unsafe_code)]

pub mod host;
