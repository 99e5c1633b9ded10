//! The script's environment, in the words of udhcpc: `interface`, `ip`, `subnet`, `broadcast`, `router`, `dns`,
//! `domain`, `lease`, `serverid`.
//!
//! Values are written here, from addresses and numbers; of a server's own text only a checked domain gets in.

use crate::lease::Lease;
use core::net::Ipv4Addr;

/// Strings that end in a zero, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    bytes: [u8; LEN],
    len: usize,
}

/// The longest values of everything, and more.
const LEN: usize = 640;

const PATH: &[u8] = b"PATH=/sbin:/usr/sbin:/bin:/usr/bin";

impl Environment {
    /// What the script is told about `lease` on `interface`.
    #[must_use]
    pub fn new(interface: &[u8], lease: Option<&Lease>) -> Environment {
        let mut out = Environment { bytes: [0; LEN], len: 0 };
        out.put(PATH);
        out.put(b"\0interface=");
        out.put(interface);
        if let Some(lease) = lease {
            out.addresses(b"\0ip=", [Some(lease.address)]);
            out.addresses(b"\0subnet=", [lease.netmask]);
            out.addresses(b"\0broadcast=", [lease.broadcast]);
            out.addresses(b"\0router=", lease.routers);
            out.addresses(b"\0dns=", lease.dns);
            out.addresses(b"\0serverid=", [Some(lease.server)]);
            out.put(b"\0lease=");
            out.number(lease.term.end);
            if !lease.domain.bytes().is_empty() {
                out.put(b"\0domain=");
                out.put(lease.domain.bytes());
            }
        }
        out.put(b"\0");
        out
    }

    /// The strings, each without its zero; what follows it in memory is a zero.
    pub fn strings(&self) -> impl Iterator<Item = &[u8]> {
        let used = self.bytes.get(..self.len).unwrap_or(&[]);
        used.split(|byte| *byte == 0).filter(|string| !string.is_empty())
    }

    /// `name` and those addresses that there are, with spaces between; nothing if there are none.
    fn addresses<const N: usize>(&mut self, name: &[u8], addresses: [Option<Ipv4Addr>; N]) {
        let mut before = name;
        for address in addresses.into_iter().flatten() {
            self.put(before);
            before = b" ";
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    self.put(b".");
                }
                self.number(octet.into());
            }
        }
    }

    fn number(&mut self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.put(&[b'0' + (number % 10) as u8]);
    }

    /// The last byte stays a zero, whatever comes.
    fn put(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..LEN - 1).unwrap_or(&mut []);
        for (place, byte) in room.iter_mut().zip(bytes) {
            *place = *byte;
            self.len += 1;
        }
    }
}
