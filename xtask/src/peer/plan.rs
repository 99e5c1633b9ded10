//! The network plan of the test: every address, name and port that guest and peer agree on.
//!
//! Addresses come from the blocks reserved for documentation (RFC 5737) and names from the
//! reserved domain `test` (RFC 6761), so that nothing here can meet the real Internet.

use std::net::Ipv4Addr;

/// Hardware address of the peer: locally administered, so that no vendor owns it.
pub const PEER_MAC: [u8; 6] = [0x02, 0x4c, 0x69, 0x6e, 0x6e, 0x01];
/// Hardware address of the host that swallows everything.
pub const SILENT_MAC: [u8; 6] = [0x02, 0x4c, 0x69, 0x6e, 0x6e, 0x66];

/// The peer on the guest's own network: router, DHCP and DNS server, all services.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// What DHCP gives to the guest.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 15);
/// An address that the guest may give itself, and that nobody else has.
pub const ANOTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
/// Netmask of the guest's network.
pub const NETMASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// [`NETMASK`] as a prefix length, in bits.
pub const PREFIX: u8 = 24;
/// The directed broadcast address of the guest's network.
pub const BROADCAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 255);
/// The peer again, on another network: reached only through the default route.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// A host that answers ARP and nothing else: a connection to it times out.
pub const SILENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
/// An address that nobody has: ARP for it goes unanswered.
pub const ABSENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);

/// Domain of the guest's network, given by DHCP.
pub const DOMAIN: &str = "linnet.test";
/// What the DNS server knows; everything else does not exist.
pub const NAMES: &[(&str, Ipv4Addr)] =
    &[("gateway.linnet.test", GATEWAY), ("files.linnet.test", SERVER), ("silent.linnet.test", SILENT)];
/// Name of the file server, [`SERVER`].
pub const FILES: &str = "files.linnet.test";

/// UDP and TCP echo (RFC 862).
pub const ECHO_PORT: u16 = 7;
/// The file server.
pub const HTTP_PORT: u16 = 80;
/// Takes a stream to its end and answers with its length and SHA-256.
pub const SINK_PORT: u16 = 9000;
/// Accepts a connection and resets it at the first byte.
pub const RESET_PORT: u16 = 9001;
/// Nobody listens here: TCP is answered with RST, UDP with port unreachable.
pub const CLOSED_PORT: u16 = 9009;
