//! Options of datagram sockets, multicast membership among them.

use super::Datagrams;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex, Queue};
use crate::net::Net;
use crate::net::route::RouteQuery;
use crate::slab::Handle;
use crate::socket::{Grouping, Membership, OptName};
use core::net::Ipv4Addr;

/// Groups that one socket may join, as Linux has it.
const MAX_GROUPS: usize = 20;

impl<H: Host> Datagrams<H> {
    /// Sets an option at `IPPROTO_IP`; `ENOPROTOOPT` for those of TCP.
    pub fn set_value(&mut self, handle: Handle, name: OptName, value: i32) -> Result<(), Errno> {
        let socket = self.get_mut(handle)?;
        if name >= OptName::NoDelay {
            return Err(Errno::ENOPROTOOPT);
        }
        socket.settings.set(name, value)
    }

    /// Joins or leaves a group, or chooses the interface for multicasts.
    pub fn group(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        what: Grouping,
        membership: Membership,
    ) -> Result<(), Errno> {
        let socket = self.get_mut(handle)?;
        let Membership { group, iface, address } = membership;
        let named = named_iface(net, iface, address);
        match what {
            Grouping::SendBy if iface.is_none() && address.is_unspecified() => socket.multicast_iface = None,
            Grouping::SendBy => {
                let found = named.ok_or(Errno::EADDRNOTAVAIL)?;
                if socket.common.iface.is_some_and(|bound| bound != found) {
                    return Err(Errno::EINVAL);
                }
                socket.multicast_iface = named;
            }
            Grouping::Join => {
                let key = (iface_of(net, &membership)?, group);
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
            Grouping::Leave => {
                let wanted = |other: &(IfIndex, Ipv4Addr)| {
                    other.1 == group && named.is_none_or(|iface| iface == other.0)
                };
                let key = crate::list::take_first(&mut socket.groups, wanted).ok_or(Errno::EADDRNOTAVAIL)?;
                net.leave(cx, key.0, key.1);
            }
        }
        Ok(())
    }

    /// The value of an option; `ENOTCONN` for the path MTU without a peer.
    pub fn option(&self, net: &Net<H>, handle: Handle, name: OptName) -> Result<i32, Errno> {
        let socket = self.get(handle)?;
        Ok(match name {
            OptName::Mtu => i32::from(net.path_mtu(*socket.peer.ok_or(Errno::ENOTCONN)?.ip())),
            OptName::MulticastIface => {
                let own = socket.multicast_iface.and_then(|index| net.address(index));
                own.map_or(0, |own| i32::from_ne_bytes(own.address.octets()))
            }
            OptName::ReceiveQueued => socket.queue.front().map_or(0, |buf| buf.bytes().len() as i32),
            OptName::SendQueued => 0,
            name if name < OptName::NoDelay => socket.settings.of(name),
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
