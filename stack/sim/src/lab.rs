//! One stack, and a wire whose other end is the test's: for everything below TCP.

use crate::craft::{self, PEER_MAC, Seen};
use crate::host::{HeapBuf, TestHost};
use linnet_core::drop::DropReason;
use linnet_core::host::{Buf, Context, DatagramMeta, Host, IfIndex, Meta, Owner};
use linnet_core::net::iface::{Link, LinkKind};
use linnet_core::net::neighbour::Neighbour;
use linnet_core::net::route::{Route, RouteKind};
use linnet_core::secret::Secret;
use linnet_core::socket::{Front, Kind, SendOptions, SocketId};
use linnet_core::stack::{Config, Stack};
use linnet_core::time::{Duration, Instant};
use linnet_wire::ethernet::{EtherType, Mac};
use linnet_wire::ipv4::{self, Protocol};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;

/// The loopback interface.
pub const LO: IfIndex = IfIndex(NonZeroU32::new(1).unwrap());
/// The Ethernet interface.
pub const ETH: IfIndex = IfIndex(NonZeroU32::new(2).unwrap());
/// Its link address.
pub const OUR_MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// Its address, once configured, with a netmask of 24 bits.
pub const OUR: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The gateway, and the usual peer.
pub const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// A stack under test.
pub struct Lab {
    /// The stack.
    pub stack: Stack<TestHost>,
    /// Its world.
    pub host: TestHost,
    /// The time.
    pub now: Instant,
}

impl Lab {
    /// Two interfaces, loopback and Ethernet, up; the latter has no address yet.
    pub fn unconfigured() -> Self {
        let config = Config { memory_limit: 1 << 20 };
        let mut stack = Stack::new(config, Secret::new(*b"a secret of ours"));
        let lo = Link {
            index: LO,
            mac: Mac::default(),
            mtu: 65_535,
            kind: LinkKind::Loopback,
            up: true,
            running: true,
        };
        let ethernet =
            Link { index: ETH, mac: OUR_MAC, mtu: 1500, kind: LinkKind::Ethernet, up: true, running: true };
        stack.set_iface(lo).expect("loopback");
        stack.set_iface(ethernet).expect("ethernet");
        let mut host = TestHost::new();
        host.loopback = Some(LO);
        Self { stack, host, now: Instant::from_millis(1_000_000) }
    }

    /// The Ethernet interface is 10.0.2.15/24, with a default route by 10.0.2.2, which has not
    /// yet been asked for its link address.
    pub fn new() -> Self {
        let mut lab = Self::unconfigured();
        lab.stack.set_address(ETH, OUR).expect("address");
        lab.stack.set_netmask(ETH, Ipv4Addr::new(255, 255, 255, 0)).expect("netmask");
        let default = Route {
            gateway: Some(PEER),
            kind: RouteKind::Unicast,
            ..Route::connected(Ipv4Addr::UNSPECIFIED, 0, ETH)
        };
        lab.stack.add_route(default).expect("default route");
        lab
    }

    /// As [`Lab::new`], with the peer's link address known.
    pub fn with_peer() -> Self {
        let mut lab = Self::new();
        let peer = Neighbour { address: PEER, iface: ETH, mac: Some(PEER_MAC), permanent: true };
        lab.call(|stack, cx| stack.set_neighbour(cx, peer)).expect("neighbour");
        lab
    }

    /// Calls the stack at the present time, then lets the loopback run dry.
    pub fn call<T>(&mut self, call: impl FnOnce(&mut Stack<TestHost>, &mut Context<TestHost>) -> T) -> T {
        let mut cx = Context { host: &mut self.host, now: self.now };
        let outcome = call(&mut self.stack, &mut cx);
        while let Some(frame) = cx.host.looped.pop_front() {
            self.stack.handle_frame(&mut cx, LO, frame);
        }
        outcome
    }

    /// A frame arrives on the Ethernet.
    pub fn receive(&mut self, frame: &[u8]) {
        let frame = self.host.frame(frame);
        self.call(|stack, cx| stack.handle_frame(cx, ETH, frame));
    }

    /// An IPv4 packet arrives from the peer's link address.
    pub fn receive_packet(&mut self, packet: &[u8]) {
        self.receive(&craft::frame(OUR_MAC, PEER_MAC, EtherType::IPV4, packet));
    }

