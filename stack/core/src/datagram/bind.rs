//! Who a datagram socket is, and whom it talks to: `bind`, `connect`, `disconnect`.

use super::Datagrams;
use super::socket::{NOWHERE, Socket};
use crate::errno::Errno;
use crate::host::{Context, Host, Wake};
use crate::net::Net;
use crate::net::route::{PathKind, RouteQuery};
use crate::slab::Handle;
use core::net::{Ipv4Addr, SocketAddrV4};

impl<H: Host> Datagrams<H> {
    /// Takes an address and a port; port zero for any. `EINVAL` if it has a port,
    /// `EADDRNOTAVAIL` for an address that is not ours, `EADDRINUSE` for one that is taken.
    pub fn bind(&mut self, net: &Net<H>, handle: Handle, local: SocketAddrV4) -> Result<(), Errno> {
        #[cfg(feature = "raw")]
        if self.get(handle)?.raw.is_some() {
            return self.bind_raw(net, handle, local);
        }
        let address = *local.ip();
        let many = address.is_multicast() || net.is_broadcast(address);
        let ours = address.is_unspecified() || net.is_local(address) || (many && !self.is_ping());
        if !ours {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if self.get(handle)?.local.port() != 0 {
            return Err(Errno::EINVAL);
        }
        self.take_port(net, handle, local)?;
        let socket = self.get_mut(handle)?;
        socket.address_bound = !address.is_unspecified();
        socket.port_bound = local.port() != 0;
        Ok(())
    }

    /// Fixes the peer. A broadcast address without `SO_BROADCAST` is `EACCES`.
    pub fn connect(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        peer: SocketAddrV4,
    ) -> Result<(), Errno> {
        let peer = SocketAddrV4::new(or_loopback(*peer.ip()), peer.port());
        self.autobind(net, handle)?;
        let socket = self.get_mut(handle)?;
        let bound = *socket.local.ip();
        let multicast = socket.multicast_iface.filter(|_| peer.ip().is_multicast());
        let path = net.route(RouteQuery {
            destination: *peer.ip(),
            source: (socket.address_bound && net.is_local(bound)).then_some(bound),
            iface: socket.common.iface.or(multicast),
        })?;
        if path.kind == PathKind::Broadcast && !socket.common.broadcast {
            return Err(Errno::EACCES);
        }
        if !socket.address_bound {
            socket.local.set_ip(path.source);
        }
        socket.peer = Some(peer);
        socket.wake(cx, Wake::Writable);
        Ok(())
    }

    /// Forgets the peer, and what `connect` chose.
    pub fn disconnect(&mut self, handle: Handle) -> Result<(), Errno> {
        let socket = self.get_mut(handle)?;
        socket.peer = None;
        if !socket.address_bound {
            socket.local.set_ip(Ipv4Addr::UNSPECIFIED);
        }
        if !socket.port_bound {
            socket.local.set_port(0);
        }
        Ok(())
    }

    /// Gives a socket without a port one; `EAGAIN` when all are taken.
    pub(super) fn autobind(&mut self, net: &Net<H>, handle: Handle) -> Result<(), Errno> {
        let local = self.get(handle)?.local;
        if local.port() != 0 {
            return Ok(());
        }
        #[cfg(feature = "raw")]
        if self.get(handle)?.raw.is_some() {
            return Ok(());
        }
        self.take_port(net, handle, local).map_err(|_| Errno::EAGAIN)
    }

    fn take_port(&mut self, net: &Net<H>, handle: Handle, local: SocketAddrV4) -> Result<(), Errno> {
        let Self { sockets, ports, .. } = self;
        let wanted = sockets.get(handle).ok_or(Errno::EINVAL)?;
        // An ephemeral port is nobody else's, whatever options say.
        let shared = local.port() != 0;
        let mut in_use = |port| {
            sockets.iter().any(|(other, socket)| {
                other != handle
                    && socket.local.port() == port
                    && conflicts(wanted, socket, *local.ip(), shared)
            })
        };
        let port = match local.port() {
            0 => ports.choose(&net.secret, *local.ip(), NOWHERE, &mut in_use).ok_or(Errno::EADDRINUSE)?,
            port if in_use(port) => return Err(Errno::EADDRINUSE),
            port => port,
        };
        self.get_mut(handle)?.local = SocketAddrV4::new(*local.ip(), port);
        Ok(())
    }
}

/// Whether two sockets on the same port would take each other's datagrams, as Linux decides it:
/// not on different interfaces, not at different addresses, not if both allow it.
fn conflicts<H: Host>(wanted: &Socket<H>, other: &Socket<H>, address: Ipv4Addr, shared: bool) -> bool {
    let (a, b) = (&wanted.common, &other.common);
    let allowed = shared && ((a.reuse_address && b.reuse_address) || a.shares_port(b));
    let overlap =
        address.is_unspecified() || other.local.ip().is_unspecified() || *other.local.ip() == address;
    overlap && !a.is_apart(b) && !allowed
}

/// As Linux: the unspecified address as a destination means this host.
pub(super) fn or_loopback(address: Ipv4Addr) -> Ipv4Addr {
    if address.is_unspecified() { Ipv4Addr::LOCALHOST } else { address }
}
