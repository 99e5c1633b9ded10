//! The other end of the wire: an Ethernet peer of our own for the machine under test.
//!
//! QEMU hands every frame of the guest's NIC to this process through a UNIX stream socket
//! ([`carrier`]); an [`impair::Impairer`] per direction loses, doubles and delays some of them;
//! [`pcap`] keeps what the guest sent and saw; and [`host::Peer`] answers, with smoltcp as its
//! TCP/IP stack and small servers on top. Invariant: nothing here needs privileges, a network
//! interface of the host, or the Internet.

pub mod carrier;
pub mod dhcp;
pub mod dns;
pub mod echo;
pub mod flood;
pub mod host;
pub mod http;
pub mod impair;
pub mod load;
pub mod noise;
pub mod pcap;
pub mod ping;
pub mod plan;
pub mod server;
pub mod silent;
pub mod sink;
pub mod wire;

#[cfg(test)]
mod tests;
