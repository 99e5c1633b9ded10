//! A stack under fire: frames that are almost right, calls in any order, timers in between. It
//! does not panic, answers no more than it should, serves a bystander, and leaks nothing.

use linnet_core::host::{Buf, Context, Host, Owner};
use linnet_core::net::neighbour::Neighbour;
use linnet_core::socket::{Common, Front, How, Kind, Linger, Membership, Opt, SendOptions, SocketId};
use linnet_core::time::Duration;
use linnet_sim::craft;
use linnet_sim::link::Impairment;
use linnet_sim::node::{ETH, Node, mac_of};
use linnet_sim::pair::{LEFT, Pair};
use linnet_sim::rng::Rng;
use linnet_wire::arp::Operation;
use linnet_wire::checksum;
use linnet_wire::ethernet::{EtherType, HEADER_LEN as ETHERNET, Mac};
use linnet_wire::igmp;
use linnet_wire::ipv4::{self, Protocol};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::{CHECKSUM_AT, Flags, HEADER_LEN, Header};
use linnet_wire::tcp_options::{MAX_LEN, Options, SackBlock, Timestamps};
use std::net::{Ipv4Addr, SocketAddrV4};

const ATTACKER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 66);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const PORTS: [u16; 4] = [21, 22, 5000, 5001];
const LIMIT: usize = 256 * 1024;

/// Frames that one frame may cause: a send buffer of small segments that an acknowledgment frees.
const MOST_ANSWERS: usize = 80;

/// What the attacker knows, and what the victim's program holds.
struct Fire {
    rng: Rng,
    /// The last segment of the victim on each of its connections.
    seen: Vec<(Header, u32)>,
    sockets: Vec<SocketId>,
    /// The last packet of the victim, to quote.
    quote: Vec<u8>,
}

impl Fire {
    fn port(&mut self) -> u16 {
        PORTS[self.rng.below(4) as usize]
    }

    /// A number that is likely to be at an edge of something.
    fn near(&mut self, number: u32) -> u32 {
        let step = [1, 2, 100, 1460, 30_000, 65_535, 1 << 31][self.rng.below(7) as usize];
        if self.rng.chance(800) {
            return number;
        }
        if self.rng.chance(300) { number.wrapping_sub(step) } else { number.wrapping_add(step) }
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let len = if self.rng.chance(500) { self.rng.below(most.min(32)) } else { self.rng.below(most) };
        (0..len).map(|_| self.rng.next() as u8).collect()
    }

    fn options(&mut self, echo: u32) -> Options {
        let run = SackBlock { start: SeqNum(self.near(echo)), end: SeqNum(self.near(echo)) };
        let value = self.near(1000);
        Options {
            mss: self.rng.chance(500).then(|| self.rng.below(3000) as u16),
            window_scale: self.rng.chance(500).then(|| self.rng.below(20) as u8),
            sack_permitted: self.rng.chance(500),
            timestamps: self.rng.chance(700).then_some(Timestamps { value, echo }),
            sack: [run; 3],
            sack_count: if self.rng.chance(200) { 1 } else { 0 },
        }
    }

