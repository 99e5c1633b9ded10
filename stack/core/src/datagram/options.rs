//! Options of datagram sockets, multicast membership among them.

use super::Datagrams;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex, Queue};
use crate::net::Net;
use crate::net::packet::DEFAULT_TTL;
use crate::net::route::RouteQuery;
use crate::slab::Handle;
use crate::socket::{Membership, Opt, OptName};
use core::net::Ipv4Addr;

/// Groups that one socket may join, as Linux has it.
const MAX_GROUPS: usize = 20;

impl<H: Host> Datagrams<H> {
    /// Sets an option at `IPPROTO_IP`; `ENOPROTOOPT` for those of TCP.
    pub fn set_option(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        option: Opt,
    ) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        match option {
            Opt::Ttl(Some(0)) => return Err(Errno::EINVAL),
            Opt::Ttl(ttl) => socket.ttl = ttl.unwrap_or(0),
            Opt::Tos(tos) => socket.tos = tos,
            Opt::MtuDiscover(how) => socket.mtu_discovery = how,
            Opt::ReceiveErrors(on) => socket.receive_errors = on,
            Opt::MulticastTtl(ttl) => socket.multicast_ttl = ttl.unwrap_or(1),
            Opt::MulticastLoop(on) => socket.multicast_loop = on,
            Opt::MulticastIface { iface: None, address } if address.is_unspecified() => {
                socket.multicast_iface = None;
            }
            Opt::MulticastIface { iface, address } => {
                let found = named_iface(net, iface, address).ok_or(Errno::EADDRNOTAVAIL)?;
                if socket.common.iface.is_some_and(|bound| bound != found) {
                    return Err(Errno::EINVAL);
                }
                socket.multicast_iface = Some(found);
            }
            Opt::Join(membership) => {
                let key = (iface_of(net, &membership)?, membership.group);
                if socket.groups.contains(&key) {
                    return Err(Errno::EADDRINUSE);
                }
                if socket.groups.len() >= MAX_GROUPS || !crate::list::try_push(&mut socket.groups, key) {
                    return Err(Errno::ENOBUFS);
                }
                if let Err(error) = net.join(cx, key.0, key.1) {
                    socket.groups.pop();
                    return Err(error);
                }
            }
            Opt::Leave(membership) => {
                let named = named_iface(net, membership.iface, membership.address);
                let wanted = |other: &(IfIndex, Ipv4Addr)| {
                    other.1 == membership.group && named.is_none_or(|iface| iface == other.0)
                };
                let key = crate::list::take_first(&mut socket.groups, wanted).ok_or(Errno::EADDRNOTAVAIL)?;
                net.leave(cx, key.0, key.1);
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// The value of an option; `ENOTCONN` for the path MTU without a peer.
    pub fn option(&self, net: &Net<H>, handle: Handle, name: OptName) -> Result<i32, Errno> {
        let socket = self.get(handle)?;
        Ok(match name {
            OptName::Ttl if socket.ttl == 0 => i32::from(DEFAULT_TTL),
            OptName::Ttl => i32::from(socket.ttl),
            OptName::Tos => i32::from(socket.tos),
            OptName::MtuDiscover => socket.mtu_discovery as i32,
            OptName::Mtu => i32::from(net.path_mtu(*socket.peer.ok_or(Errno::ENOTCONN)?.ip())),
            OptName::ReceiveErrors => i32::from(socket.receive_errors),
            OptName::MulticastTtl => i32::from(socket.multicast_ttl),
            OptName::MulticastLoop => i32::from(socket.multicast_loop),
            OptName::MulticastIface => {
                let own = socket.multicast_iface.and_then(|index| net.address(index));
                own.map_or(0, |own| i32::from_ne_bytes(own.address.octets()))
            }
            OptName::ReceiveQueued => socket.queue.front().map_or(0, |buf| buf.bytes().len() as i32),
            OptName::SendQueued => 0,
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }
}

/// The interface that a program named by number or by its address.
fn named_iface<H: Host>(net: &Net<H>, iface: Option<IfIndex>, address: Ipv4Addr) -> Option<IfIndex> {
    match iface {
        Some(index) => Some(index).filter(|&index| net.has_iface(index)),
        None => net.iface_of(address),
    }
}

/// The interface to join on: the one named, or where routing sends the group's packets.
fn iface_of<H: Host>(net: &Net<H>, membership: &Membership) -> Result<IfIndex, Errno> {
    let Membership { group, iface, address } = *membership;
    if !group.is_multicast() {
        return Err(Errno::EINVAL);
    }
    if iface.is_some() || !address.is_unspecified() {
        return named_iface(net, iface, address).ok_or(Errno::ENODEV);
    }
    let path = net.route(RouteQuery { destination: group, source: None, iface: None });
    path.map(|path| path.iface).map_err(|_| Errno::ENODEV)
}
