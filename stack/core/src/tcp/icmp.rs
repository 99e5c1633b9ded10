//! ICMP errors about our segments: soft, hard, or a smaller path
//! (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191).

use super::Tcp;
use super::connection::Phase;
use super::demux::Node;
use super::input::end;
use super::output::Io;
use super::resend::resend_at;
use crate::host::{Context, Host, Wake};
use crate::net::Net;
use crate::net::packet::IcmpError;
use crate::socket::OptName;
use core::net::SocketAddrV4;
use linnet_wire::seq::SeqNum;

impl<H: Host> Tcp<H> {
    /// Handles an error about something that TCP sent. Only what quotes a sequence number that
    /// is in flight counts (RFC 5927 §4.1).
    pub fn handle_icmp_error(&mut self, cx: &mut Context<H>, net: &mut Net<H>, error: &IcmpError) {
        let mut io = Io { cx, net };
        let Some(&[s0, s1, d0, d1, q0, q1, q2, q3]) = error.transport.first_chunk() else { return };
        let local = SocketAddrV4::new(error.source, u16::from_be_bytes([s0, s1]));
        let peer = SocketAddrV4::new(error.destination, u16::from_be_bytes([d0, d1]));
        let seq = SeqNum(u32::from_be_bytes([q0, q1, q2, q3]));
        let hash = io.net.secret.table_hash(local, peer);
        match self.find(hash, local, peer) {
            Node::Socket(handle) => {
                let Some((base, connection)) = self.connection_mut(handle) else {
                    return;
                };
                let in_flight = seq.is_within(connection.send.una, connection.send.flight());
                if !in_flight || connection.phase == Phase::Closed {
                    return;
                }
                if let Some(mtu) = error.mtu {
                    io.net.update_path_mtu(io.cx, *peer.ip(), mtu);
                    let known = connection.send.mss;
                    connection.fit_segments(
                        io.net.path_mtu(*peer.ip()),
                        base.settings.of(OptName::MaxSegment) as u16,
                    );
                    if connection.send.mss < known && connection.phase.transmits() {
                        // RFC 1191 §6.4: what was too large is sent again at once, and smaller.
                        let una = connection.send.una;
                        resend_at(&mut io, base, connection, una);
                    }
                } else if matches!(connection.phase, Phase::SynSent | Phase::SynReceived) {
                    // As Linux: an attempt to connect ends with any of them.
                    end(&mut io, base, connection, Some(error.errno));
                } else if base.settings.has(OptName::ReceiveErrors) {
                    base.error = Some(error.errno);
                    base.wake(Wake::State);
                } else {
                    // RFC 1122 §4.2.3.9: only a reason, should the connection time out.
                    base.soft_error = Some(error.errno);
                }
                self.settle(&mut io, handle);
            }
            Node::Half(handle) => {
                let exact = self.halves.get(handle).is_some_and(|half| half.iss == seq);
                if exact && error.mtu.is_none() {
                    self.forget_half(&mut io, handle);
                }
            }
            Node::Wait(_) | Node::Nothing => {}
        }
    }
}
