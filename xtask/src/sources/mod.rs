//! Foreign sources: what is pinned, where it comes from, and that it is exactly that.
//!
//! [`ensure()`] is the way in for the pipeline: it answers with archives in the download cache whose
//! SHA-256 is the one in `sources.lock.yaml`. [`unpack()`] turns one into a tree. Nothing here knows
//! what the sources are for.

mod apt;
mod cache;
mod edit;
mod ensure;
#[cfg(test)]
mod fixture;
mod hash;
mod http;
mod lock;
mod unpack;
mod update;
mod verify;

pub use ensure::{LockedSources, Source, ensure, ensure_all, ensure_one};
pub use hash::Hash;
pub use lock::{Lock, Name, Version};
pub use unpack::unpack;
pub use update::{Change, update};
pub use verify::{Check, State, verify};
