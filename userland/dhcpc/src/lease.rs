//! What a server granted, checked: an address, what belongs to it, and for how long (RFC 2131 §4.4.5).

use crate::message::{Reply, is_host, option};
use core::net::Ipv4Addr;

/// Routers that are kept.
pub const ROUTERS: usize = 2;
/// Name servers that are kept: a resolver asks no more (`MAXNS`).
pub const SERVERS: usize = 3;

/// The shortest time that an address is taken for, in seconds: no server makes us flood it.
const SHORTEST: u32 = 8;
/// RFC 2131 §3.3: for ever.
const FOREVER: u32 = u32::MAX;

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Who granted it.
    pub server: Ipv4Addr,
    /// Its network's mask, if it was told and is one.
    pub netmask: Option<Ipv4Addr>,
    /// Its network's broadcast address, if it was told and lies in it.
    pub broadcast: Option<Ipv4Addr>,
    /// Routers, the preferred one first.
    pub routers: [Option<Ipv4Addr>; ROUTERS],
    /// Name servers, the preferred one first.
    pub dns: [Option<Ipv4Addr>; SERVERS],
    /// The domain to look names up in.
    pub domain: Domain,
    /// For how long.
    pub term: Term,
}

/// How long a lease lasts, in seconds from the request for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// T1: when to ask its server for more.
    pub renew: u32,
    /// T2: when to ask all servers.
    pub rebind: u32,
    /// When it is over; `u32::MAX` for never, and then so are the others.
    pub end: u32,
}

impl Lease {
    /// The lease that `reply` grants, if it is one that can be used.
    #[must_use]
    pub fn from_reply(reply: &Reply<'_>) -> Option<Lease> {
        let address = Some(reply.yours).filter(|address| is_host(*address))?;
        let netmask = reply.address(option::SUBNET_MASK).filter(|mask| is_mask(*mask));
        let host_bits = !netmask.map_or(0, Ipv4Addr::to_bits);
        let host = address.to_bits() & host_bits;
        // With more than one host bit, all zeros and all ones are nobody's.
        if netmask.is_some() && host_bits > 1 && (host == 0 || host == host_bits) {
            return None;
        }
        let near = |other: &Ipv4Addr| (other.to_bits() ^ address.to_bits()) & !host_bits == 0;
        Some(Lease {
            address,
            server: reply.server?,
            netmask,
            broadcast: reply.address(option::BROADCAST).filter(near).filter(|_| netmask.is_some()),
            routers: list(reply, option::ROUTER),
            dns: list(reply, option::DNS),
            domain: Domain::parse(reply.option(option::DOMAIN).unwrap_or(&[])),
            term: Term::from_reply(reply)?,
        })
    }
}

impl Term {
    fn from_reply(reply: &Reply<'_>) -> Option<Term> {
        let end = reply.word(option::LEASE_TIME).filter(|seconds| *seconds != 0)?.max(SHORTEST);
        if end == FOREVER {
            return Some(Term { renew: FOREVER, rebind: FOREVER, end });
        }
        // RFC 2131 §4.4.5: a half, and seven eighths, unless the server knows better.
        let rebind = reply.word(option::REBINDING_TIME).filter(|rebind| (2..end).contains(rebind));
        let rebind = rebind.unwrap_or(end - end / 8);
        let renew = reply.word(option::RENEWAL_TIME).filter(|renew| (1..rebind).contains(renew));
        let renew = renew.unwrap_or((end / 2).min(rebind));
        Some(Term { renew, rebind, end })
    }
}

/// A domain name of letters, digits, hyphens, underscores and dots: nothing that a shell or a resolver's file
/// would take for something else. Empty if there was none, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    bytes: [u8; 253],
    len: u8,
}

impl Domain {
    /// No name.
    pub const NONE: Domain = Domain { bytes: [0; 253], len: 0 };

    fn parse(text: &[u8]) -> Domain {
        // Some servers count a zero that ends it.
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
        let begins = text.first().is_some_and(u8::is_ascii_alphanumeric);
        if !begins || !text.iter().all(good) || text.len() > 253 {
            return Domain::NONE;
        }
        let mut domain = Domain { len: text.len() as u8, ..Domain::NONE };
        for (place, byte) in domain.bytes.iter_mut().zip(text) {
            *place = *byte;
        }
        domain
    }

    /// The name.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&[])
    }
}

/// Ones, at least one of them, then zeros.
fn is_mask(mask: Ipv4Addr) -> bool {
    let bits = mask.to_bits();
    bits.leading_ones() + bits.trailing_zeros() == 32 && bits != 0
}

fn list<const N: usize>(reply: &Reply<'_>, code: u8) -> [Option<Ipv4Addr>; N] {
    let mut kept = [None; N];
    for (place, address) in kept.iter_mut().zip(reply.addresses(code).filter(|address| is_host(*address))) {
        *place = Some(address);
    }
    kept
}
