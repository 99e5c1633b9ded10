//! What is on the wire: views and builders of headers, checksums, sequence numbers.
//!
//! A view is checked once, when it is made; its getters cannot fail.
#![no_std]
#![forbid(unsafe_code)]

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod icmp;
pub mod igmp;
pub mod ipv4;
pub mod seq;
pub mod tcp;
pub mod tcp_options;
pub mod udp;
