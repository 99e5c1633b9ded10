//! A host with a stack, an address and a clock that the test turns.

use crate::host::TestHost;
use linnet_core::errno::Errno;
use linnet_core::host::{Buf, Context, Host, IfIndex, Owner};
use linnet_core::net::iface::{Link, LinkKind};
use linnet_core::net::neighbour::Neighbour;
use linnet_core::net::packet::{IcmpError, Verdict};
use linnet_core::net::{Delivery, IcmpInput, Net};
use linnet_core::secret::Secret;
use linnet_core::slab::Handle;
use linnet_core::socket::{
    Close, Common, Connect, Front, How, Linger, Opt, OptName, Readiness, Row, SendOptions, SendRoom, TcpInfo,
};
use linnet_core::tcp::Tcp;
use linnet_core::time::Instant;
use linnet_wire::ethernet::Mac;
use linnet_wire::ipv4::Protocol;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;

/// The interface of every node.
pub const ETH: IfIndex = IfIndex(NonZeroU32::new(2).expect("not zero"));

/// A TCP host on one Ethernet.
pub struct Node {
    /// The world around the stack.
    pub host: TestHost,
    /// The layers below.
    pub net: Net<TestHost>,
    /// The protocol under test.
    pub tcp: Tcp<TestHost>,
    /// Milliseconds since the beginning.
    pub now: u64,
    /// Its address.
    pub address: Ipv4Addr,
    started: u32,
}

/// The link address of the node with this address.
pub const fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    Mac([2, 0, a, b, c, d])
}

