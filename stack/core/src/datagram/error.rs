//! ICMP errors that come back for datagrams, reported as Linux does.

use super::Datagrams;
use crate::errno::Errno;
use crate::host::{Context, Host, Wake};
use crate::net::Net;
use crate::net::packet::IcmpError;
use crate::socket::OptName;
use core::net::SocketAddrV4;
use linnet_wire::{icmp, udp};

impl<H: Host> Datagrams<H> {
    /// Takes an error about something that one of the sockets sent: a connected socket learns
    /// of hard errors, one with `IP_RECVERR` of all.
    pub fn handle_icmp_error(&mut self, cx: &mut Context<H>, net: &mut Net<H>, error: &IcmpError<'_>) {
        let ping = self.is_ping();
        let quoted = if ping {
            // Only what a ping socket can have sent.
            let header = icmp::Header::parse(error.transport);
            header.filter(|echo| echo.icmp_type == icmp::ECHO_REQUEST).map(|echo| (echo.id, 0))
        } else {
            udp::ports(error.transport)
        };
        let Some((port, peer_port)) = quoted.filter(|&(port, _)| port != 0) else { return };
        let peer = SocketAddrV4::new(error.destination, peer_port);
        // A connected socket before one that is not.
        let mut sender = None;
        for (handle, socket) in self.sockets.iter() {
            let local = socket.local;
            let ours = local.port() == port && (local.ip().is_unspecified() || *local.ip() == error.source);
            let connected = match socket.peer {
                None if sender.is_some() => continue,
                None => true,
                Some(to) if ping => to.ip() == peer.ip(),
                Some(to) => to == peer,
            };
            if ours && connected {
                sender = Some(handle);
            }
        }
        let Some(socket) = sender.and_then(|handle| self.sockets.get_mut(handle)) else { return };

        let mut hard = error.hard;
        if let Some(mtu) = error.mtu {
            // RFC 1191 §6.1. The port quoted proves little (RFC 5927 §7): anybody may know it, and a
            // socket without a peer sends to anybody. So must something have gone there.
            if !net.may_be_too_large(error.destination) {
                return;
            }
            net.update_path_mtu(cx, error.destination, mtu);
            if !socket.settings.has(OptName::MtuDiscover) {
                return;
            }
            hard = true;
        }
        if socket.settings.has(OptName::ReceiveErrors) || (hard && socket.peer.is_some()) {
            socket.error = Some(if error.mtu.is_some() { Errno::EMSGSIZE } else { error.errno });
            socket.wake(cx, Wake::State);
        }
    }
}
