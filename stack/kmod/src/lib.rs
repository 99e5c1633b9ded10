//! Kernel host of the reduced stack: the Rust half of `net/linnet`.
#![no_std]