impl Node {
    /// A node at `address` that knows `neighbour`, with a cap of `memory` bytes on its queues.
    /// Its clock starts at `started` milliseconds: near the wrap, if the test likes.
    pub fn new(address: Ipv4Addr, neighbour: Ipv4Addr, memory: usize, seed: u64, started: u32) -> Self {
        let mut key = [0x5a; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut node = Self {
            host: TestHost::new(),
            net: Net::new(memory, Secret::new(key)),
            tcp: Tcp::new(),
            now: 0,
            address,
            started,
        };
        let link = Link {
            index: ETH,
            mac: mac_of(address),
            mtu: 1500,
            kind: LinkKind::Ethernet,
            up: true,
            running: true,
        };
        node.net.set_iface(link).expect("an interface");
        node.net.set_address(ETH, address).expect("an address");
        node.net.set_netmask(ETH, Ipv4Addr::new(255, 255, 255, 0)).expect("a netmask");
        let now = node.instant();
        let entry =
            Neighbour { address: neighbour, iface: ETH, mac: Some(mac_of(neighbour)), permanent: true };
        let cx = Context { host: &mut node.host, now };
        node.net.set_neighbour(&cx, entry).expect("a neighbour");
        node
    }

    /// The stack's view of the present.
    pub fn instant(&self) -> Instant {
        Instant::from_millis(self.started.wrapping_add(self.now as u32))
    }

    /// Runs `call` with what every call needs.
    pub fn with<R>(
        &mut self,
        call: impl FnOnce(&mut Tcp<TestHost>, &mut Context<TestHost>, &mut Net<TestHost>) -> R,
    ) -> R {
        let now = self.instant();
        call(&mut self.tcp, &mut Context { host: &mut self.host, now }, &mut self.net)
    }

    /// A frame arrives.
    pub fn receive(&mut self, frame: &[u8]) {
        let frame = self.host.frame(frame);
        let now = self.instant();
        let mut cx = Context { host: &mut self.host, now };
        let Some(Delivery { ip, protocol, header_len: _, payload }) =
            self.net.handle_frame(&mut cx, ETH, frame)
        else {
            return;
        };
        let verdict = match protocol {
            Protocol::TCP => self.tcp.handle_segment(&mut cx, &mut self.net, ip, payload),
            Protocol::ICMP => match self.net.handle_icmp(&mut cx, &ip, &payload) {
                Ok(IcmpInput::Error) => {
                    let bytes = payload.bytes().to_vec();
                    let error: Option<IcmpError> = self.net.parse_error(ip.source, &bytes);
                    if let Some(error) = error {
                        self.tcp.handle_icmp_error(&mut cx, &mut self.net, &error);
                    }
                    Verdict::Taken
                }
                Ok(_) => Verdict::Taken,
                Err(reason) => Verdict::Dropped(reason),
            },
            _ => Verdict::Taken,
        };
        if let Verdict::Dropped(reason) = verdict {
            self.net.drops.count(reason);
        }
    }

    /// Time has passed.
    pub fn handle_timers(&mut self) {
        self.with(|tcp, cx, net| {
            net.handle_timers(cx);
            tcp.handle_timers(cx, net);
        });
    }

    /// When the stack wants to be called next, in milliseconds since the beginning.
    pub fn next_deadline(&self) -> Option<u64> {
        let deadlines = [self.tcp.next_deadline(), self.net.next_deadline()];
        let now = self.instant();
        let wait = deadlines.into_iter().flatten().map(|deadline| deadline.since(now).as_millis()).min()?;
        Some(self.now + u64::from(wait))
    }

    /// A new socket.
    pub fn socket(&mut self, owner: usize) -> Handle {
        self.tcp.socket(Owner(owner)).expect("a socket")
    }

    /// A socket that listens on `port`.
    pub fn listener(&mut self, port: u16, backlog: u16) -> Handle {
        let socket = self.socket(1000 + port as usize);
        self.bind(socket, port).expect("a free port");
        self.with(|tcp, cx, net| tcp.listen(cx, net, socket, backlog)).expect("listening");
        socket
    }

    /// `bind` to a port on any address.
    pub fn bind(&mut self, socket: Handle, port: u16) -> Result<(), Errno> {
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        self.with(|tcp, cx, net| tcp.bind(cx, net, socket, address))
    }

    /// `connect`.
    pub fn connect(&mut self, socket: Handle, peer: SocketAddrV4) -> Result<Connect, Errno> {
        self.with(|tcp, cx, net| tcp.connect(cx, net, socket, peer))
    }

    /// `accept`.
    pub fn accept(&mut self, listener: Handle, owner: usize) -> Result<Handle, Errno> {
        self.with(|tcp, cx, net| tcp.accept(cx, net, listener, Owner(owner))).map(|(child, _)| child)
    }

    /// Sends as much of `bytes` as is taken now, as a host does: in pieces of a segment.
    pub fn send(&mut self, socket: Handle, bytes: &[u8]) -> Result<usize, Errno> {
        self.send_with(socket, bytes, SendOptions::default())
    }

    /// The same with options.
    pub fn send_with(&mut self, socket: Handle, bytes: &[u8], options: SendOptions) -> Result<usize, Errno> {
        let mut sent = 0;
        while sent < bytes.len() {
            let outcome = self.tcp.send_room(socket).and_then(|SendRoom { bytes: room, segment }| {
                let len = room.min(segment).min(bytes.len() - sent);
                if len == 0 {
                    return Err(Errno::EAGAIN);
                }
                let mut buf = self.host.allocate(len).ok_or(Errno::ENOBUFS)?;
                assert!(buf.append(&bytes[sent..sent + len]), "room as asked for");
                self.with(|tcp, cx, net| tcp.send(cx, net, socket, buf, options))?;
                Ok(len)
            });
            match outcome {
                Ok(len) => sent += len,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Reads at most `max` bytes; an empty answer is the end.
    pub fn recv(&mut self, socket: Handle, max: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        while bytes.len() < max {
            match self.tcp.recv_front(socket, 0) {
                Ok(Front::Data { buf, at, len }) => {
                    let len = len.min(max - bytes.len());
                    bytes.extend_from_slice(&buf.bytes()[at..at + len]);
                    self.with(|tcp, cx, net| tcp.recv_done(cx, net, socket, len));
                }
                Ok(Front::Eof) => break,
                Err(error) if bytes.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(bytes)
    }

    /// `shutdown`.
    pub fn shutdown(&mut self, socket: Handle, how: How) -> Result<(), Errno> {
        self.with(|tcp, cx, net| tcp.shutdown(cx, net, socket, how))
    }

    /// `close`.
    pub fn close(&mut self, socket: Handle, linger: Linger) -> Close {
        self.with(|tcp, cx, net| tcp.close(cx, net, socket, linger))
    }

    /// Sets an option.
    pub fn set(&mut self, socket: Handle, option: Opt) {
        self.with(|tcp, cx, net| tcp.set_option(cx, net, socket, option)).expect("an option of TCP");
    }

    /// Reads an option.
    pub fn option(&self, socket: Handle, name: OptName) -> i32 {
        self.tcp.option(&self.net, socket, name).expect("an option of TCP")
    }

    /// Sets the options at `SOL_SOCKET`.
    pub fn set_common(&mut self, socket: Handle, common: Common) {
        self.with(|tcp, cx, net| tcp.set_common(cx, net, socket, common));
    }

    /// What poll shows.
    pub fn readiness(&self, socket: Handle) -> Readiness {
        self.tcp.readiness(socket)
    }

    /// `SO_ERROR`.
    pub fn error(&mut self, socket: Handle) -> Option<Errno> {
        self.tcp.take_error(socket)
    }

    /// `TCP_INFO`.
    pub fn info(&self, socket: Handle) -> TcpInfo {
        self.tcp.tcp_info(&self.net, self.instant(), socket).expect("a socket")
    }

    /// The state that `TCP_INFO` shows, by Linux's number.
    pub fn state(&self, socket: Handle) -> u8 {
        self.info(socket).state
    }

    /// The lines of `/proc/net/tcp`.
    pub fn rows(&self) -> Vec<Row> {
        self.tcp.rows(self.instant()).collect()
    }
}