    fn segment(&mut self) -> Vec<u8> {
        let known = self.rng.chance(900) && !self.seen.is_empty();
        let (header, flags) = if known {
            let (mine, len) = self.seen[self.rng.below(self.seen.len() as u64) as usize];
            let end = mine.seq.0.wrapping_add(len);
            let flags = match self.rng.below(12) {
                0..=6 => Flags::ACK,
                7 if self.rng.chance(100) => Flags::ACK.with(Flags::FIN),
                8 => Flags::ACK.with(Flags::URG),
                9 => Flags::SYN.with(Flags::ACK),
                10 if self.rng.chance(300) => Flags::from_bits(self.rng.next() as u8),
                _ if self.rng.chance(200) => Flags::RST,
                _ => Flags::ACK.with(Flags::PSH),
            };
            let (seq, ack) = (SeqNum(self.near(mine.ack.0)), SeqNum(self.near(end)));
            (Header { source: mine.destination, destination: mine.source, seq, ack, ..mine }, flags)
        } else {
            let mine = Header {
                source: 1024 + self.rng.below(500) as u16,
                destination: self.port(),
                seq: SeqNum(self.rng.next() as u32),
                ack: SeqNum(0),
                len: 0,
                flags: Flags::SYN,
                window: 0,
                urgent: 0,
            };
            (mine, Flags::SYN)
        };
        let options = if flags.has(Flags::SYN) || self.rng.chance(300) {
            self.options(header.ack.0)
        } else {
            Options::default()
        };
        let mut room = [0; MAX_LEN];
        let len = options.emit(&mut room);
        let window = [0, 1, 500, 20_000, 65_535][self.rng.below(5) as usize];
        let urgent = self.rng.below(40) as u16;
        let header = Header { len: (HEADER_LEN + len) as u8, flags, window, urgent, ..header };
        let mut bytes = vec![0; HEADER_LEN];
        header.emit(&mut bytes);
        bytes.extend_from_slice(&room[..len]);
        if !flags.has(Flags::SYN) {
            bytes.extend(self.bytes(1460));
        }
        if self.rng.chance(30) {
            bytes[12] = self.rng.next() as u8;
        }
        let sum = ipv4::pseudo_sum(ATTACKER, LEFT, Protocol::TCP, bytes.len() as u16);
        let sum = checksum::finish(checksum::add(sum, &bytes));
        bytes[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    fn packet(&mut self) -> Vec<u8> {
        let mut header = craft::header(ATTACKER, LEFT, Protocol::TCP);
        let payload = match self.rng.below(12) {
            0..=7 => self.segment(),
            8 => {
                header.protocol = Protocol::UDP;
                header.destination = [LEFT, LEFT, GROUP, Ipv4Addr::BROADCAST][self.rng.below(4) as usize];
                let (from, to) = (self.port(), self.port());
                let body = self.bytes(1400);
                craft::datagram((ATTACKER, from), (header.destination, to), &body)
            }
            9 => {
                header.protocol = Protocol::ICMP;
                let kind = [0, 3, 5, 8, 8, 8, 8, 8, 8, 8, 11, 12, 13][self.rng.below(13) as usize];
                let body = if kind == 8 { self.bytes(1400) } else { self.quote.clone() };
                let (code, id, mtu) = (self.rng.below(16), self.rng.next(), self.rng.below(1600));
                craft::message(kind, code as u8, id as u16, mtu as u16, &body)
            }
            10 => {
                header.protocol = Protocol::IGMP;
                header.destination = [GROUP, Ipv4Addr::new(224, 0, 0, 1)][self.rng.below(2) as usize];
                let kind = [igmp::QUERY, igmp::REPORT, igmp::LEAVE][self.rng.below(3) as usize];
                let group = header.destination;
                igmp::Message { kind, max_response: self.rng.next() as u8, group }.to_bytes().to_vec()
            }
            _ => {
                header.protocol = [Protocol::UDP, Protocol::ICMP][self.rng.below(2) as usize];
                header.id = self.rng.below(20) as u16;
                header.offset = (self.rng.below(6) * 64) as u16;
                header.more_fragments = self.rng.chance(700);
                vec![0; if self.rng.chance(800) { 64 } else { self.rng.below(1400) as usize }]
            }
        };
        if self.rng.chance(20) {
            header.source = Ipv4Addr::from(self.rng.next() as u32);
        }
        let options = if self.rng.chance(20) { [7, 7, 4, 1, 2, 3, 4, 0] } else { [1; 8] };
        let options = if self.rng.chance(50) { &options[..] } else { &[] };
        craft::packet(header, options, &payload)
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut frame = if self.rng.chance(40) {
            let operation = if self.rng.chance(500) { Operation::Reply } else { Operation::Request };
            let from = Ipv4Addr::new(10, 9, 0, 60 + self.rng.below(40) as u8);
            let packet = craft::arp(operation, (mac_of(from), from), (Mac::default(), LEFT));
            craft::frame(mac_of(LEFT), mac_of(from), EtherType::ARP, &packet)
        } else {
            let packet = self.packet();
            let to_many = packet.get(16).is_some_and(|&first| first >= 224);
            let to = if to_many { Mac::BROADCAST } else { mac_of(LEFT) };
            craft::frame(to, mac_of(ATTACKER), EtherType::IPV4, &packet)
        };
        if self.rng.chance(60) {
            let at = self.rng.below(frame.len() as u64) as usize;
            frame[at] ^= 1 << self.rng.below(8);
        }
        if self.rng.chance(20) {
            frame.truncate(self.rng.below(frame.len() as u64) as usize);
        }
        frame
    }

    /// Remembers what the victim sends.
    fn look_at(&mut self, frame: &[u8]) {
        let packet = &frame[ETHERNET..];
        let Ok(ip) = ipv4::Header::parse(packet) else { return };
        self.quote = packet[..packet.len().min(60)].to_vec();
        let segment = &packet[usize::from(ip.header_len)..];
        if ip.protocol != Protocol::TCP || ip.destination != ATTACKER || ip.is_fragment() {
            return;
        }
        let header = Header::parse(segment).expect("a header");
        let payload = segment.len() - usize::from(header.len);
        let span = payload as u32
            + u32::from(header.flags.has(Flags::SYN))
            + u32::from(header.flags.has(Flags::FIN));
        let ends = (header.source, header.destination);
        self.seen.retain(|(other, _)| (other.source, other.destination) != ends);
        if !header.flags.has(Flags::RST) {
            self.seen.push((header, span));
        }
        if self.seen.len() > 12 {
            self.seen.remove(0);
        }
    }

    /// A call that a program may make, wise or not.
    fn call(&mut self, node: &mut Node) {
        let pick = self.rng.below(self.sockets.len().max(1) as u64) as usize;
        let Some(&socket) = self.sockets.get(pick).filter(|_| self.rng.clone().chance(850)) else {
            let kind = [Kind::Stream, Kind::Stream, Kind::Datagram, Kind::Ping][self.rng.below(4) as usize];
            if self.sockets.len() < 24 {
                self.sockets.push(node.stack.socket(kind, Owner(7)).expect("a socket"));
            }
            return;
        };
        let port = self.port();
        let to = SocketAddrV4::new(if self.rng.chance(900) { ATTACKER } else { LEFT }, port);
        let (number, on) = (self.rng.next() as u32, self.rng.chance(500));
        match self.rng.below(16) {
            0 => drop(node.bind(socket, port)),
            1 => drop(node.connect(socket, to)),
            2 => drop(node.with(|stack, cx| stack.listen(cx, socket, (number % 4) as u16))),
            3..=4 => {
                if let Ok(child) = node.accept(socket, 8) {
                    self.sockets.push(child);
                }
            }
            5..=7 => self.send(node, socket, to),
            8..=10 => receive(node, socket, on, number as usize % 5000),
            11 => {
                let how = [How::Read, How::Write, How::Write, How::Write, How::Both][number as usize % 5];
                let _ = node.shutdown(socket, how);
            }
            12 if number % 4 == 0 => {
                let linger = [Linger::Background, Linger::Abort, Linger::Wait(Duration::from_secs(1))]
                    [number as usize % 3];
                node.close(socket, linger);
                node.with(|stack, cx| stack.set_owner(cx, socket, None));
                self.sockets.swap_remove(pick);
            }
            13 if number % 8 == 0 => drop(node.with(|stack, cx| stack.disconnect(cx, socket))),
            14 => {
                let common = Common {
                    receive_buffer: number % 40_000,
                    send_buffer: 2304 + number % 20_000,
                    keepalive: on,
                    urgent_inline: !on,
                    broadcast: on,
                    reuse_address: on,
                    ..Common::DEFAULT
                };
                node.set_common(socket, common);
            }
            _ => self.set(node, socket, number, on),
        }
        let _ = (node.readiness(socket), node.rows(), node.stack.tcp_info(node.instant(), socket));
    }

    fn send(&mut self, node: &mut Node, socket: SocketId, to: SocketAddrV4) {
        let mut bytes = self.bytes(4000);
        bytes.splice(0..0, [8, 0, 0, 0, 0, 0, 0, 1]);
        let to = self.rng.chance(700).then_some(to);
        let options = SendOptions {
            to,
            more: self.rng.chance(200),
            urgent: self.rng.chance(200),
            ..Default::default()
        };
        let room = node.stack.send_room(socket).map_or(0, |room| room.bytes.min(room.segment));
        bytes.truncate(room);
        if let Some(mut buf) = node.host.allocate(bytes.len()) {
            assert!(buf.append(&bytes));
            let _ = node.with(|stack, cx: &mut Context<_>| stack.send(cx, socket, buf, options));
        }
    }

    fn set(&mut self, node: &mut Node, socket: SocketId, number: u32, on: bool) {
        let group = Membership { group: GROUP, iface: Some(ETH), address: Ipv4Addr::UNSPECIFIED };
        let option = match number % 12 {
            0 => Opt::NoDelay(on),
            1 => Opt::Cork(on),
            2 => Opt::QuickAck(on),
            3 => Opt::MaxSegment((number >> 8) as u16),
            4 => Opt::KeepIdle(number >> 22),
            5 => Opt::LingerTwo((number >> 8) as i32 % 10 - 5),
            6 => Opt::DeferAccept(number >> 28),
            7 => Opt::WindowClamp(number >> 16),
            8 => Opt::UserTimeout(number >> 12),
            9 => Opt::ReceiveErrors(on),
            10 => Opt::Leave(group),
            _ => Opt::Join(group),
        };
        let _ = node.with(|stack, cx| stack.set_option(cx, socket, option));
    }
}

fn receive(node: &mut Node, socket: SocketId, stream: bool, most: usize) {
    let _ = node.stack.recv_urgent(socket, !stream);
    let offset = if stream { 0 } else { most % 300 };
    if let Ok(Front::Data { buf, at, len }) = node.stack.recv_front(socket, offset) {
        assert!(at + len <= buf.bytes().len() && len > 0 || matches!(socket, SocketId::Udp(_)));
        node.with(|stack, cx| stack.recv_done(cx, socket, len.min(most)));
    }
}

/// A bystander's conversation: a request, and its echo.
fn converse(pair: &mut Pair, listener: SocketId, request: &[u8]) -> bool {
    let client = pair.nodes[1].socket(1);
    pair.nodes[1].connect(client, SocketAddrV4::new(LEFT, 80)).expect("a route");
    let end = pair.now + 60_000;
    let (mut server, mut sent, mut echoed, mut heard) = (None, 0, 0, Vec::new());
    let mut waiting: Vec<u8> = Vec::new();
    while pair.now < end && heard.len() < request.len() {
        sent += pair.nodes[1].send(client, &request[sent..]).unwrap_or(0);
        server = server.or_else(|| pair.nodes[0].accept(listener, 9).ok());
        if let Some(server) = server {
            waiting.extend(pair.nodes[0].recv(server, 5000).unwrap_or_default());
            echoed += pair.nodes[0].send(server, &waiting[echoed..]).unwrap_or(0);
        }
        heard.extend(pair.nodes[1].recv(client, 5000).unwrap_or_default());
        let soon = pair.now + 20;
        pair.step(soon);
    }
    pair.nodes[1].close(client, Linger::Background);
    if let Some(server) = server {
        pair.nodes[0].close(server, Linger::Background);
    }
    heard == request
}

fn attack(seed: u64) {
    let mut pair = Pair::new(Impairment { delay: 2, ..Impairment::default() }, LIMIT, seed);
    let mut fire = Fire { rng: Rng::new(!seed), seen: Vec::new(), sockets: Vec::new(), quote: vec![0; 28] };
    let listener = pair.nodes[0].listener(80, 4);
    let known = Neighbour { address: ATTACKER, iface: ETH, mac: Some(mac_of(ATTACKER)), permanent: true };
    pair.nodes[0].with(|stack, cx| stack.set_neighbour(cx, known)).expect("a neighbour");
    for port in [21, 22] {
        let socket = pair.nodes[0].listener(port, 3);
        fire.sockets.push(socket);
    }
    for round in 0..1500 {
        let node = &mut pair.nodes[0];
        if fire.rng.chance(250) {
            fire.call(node);
        }
        // Now and then memory is refused for a while.
        match fire.rng.below(100) {
            0 => node.host.allocations_left = Some(fire.rng.below(8) as usize),
            1..=20 => node.host.allocations_left = None,
            _ => {}
        }
        let before = node.host.sent.len();
        let frame = fire.frame();
        node.receive(&frame);
        let answers = node.host.sent.len() - before;
        assert!(answers <= MOST_ANSWERS, "seed {seed} round {round}: {answers} answers to {frame:02x?}");
        for (_, frame) in &node.host.sent {
            fire.look_at(frame.bytes());
        }
        // Queues may exceed the cap by what each connection cannot do without.
        assert!(node.memory() < LIMIT * 2, "seed {seed} round {round}: {} bytes", node.memory());
        let soon = pair.now + if fire.rng.chance(995) { fire.rng.below(20) } else { fire.rng.below(90_000) };
        while pair.step(soon) {}
    }
    pair.nodes[0].host.allocations_left = None;
    let request = fire.bytes(6000);
    assert!(converse(&mut pair, listener, &request), "seed {seed}: a bystander was not served");
    let node = &mut pair.nodes[0];
    for socket in fire.sockets.drain(..).chain([listener]) {
        node.close(socket, Linger::Background);
    }
    pair.run(2_000_000);
    let node = &mut pair.nodes[0];
    node.host.sent.clear();
    assert_eq!(node.rows(), [], "seed {seed}");
    assert_eq!((node.memory(), node.host.live_buffers()), (0, 0), "seed {seed}");
}

#[test]
fn frames_and_calls_of_all_kinds_are_survived() {
    let seeds = std::env::var("LINNET_FUZZ_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(40);
    for seed in 0..seeds {
        let outcome = std::panic::catch_unwind(|| attack(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