    /// A packet with an ordinary header arrives from the peer.
    pub fn receive_payload(&mut self, protocol: Protocol, payload: &[u8]) {
        self.receive_packet(&craft::packet(craft::header(PEER, OUR, protocol), &[], payload));
    }

    /// A UDP datagram arrives from the peer.
    pub fn receive_datagram(&mut self, from: u16, to: u16, payload: &[u8]) {
        self.receive_payload(Protocol::UDP, &craft::datagram((PEER, from), (OUR, to), payload));
    }

    /// An ARP packet arrives; `to` is whom its frame is for.
    pub fn receive_arp(&mut self, to: Mac, from: Mac, packet: &[u8]) {
        self.receive(&craft::frame(to, from, EtherType::ARP, packet));
    }

    /// An ICMP error arrives from the peer about `frame`, which the stack sent: `extra` is the
    /// second half of the header (an MTU).
    pub fn receive_error(&mut self, icmp_type: u8, code: u8, extra: u16, frame: &[u8]) {
        let quote = &frame[14..frame.len().min(14 + 28)];
        self.receive_payload(Protocol::ICMP, &craft::message(icmp_type, code, 0, extra, quote));
    }

    /// Time passes; timers run when they are due.
    pub fn pass(&mut self, wait: Duration) {
        let end = self.now + wait;
        while let Some(deadline) = self.stack.next_deadline().filter(|deadline| deadline.is_due(end)) {
            if self.now.before(deadline) {
                self.now = deadline;
            }
            self.call(|stack, cx| stack.handle_timers(cx));
        }
        self.now = end;
    }

    /// What was sent on the Ethernet since the last look, taken apart.
    pub fn sent(&mut self) -> Vec<Seen> {
        self.host.take_sent().iter().map(|frame| craft::see(frame)).collect()
    }

    /// A new socket, owned by `owner`.
    pub fn socket(&mut self, kind: Kind, owner: usize) -> SocketId {
        self.stack.socket(kind, Owner(owner)).expect("a socket")
    }

    /// A UDP socket bound to a port of all addresses.
    pub fn udp(&mut self, port: u16) -> SocketId {
        let id = self.socket(Kind::Datagram, usize::from(port));
        let local = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        self.call(|stack, cx| stack.bind(cx, id, local)).expect("bind");
        id
    }

    /// A buffer of the host's with `bytes` in it.
    pub fn buffer(&mut self, bytes: &[u8]) -> HeapBuf {
        let mut buf = self.host.allocate(bytes.len()).expect("memory");
        assert!(buf.append(bytes));
        buf
    }

    /// Sends `bytes` with `options`.
    pub fn send(
        &mut self,
        id: SocketId,
        bytes: &[u8],
        options: SendOptions,
    ) -> Result<(), linnet_core::errno::Errno> {
        let buf = self.buffer(bytes);
        self.call(|stack, cx| stack.send(cx, id, buf, options))
    }

    /// Sends `bytes` to an address.
    pub fn send_to(
        &mut self,
        id: SocketId,
        bytes: &[u8],
        to: (Ipv4Addr, u16),
    ) -> Result<(), linnet_core::errno::Errno> {
        let to = Some(SocketAddrV4::new(to.0, to.1));
        self.send(id, bytes, SendOptions { to, ..SendOptions::default() })
    }

    /// Reads the first datagram.
    pub fn recv(&mut self, id: SocketId) -> Result<(Vec<u8>, DatagramMeta), linnet_core::errno::Errno> {
        let read = match self.stack.recv_front(id, 0)? {
            Front::Data { buf, at, len } => {
                let Meta::Datagram(meta) = buf.meta() else { panic!("no datagram: {:?}", buf.meta()) };
                (buf.bytes()[at..at + len].to_vec(), meta)
            }
            Front::Eof | Front::Shut => panic!("end of file"),
        };
        self.call(|stack, cx| stack.recv_done(cx, id, read.0.len()));
        Ok(read)
    }

    /// How often something was dropped for `reason`.
    pub fn drops(&self, reason: DropReason) -> u32 {
        self.stack.drops()[reason as usize]
    }

    /// The IPv4 header of a sent frame.
    pub fn header_of(frame: &[u8]) -> ipv4::Header {
        ipv4::Header::parse(&frame[14..]).expect("an IPv4 packet")
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}
