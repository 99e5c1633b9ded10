//! What transports stand on: interfaces, routes, neighbours, IPv4 in and out, ICMP, IGMP.
//!
//! Transports see [`Net`] and the types of [`packet`] and [`route`]; nothing here knows them.

pub mod packet;
pub mod route;

use crate::drop::Drops;
use crate::host::Host;
use crate::memory::Memory;
use crate::secret::Secret;

/// The layers below the transports, and the accounts that all layers share.
pub struct Net<H: Host> {
    /// The cap on queued buffers.
    pub memory: Memory,
    /// The source of numbers that an outsider cannot foresee.
    pub secret: Secret,
    /// Why packets were dropped.
    pub drops: Drops,
    host: core::marker::PhantomData<fn(H)>,
}
