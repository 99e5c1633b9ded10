//! A host with a stack, an address and a clock that the test turns.

use crate::host::TestHost;
use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::{Buf, Context, Host, IfIndex, Owner};
use linnet_core::net::iface::{Link, LinkKind};
use linnet_core::net::neighbour::Neighbour;
use linnet_core::secret::Secret;
use linnet_core::socket::{
    Close, Common, Connect, Front, How, Kind, Linger, Opt, OptName, Readiness, Row, SendOptions, SendRoom,
    SocketId, TcpInfo,
};
use linnet_core::stack::{Config, Stack};
use linnet_core::time::Instant;
use linnet_wire::ethernet::Mac;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;

/// The interface of every node.
pub const ETH: IfIndex = IfIndex(NonZeroU32::new(2).expect("not zero"));

/// A TCP host on one Ethernet.
pub struct Node {
    /// The world around the stack.
    pub host: TestHost,
    /// What is under test.
    pub stack: Stack<TestHost>,
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
        let mut node = Self {
            host: TestHost::new(),
            stack: Stack::new(Config { memory_limit: memory }, Self::secret(seed)),
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
        node.stack.set_iface(link).expect("an interface");
        node.stack.set_address(ETH, address).expect("an address");
        node.stack.set_netmask(ETH, Ipv4Addr::new(255, 255, 255, 0)).expect("a netmask");
        let now = node.instant();
        let entry =
            Neighbour { address: neighbour, iface: ETH, mac: Some(mac_of(neighbour)), permanent: true };
        let cx = Context { host: &mut node.host, now };
        node.stack.set_neighbour(&cx, entry).expect("a neighbour");
        node
    }

    /// The secret of the node with this seed.
    pub fn secret(seed: u64) -> Secret {
        let mut key = [0x5a; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Secret::new(key)
    }

    /// The stack's view of the present.
    pub fn instant(&self) -> Instant {
        Instant::from_millis(self.started.wrapping_add(self.now as u32))
    }

    /// Runs `call` with what every call needs.
    pub fn with<R>(&mut self, call: impl FnOnce(&mut Stack<TestHost>, &mut Context<TestHost>) -> R) -> R {
        let now = self.instant();
        call(&mut self.stack, &mut Context { host: &mut self.host, now })
    }

    /// A frame arrives.
    pub fn receive(&mut self, frame: &[u8]) {
        let frame = self.host.frame(frame);
        self.with(|stack, cx| stack.handle_frame(cx, ETH, frame));
    }

    /// Time has passed.
    pub fn handle_timers(&mut self) {
        self.with(|stack, cx| stack.handle_timers(cx));
    }

    /// When the stack wants to be called next, in milliseconds since the beginning.
    pub fn next_deadline(&self) -> Option<u64> {
        let wait = self.stack.next_deadline()?.since(self.instant());
        Some(self.now + u64::from(wait.as_millis()))
    }

    /// A new socket.
    pub fn socket(&mut self, owner: usize) -> SocketId {
        self.stack.socket(Kind::Stream, Owner(owner)).expect("a socket")
    }

    /// A socket that listens on `port`.
    pub fn listener(&mut self, port: u16, backlog: u16) -> SocketId {
        let socket = self.socket(1000 + port as usize);
        self.bind(socket, port).expect("a free port");
        self.with(|stack, cx| stack.listen(cx, socket, backlog)).expect("listening");
        socket
    }

    /// `bind` to a port on any address.
    pub fn bind(&mut self, socket: SocketId, port: u16) -> Result<(), Errno> {
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        self.with(|stack, cx| stack.bind(cx, socket, address))
    }

    /// `connect`.
    pub fn connect(&mut self, socket: SocketId, peer: SocketAddrV4) -> Result<Connect, Errno> {
        self.with(|stack, cx| stack.connect(cx, socket, peer))
    }

    /// `accept`.
    pub fn accept(&mut self, listener: SocketId, owner: usize) -> Result<SocketId, Errno> {
        self.with(|stack, cx| stack.accept(cx, listener, Owner(owner))).map(|(child, _)| child)
    }

    /// Sends as much of `bytes` as is taken now, as a host does: in pieces of a segment.
    pub fn send(&mut self, socket: SocketId, bytes: &[u8]) -> Result<usize, Errno> {
        self.send_with(socket, bytes, SendOptions::default())
    }

    /// The same with options.
    pub fn send_with(
        &mut self,
        socket: SocketId,
        bytes: &[u8],
        options: SendOptions,
    ) -> Result<usize, Errno> {
        let mut sent = 0;
        while sent < bytes.len() {
            let outcome = self.stack.send_room(socket).and_then(|SendRoom { bytes: room, segment }| {
                let len = room.min(segment).min(bytes.len() - sent);
                if len == 0 {
                    return Err(Errno::EAGAIN);
                }
                let mut buf = self.host.allocate(len).ok_or(Errno::ENOBUFS)?;
                assert!(buf.append(&bytes[sent..sent + len]), "room as asked for");
                self.with(|stack, cx| stack.send(cx, socket, buf, options))?;
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
    pub fn recv(&mut self, socket: SocketId, max: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        while bytes.len() < max {
            match self.stack.recv_front(socket, 0) {
                Ok(Front::Data { buf, at, len }) => {
                    let len = len.min(max - bytes.len());
                    bytes.extend_from_slice(&buf.bytes()[at..at + len]);
                    self.with(|stack, cx| stack.recv_done(cx, socket, len));
                }
                Ok(Front::Eof | Front::Shut) => break,
                Err(error) if bytes.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(bytes)
    }

    /// `shutdown`.
    pub fn shutdown(&mut self, socket: SocketId, how: How) -> Result<(), Errno> {
        self.with(|stack, cx| stack.shutdown(cx, socket, how))
    }

    /// `close`.
    pub fn close(&mut self, socket: SocketId, linger: Linger) -> Close {
        self.with(|stack, cx| stack.close(cx, socket, linger))
    }

    /// Sets an option.
    pub fn set(&mut self, socket: SocketId, option: Opt) {
        self.with(|stack, cx| stack.set_option(cx, socket, option)).expect("an option of TCP");
    }

    /// Reads an option.
    pub fn option(&self, socket: SocketId, name: OptName) -> i32 {
        self.stack.option(socket, name).expect("an option of TCP")
    }

    /// Sets the options at `SOL_SOCKET`.
    pub fn set_common(&mut self, socket: SocketId, common: Common) {
        self.with(|stack, cx| stack.set_common(cx, socket, &common));
    }

    /// What poll shows.
    pub fn readiness(&self, socket: SocketId) -> Readiness {
        self.stack.readiness(socket)
    }

    /// `SO_ERROR`.
    pub fn error(&mut self, socket: SocketId) -> Option<Errno> {
        self.stack.take_error(socket)
    }

    /// `TCP_INFO`.
    pub fn info(&self, socket: SocketId) -> TcpInfo {
        self.stack.tcp_info(self.instant(), socket).expect("a socket")
    }

    /// The state that `TCP_INFO` shows, by Linux's number.
    pub fn state(&self, socket: SocketId) -> u8 {
        self.info(socket).state
    }

    /// The lines of `/proc/net/tcp`.
    pub fn rows(&self) -> Vec<Row> {
        self.stack.tcp_rows(self.instant()).collect()
    }

    /// How often something was dropped for `reason`.
    pub fn drops(&self, reason: DropReason) -> u32 {
        self.stack.drops()[reason as usize]
    }

    /// Bytes that queued buffers are charged with.
    pub fn memory(&self) -> usize {
        self.stack.memory().used()
    }
}
