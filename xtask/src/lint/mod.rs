//! What no binary for the target may contain: checks over ELF bytes, made at build time.
//!
//! [`isa`]: instructions beyond i586 and LOCK prefixes, in every binary. [`panics`], [`frames`] and
//! [`imports`]: reachable panics, large stack frames and symbols that nobody gives, in the stack's object.
//! Each check is a function of bytes, returns what it counted, and fails with every offender named.

mod functions;
mod graph;

pub mod frames;
pub mod imports;
pub mod isa;
pub mod panics;
pub mod policy;

#[cfg(test)]
mod assemble;
