//! The guest's peer in virtual time: smoltcp, and what each kind of work needs on top of it.
//!
//! It is told the time and the frames that have arrived, and says which frames it sends: nothing here
//! waits or reads a clock.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, IpEndpoint};

use super::work::{Role, Work};
use crate::peer::echo::{DatagramEcho, StreamEcho, datagram_socket};
use crate::peer::plan;
use crate::peer::server::{Conversation, Server, ended, stream};
use crate::peer::wire::Wire;

/// The port that all work uses.
pub const PORT: u16 = 5001;
/// Send buffer of a connection, in bytes: as much as a window without scaling has.
const SEND_BUFFER: usize = 64 * 1024;

/// The peer.
pub struct Peer {
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    servers: Vec<Server>,
    echo: Option<DatagramEcho>,
    asked: Option<Asked>,
}

/// What begins when the guest asks for it by a datagram.
struct Asked {
    socket: SocketHandle,
    from: Option<IpEndpoint>,
    left: usize,
    kind: Ask,
}

enum Ask {
    /// Datagrams of this size.
    Datagrams(usize),
    /// Connections, one after the other; the present one, and how many there were.
    Connections(Option<SocketHandle>, u16),
}

impl Peer {
    /// A peer for `work`.
    #[must_use]
    pub fn new(work: &Work) -> Peer {
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(plan::PEER_MAC)));
        config.random_seed = 1;
        let mut iface = Interface::new(config, &mut wire, Instant::ZERO);
        iface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(plan::GATEWAY.into(), plan::PREFIX)).expect("one address fits");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let (mut servers, mut echo, mut asked) = (Vec::new(), None, None);
        let mut ask = |kind, left| {
            let socket = sockets.add(datagram_socket(PORT));
            asked = Some(Asked { socket, from: None, left, kind });
        };
        let (warm_up, count) = (work.warm_up(), work.count);
        match work.role() {
            Role::Source => servers.push(
                Server::new(PORT, move || Source { left: warm_up + count }).with_send_buffer(SEND_BUFFER),
            ),
            Role::Sink => {
                servers.push(Server::new(PORT, move || Sink { left: [warm_up, count], told: warm_up == 0 }))
            }
            Role::Echo => servers.push(Server::new(PORT, || StreamEcho)),
            Role::DatagramEcho => echo = Some(DatagramEcho::new(PORT, &mut sockets)),
            Role::DatagramSource => ask(Ask::Datagrams(work.size), warm_up + count),
            Role::Client => ask(Ask::Connections(None, 0), warm_up + count),
        }
        Peer { wire, iface, sockets, servers, echo, asked }
    }

    /// Takes `frames` at the time `now`, in nanoseconds, and returns what it sends.
    pub fn advance(&mut self, now: u64, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let now = Instant::from_micros((now / 1000) as i64);
        self.wire.received.extend(frames);
        self.iface.poll(now, &mut self.wire, &mut self.sockets);
        for server in &mut self.servers {
            server.poll(&mut self.sockets);
        }
        if let Some(echo) = &mut self.echo {
            echo.poll(&mut self.sockets);
        }
        if let Some(asked) = &mut self.asked {
            asked.advance(&mut self.iface, &mut self.sockets);
        }
        self.iface.poll(now, &mut self.wire, &mut self.sockets);
        self.wire.sent.drain(..).collect()
    }

    /// When it wants to be called again although nothing has arrived, in nanoseconds.
    pub fn deadline(&mut self, now: u64) -> Option<u64> {
        let stack = Instant::from_micros((now / 1000) as i64);
        let at = self.iface.poll_at(stack, &self.sockets)?;
        Some(at.total_micros() as u64 * 1000)
    }
}

impl Asked {
    fn advance(&mut self, iface: &mut Interface, sockets: &mut SocketSet<'_>) {
        let socket = sockets.get_mut::<udp::Socket>(self.socket);
        if let Ok((_, from)) = socket.recv() {
            self.from = Some(from.endpoint);
        }
        let Some(to) = self.from else { return };
        match &mut self.kind {
            Ask::Datagrams(size) => {
                let bytes = vec![0; *size];
                // An error: the queue is full for now.
                while self.left > 0 && socket.can_send() && socket.send_slice(&bytes, to).is_ok() {
                    self.left -= 1;
                }
            }
            Ask::Connections(present, number) => {
                if let Some(handle) = *present {
                    let socket = sockets.get_mut::<tcp::Socket>(handle);
                    match socket.state() {
                        tcp::State::Established => socket.close(),
                        tcp::State::TimeWait | tcp::State::Closed => {
                            sockets.remove(handle);
                            *present = None;
                        }
                        _ => {}
                    }
                }
                if present.is_none() && self.left > 0 {
                    let mut socket = stream();
                    let own = 10_000 + *number;
                    socket.connect(iface.context(), to, own).expect("a new socket connects to an address");
                    *present = Some(sockets.add(socket));
                    *number += 1;
                    self.left -= 1;
                }
            }
        }
    }
}

/// Sends so many bytes, then waits for the other end to close.
struct Source {
    left: usize,
}

impl Conversation for Source {
    fn advance(&mut self, socket: &mut tcp::Socket<'_>) {
        const CHUNK: [u8; 4096] = [0x5a; 4096];
        while self.left > 0 && socket.can_send() {
            match socket.send_slice(&CHUNK[..self.left.min(CHUNK.len())]) {
                Ok(0) | Err(_) => return,
                Ok(sent) => self.left -= sent,
            }
        }
        if ended(socket) {
            socket.close();
        }
    }
}

/// Takes bytes, and says with one byte when it has the first part, and with another when it has the rest.
struct Sink {
    left: [usize; 2],
    told: bool,
}

impl Conversation for Sink {
    fn advance(&mut self, socket: &mut tcp::Socket<'_>) {
        while socket.can_recv() {
            let left = &mut self.left[usize::from(self.told)];
            let taken = socket.recv(|bytes| {
                let taken = bytes.len().min(*left);
                (taken, taken)
            });
            let Ok(taken) = taken else { return };
            *left -= taken;
            if *left == 0 {
                let _ = socket.send_slice(b"."); // there is room: nothing else is ever sent
                if self.told {
                    break;
                }
                self.told = true;
            }
        }
        if ended(socket) {
            socket.close();
        }
    }
}
