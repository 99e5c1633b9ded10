//! A server's hand-written messages, for the tests.
#![allow(missing_docs)]

use linnet_dhcpc::message::Mac;
use std::net::Ipv4Addr;

pub const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 15);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

pub const OFFER: u8 = 2;
pub const ACK: u8 = 5;
pub const NAK: u8 = 6;

/// A reply whose options are exactly these.
pub fn bare(xid: u32, yours: Ipv4Addr, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 1, 6, 0];
    bytes.extend(xid.to_be_bytes());
    bytes.extend([0; 8]); // secs, flags, ciaddr
    bytes.extend(yours.octets());
    bytes.extend([0; 8]); // siaddr, giaddr
    bytes.extend(MAC);
    bytes.extend([0; 10 + 64 + 128]);
    bytes.extend([99, 130, 83, 99]);
    bytes.extend(options);
    bytes
}

/// An option.
pub fn option(code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![code, value.len() as u8];
    bytes.extend(value);
    bytes
}

/// The usual options of a reply of this kind, with a lease of an hour, and no end.
pub fn usual(kind: u8) -> Vec<u8> {
    let mut options = [option(53, &[kind]), option(54, &SERVER.octets())].concat();
    if kind != NAK {
        options.extend(option(51, &3600_u32.to_be_bytes()));
        options.extend(option(1, &[255, 255, 255, 0]));
        options.extend(option(28, &[192, 0, 2, 255]));
        options.extend(option(3, &SERVER.octets()));
        options.extend(option(6, &[192, 0, 2, 1, 192, 0, 2, 2]));
        options.extend(option(15, b"linnet.test"));
    }
    options
}

/// A good reply.
pub fn reply(xid: u32, kind: u8) -> Vec<u8> {
    reply_with(xid, kind, &[])
}

/// A good reply with options more, which win over the usual ones.
pub fn reply_with(xid: u32, kind: u8, more: &[u8]) -> Vec<u8> {
    let yours = if kind == NAK { Ipv4Addr::UNSPECIFIED } else { ADDRESS };
    bare(xid, yours, &[more, &usual(kind), &[255]].concat())
}
