//! UDP sockets as a program sees them.

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::{IfIndex, Owner, Wake};
use linnet_core::net::iface::{Link, LinkKind};
use linnet_core::net::route::{RouteMatch, RouteQuery};
use linnet_core::secret::Secret;
use linnet_core::socket::{Common, Connect, Front, How, Kind, Linger, Opt, OptName, Readiness, SendOptions};
use linnet_core::stack::Config;
use linnet_sim::craft::{self, PEER_MAC, Seen};
use linnet_sim::host::Payer;
use linnet_sim::lab::{ETH, LO, Lab, OUR, OUR_MAC, PEER};
use linnet_wire::arp::Operation;
use linnet_wire::ethernet::{EtherType, Mac};
use linnet_wire::ipv4::Protocol;
use std::net::{Ipv4Addr, SocketAddrV4};

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn at(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}

fn set(lab: &mut Lab, id: linnet_core::socket::SocketId, common: Common) {
    lab.call(|stack, cx| stack.set_common(cx, id, &common));
}

#[test]
fn every_size_there_and_back() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    for len in 0..=1472 {
        let payload: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        lab.receive_datagram(7, 1000, &payload);
        let (read, meta) = lab.recv(id).expect("datagram");
        assert_eq!((&read, meta.source, meta.source_port, meta.iface), (&payload, PEER, 7, ETH));
        lab.send_to(id, &read, (PEER, 7)).expect("sent");
        let [Seen::Udp(ip, header, echoed)] = &lab.sent()[..] else { panic!("one datagram of {len}") };
        assert_eq!((ip.source, ip.destination, ip.ttl, ip.dont_fragment), (OUR, PEER, 64, true));
        assert_eq!((header.source, header.destination, echoed), (1000, 7, &payload));
    }
    assert_eq!((lab.stack.memory().used(), lab.host.live_buffers()), (0, 0));
}

#[test]
fn lengths_and_checksums_are_checked() {
    let good = craft::datagram((PEER, 7), (OUR, 1000), b"data");
    let with_len = |len: u16| {
        let mut datagram = good.clone();
        datagram[4..6].copy_from_slice(&len.to_be_bytes());
        datagram[6..8].fill(0);
        datagram
    };
    let mut flipped = good.clone();
    flipped[11] ^= 1;
    let mut unsummed = good.clone();
    unsummed[6..8].fill(0);
    let cases = [
        ("length 0", with_len(0), None, DropReason::Truncated),
        ("length 7", with_len(7), None, DropReason::Truncated),
        ("length beyond the packet", with_len(13), None, DropReason::Truncated),
        ("shorter than the packet", with_len(10), Some(&b"da"[..]), DropReason::Truncated),
        ("header cut", good[..7].to_vec(), None, DropReason::Truncated),
        ("wrong checksum", flipped, None, DropReason::BadChecksum),
        ("no checksum", unsummed, Some(&b"data"[..]), DropReason::BadChecksum),
    ];
    for (name, datagram, expected, reason) in cases {
        let mut lab = Lab::with_peer();
        let id = lab.udp(1000);
        lab.receive_payload(Protocol::UDP, &datagram);
        assert_eq!(lab.recv(id).ok().map(|read| read.0).as_deref(), expected, "{name}");
        assert_eq!(lab.drops(reason), u32::from(expected.is_none()), "{name}");
    }
}

#[test]
fn bind_refuses_what_linux_refuses() {
    let mut lab = Lab::with_peer();
    let first = lab.udp(1000);
    let second = lab.socket(Kind::Datagram, 2);
    let cases = [
        ("a port that is taken", at(ANY, 1000), Err(Errno::EADDRINUSE)),
        ("the same at one address", at(OUR, 1000), Err(Errno::EADDRINUSE)),
        ("not our address", at(PEER, 1001), Err(Errno::EADDRNOTAVAIL)),
        ("our address", at(OUR, 1001), Ok(())),
        ("twice", at(OUR, 1002), Err(Errno::EINVAL)),
    ];
    for (name, local, outcome) in cases {
        assert_eq!(lab.call(|stack, cx| stack.bind(cx, second, local)), outcome, "{name}");
    }
    assert_eq!(lab.stack.local(second), at(OUR, 1001));
    // Different addresses do not meet; SO_REUSEADDR needs both.
    let third = lab.socket(Kind::Datagram, 3);
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, third, at(Ipv4Addr::LOCALHOST, 1001))), Ok(()));
    let reuse = Common { reuse_address: true, ..Common::DEFAULT };
    let fourth = lab.socket(Kind::Datagram, 4);
    set(&mut lab, fourth, reuse);
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, fourth, at(ANY, 1000))), Err(Errno::EADDRINUSE));
    set(&mut lab, first, reuse);
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, fourth, at(ANY, 1000))), Ok(()));
    // After it is closed, the port and the id are free and stale.
    lab.call(|stack, cx| stack.close(cx, second, Linger::Background));
    assert_eq!(lab.send_to(second, b"x", (PEER, 7)), Err(Errno::EINVAL));
    let fifth = lab.socket(Kind::Datagram, 5);
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, fifth, at(OUR, 1001))), Ok(()));
    assert_ne!(fifth, second);
}

#[test]
fn the_best_socket_gets_a_datagram() {
    let mut lab = Lab::with_peer();
    let reuse = Common { reuse_address: true, ..Common::DEFAULT };
    let mut ids = vec![];
    for (owner, address) in [(1, ANY), (2, OUR), (3, ANY)] {
        let id = lab.socket(Kind::Datagram, owner);
        set(&mut lab, id, reuse);
        lab.call(|stack, cx| stack.bind(cx, id, at(address, 1000))).expect("bind");
        ids.push(id);
    }
    lab.call(|stack, cx| stack.connect(cx, ids[2], at(PEER, 7))).expect("connect");
    lab.receive_datagram(7, 1000, b"for the connected");
    lab.receive_datagram(8, 1000, b"for the bound");
    assert_eq!(lab.recv(ids[2]).expect("first").0, b"for the connected");
    assert_eq!(lab.recv(ids[1]).expect("second").0, b"for the bound");
    assert_eq!(lab.recv(ids[0]), Err(Errno::EAGAIN));
}

#[test]
fn reuse_port_spreads_and_keeps_a_flow_together() {
    let mut lab = Lab::with_peer();
    let mut ids = vec![];
    for owner in 0..4 {
        let id = lab.socket(Kind::Datagram, owner);
        set(&mut lab, id, Common { reuse_port: true, ..Common::DEFAULT });
        lab.call(|stack, cx| stack.bind(cx, id, at(ANY, 1000))).expect("bind");
        ids.push(id);
    }
    for port in 1..=200 {
        lab.receive_datagram(port, 1000, b"one");
        lab.receive_datagram(port, 1000, b"two");
        let got: Vec<usize> =
            ids.iter().map(|&id| std::iter::from_fn(|| lab.recv(id).ok()).count()).collect();
        assert_eq!(got.iter().filter(|&&count| count == 2).count(), 1, "port {port}: {got:?}");
    }
    let mut shares = [0; 4];
    for port in 1..=400 {
        lab.receive_datagram(port, 1000, b"one");
        for (share, &id) in shares.iter_mut().zip(&ids) {
            *share += usize::from(lab.recv(id).is_ok());
        }
    }
    assert!(shares.iter().all(|&share| share > 50), "{shares:?}");
}

#[test]
fn connect_fixes_the_peer_and_disconnect_forgets_it() {
    let mut lab = Lab::with_peer();
    let id = lab.socket(Kind::Datagram, 1);
    assert_eq!(lab.stack.peer(id), Err(Errno::ENOTCONN));
    assert_eq!(lab.send(id, b"x", SendOptions::default()), Err(Errno::EDESTADDRREQ));
    assert_eq!(lab.call(|stack, cx| stack.connect(cx, id, at(PEER, 7))), Ok(Connect::Done));
    let local = lab.stack.local(id);
    assert_eq!((*local.ip(), lab.stack.peer(id)), (OUR, Ok(at(PEER, 7))));
    assert!((32768..=60999).contains(&local.port()));
    lab.receive_datagram(8, local.port(), b"a stranger's");
    assert_eq!(lab.drops(DropReason::NoSocket), 1);
    lab.receive_datagram(7, local.port(), b"the peer's");
    assert_eq!(lab.recv(id).expect("datagram").0, b"the peer's");
    lab.call(|stack, cx| stack.disconnect(cx, id)).expect("disconnect");
    assert_eq!((lab.stack.local(id), lab.stack.peer(id)), (at(ANY, 0), Err(Errno::ENOTCONN)));

    let bound = lab.udp(1000);
    lab.call(|stack, cx| stack.connect(cx, bound, at(PEER, 7))).expect("connect");
    lab.call(|stack, cx| stack.disconnect(cx, bound)).expect("disconnect");
    assert_eq!(lab.stack.local(bound), at(ANY, 1000));
}

#[test]
fn send_refuses_what_linux_refuses() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    let to = |address, port| SendOptions { to: Some(at(address, port)), ..SendOptions::default() };
    let cases = [
        ("port 0", to(PEER, 0), Err(Errno::EINVAL)),
        ("urgent", SendOptions { urgent: true, ..to(PEER, 7) }, Err(Errno::EOPNOTSUPP)),
        ("broadcast without leave", to(Ipv4Addr::BROADCAST, 7), Err(Errno::EACCES)),
        ("the network's broadcast", to(Ipv4Addr::new(10, 0, 2, 255), 7), Err(Errno::EACCES)),
        ("a source that is not ours", SendOptions { source: Some(PEER), ..to(PEER, 7) }, Err(Errno::EINVAL)),
        (
            "an interface that is not there",
            SendOptions { iface: Some(IfIndex(9.try_into().unwrap())), ..to(PEER, 7) },
            Err(Errno::ENODEV),
        ),
        (
            "past a gateway with MSG_DONTROUTE",
            SendOptions { dont_route: true, ..to(Ipv4Addr::new(192, 0, 2, 1), 7) },
            Err(Errno::ENETUNREACH),
        ),
        ("a neighbour with MSG_DONTROUTE", SendOptions { dont_route: true, ..to(PEER, 7) }, Ok(())),
    ];
    for (name, options, outcome) in cases {
        assert_eq!(lab.send(id, b"x", options), outcome, "{name}");
    }
    assert_eq!(lab.sent().len(), 1);
    let mut alone = Lab::unconfigured();
    let id = alone.udp(1000);
    assert_eq!(alone.send_to(id, b"x", (PEER, 7)), Err(Errno::ENETUNREACH));
}

#[test]
fn broadcasts_go_to_everyone_and_to_ourselves() {
    let mut lab = Lab::with_peer();
    let sender = lab.udp(1000);
    let [first, second] = [1, 2].map(|owner| {
        let id = lab.socket(Kind::Datagram, owner);
        set(&mut lab, id, Common { reuse_address: true, ..Common::DEFAULT });
        lab.call(|stack, cx| stack.bind(cx, id, at(ANY, 2000))).expect("bind");
        id
    });
    set(&mut lab, sender, Common { broadcast: true, ..Common::DEFAULT });
    lab.send_to(sender, b"all", (Ipv4Addr::new(10, 0, 2, 255), 2000)).expect("sent");
    let frame = lab.host.take_sent().remove(0);
    assert_eq!(&frame[..6], &[0xff; 6]);
    for id in [first, second] {
        let (read, meta) = lab.recv(id).expect("a copy each");
        assert_eq!((&read[..], meta.source, meta.iface), (&b"all"[..], OUR, ETH));
    }
    let datagram = craft::datagram((PEER, 7), (Ipv4Addr::BROADCAST, 2000), b"hi");
    let packet = craft::packet(craft::header(PEER, Ipv4Addr::BROADCAST, Protocol::UDP), &[], &datagram);
    lab.receive(&craft::frame(Mac::BROADCAST, PEER_MAC, EtherType::IPV4, &packet));
    assert_eq!([lab.recv(first).is_ok(), lab.recv(second).is_ok()], [true, true]);
    assert_eq!((lab.stack.memory().used(), lab.host.live_buffers()), (0, 0));
}

#[test]
fn the_receive_buffer_is_bounded_by_footprint() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    set(&mut lab, id, Common { receive_buffer: 2000, ..Common::DEFAULT });
    for _ in 0..100 {
        lab.receive_datagram(7, 1000, &[0; 100]);
    }
    let row = lab.stack.udp_rows().next().expect("row");
    assert!((2000..2500).contains(&row.receive_queue), "{row:?}");
    assert_eq!(lab.drops(DropReason::ReceiveBufferFull), row.drops);
    assert_eq!(lab.stack.memory().used(), row.receive_queue as usize);
    lab.call(|stack, cx| stack.close(cx, id, Linger::Background));
    assert_eq!((lab.stack.memory().used(), lab.host.live_buffers()), (0, 0));
}

#[test]
fn readiness_wakes_and_shutdown() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    let out = Readiness::OUT | Readiness::WRNORM | Readiness::WRBAND;
    let readable = Readiness::IN | Readiness::RDNORM;
    assert_eq!(lab.stack.readiness(id), out);
    lab.receive_datagram(7, 1000, b"x");
    assert_eq!(lab.host.take_wakes(Owner(1000)), [Wake::Readable]);
    assert_eq!(lab.stack.readiness(id), out | readable);
    assert_eq!(lab.stack.option(id, OptName::ReceiveQueued), Ok(1));
    assert_eq!(lab.call(|stack, cx| stack.shutdown(cx, id, How::Read)), Err(Errno::ENOTCONN));
    lab.recv(id).expect("what was there is still read");
    assert!(matches!(lab.stack.recv_front(id, 0), Ok(Front::Shut)));
    assert_eq!(lab.stack.readiness(id), out | readable | Readiness::RDHUP);
    lab.call(|stack, cx| stack.connect(cx, id, at(PEER, 7))).expect("connect");
    assert_eq!(lab.call(|stack, cx| stack.shutdown(cx, id, How::Write)), Ok(()));
    assert_eq!(lab.send(id, b"x", SendOptions::default()), Err(Errno::EPIPE));
    assert!(lab.stack.readiness(id).contains(Readiness::HUP));
}

#[test]
fn a_refused_datagram_is_reported_once_by_the_next_call() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    lab.call(|stack, cx| stack.connect(cx, id, at(PEER, 9))).expect("connect");
    lab.send(id, b"x", SendOptions::default()).expect("sent");
    let frame = lab.host.take_sent().remove(0);
    lab.receive_error(3, 3, 0, &frame);
    assert!(lab.stack.readiness(id).contains(Readiness::ERR));
    assert_eq!(lab.send(id, b"x", SendOptions::default()), Err(Errno::ECONNREFUSED));
    assert_eq!(lab.send(id, b"x", SendOptions::default()), Ok(()));
}

#[test]
fn ourselves_are_reached_through_the_loopback() {
    let mut lab = Lab::with_peer();
    let server = lab.udp(1000);
    let client = lab.socket(Kind::Datagram, 1);
    for (to, from) in [(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST), (OUR, OUR), (ANY, Ipv4Addr::LOCALHOST)] {
        lab.send_to(client, b"hello", (to, 1000)).expect("sent");
        let (read, meta) = lab.recv(server).expect("datagram");
        assert_eq!((&read[..], meta.source, meta.iface), (&b"hello"[..], from, LO), "to {to}");
        lab.send_to(server, b"back", (meta.source, meta.source_port)).expect("sent");
        assert_eq!(lab.recv(client).expect("answer").0, b"back");
    }
    // A closed port is refused at once.
    lab.call(|stack, cx| stack.connect(cx, client, at(Ipv4Addr::LOCALHOST, 9))).expect("connect");
    lab.send(client, b"x", SendOptions::default()).expect("sent");
    assert_eq!(lab.stack.take_error(client), Some(Errno::ECONNREFUSED));
    // In one piece, whatever its size: it lies in the buffer that the program filled.
    lab.send_to(client, &[7; 65_507], (OUR, 1000)).expect("sent");
    assert_eq!(lab.recv(server).expect("datagram").0.len(), 65_507);
    assert_eq!((lab.sent(), lab.host.live_buffers()), (vec![], 0));
}

#[test]
fn options_per_message_and_per_socket() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    for option in [Opt::Ttl(Some(9)), Opt::Tos(0x10)] {
        lab.call(|stack, cx| stack.set_option(cx, id, option)).expect("option");
    }
    assert_eq!(lab.call(|stack, cx| stack.set_option(cx, id, Opt::NoDelay(true))), Err(Errno::ENOPROTOOPT));
    assert_eq!(lab.stack.option(id, OptName::Ttl), Ok(9));
    lab.send_to(id, b"x", (PEER, 7)).expect("sent");
    let to = Some(at(PEER, 7));
    lab.send(id, b"x", SendOptions { to, ttl: Some(3), tos: Some(4), ..SendOptions::default() })
        .expect("sent");
    let seen: Vec<(u8, u8)> = lab
        .sent()
        .iter()
        .map(|seen| if let Seen::Udp(ip, ..) = seen { (ip.ttl, ip.tos) } else { (0, 0) })
        .collect();
    assert_eq!(seen, [(9, 0x10), (3, 4)]);
}

#[test]
fn dhcp_works_without_an_address() {
    let mut lab = Lab::unconfigured();
    let id = lab.socket(Kind::Datagram, 68);
    set(&mut lab, id, Common { iface: Some(ETH), broadcast: true, ..Common::DEFAULT });
    lab.call(|stack, cx| stack.bind(cx, id, at(ANY, 68))).expect("bind");
    lab.send_to(id, b"discover", (Ipv4Addr::BROADCAST, 67)).expect("sent");
    let frame = lab.host.take_sent().remove(0);
    assert_eq!(&frame[..6], &[0xff; 6]);
    let Seen::Udp(ip, header, _) = craft::see(&frame) else { panic!("no datagram") };
    assert_eq!((ip.source, ip.destination, header.source), (ANY, Ipv4Addr::BROADCAST, 68));

    // The offer, to everyone, or to the address that we do not have yet.
    for (to, mac) in [(Ipv4Addr::BROADCAST, Mac::BROADCAST), (OUR, OUR_MAC), (OUR, Mac::BROADCAST)] {
        let datagram = craft::datagram((PEER, 67), (to, 68), b"offer");
        let packet = craft::packet(craft::header(PEER, to, Protocol::UDP), &[], &datagram);
        lab.receive(&craft::frame(mac, PEER_MAC, EtherType::IPV4, &packet));
        assert_eq!(lab.recv(id).expect("offer").0, b"offer", "to {to} {mac:?}");
    }
    // Others hear nothing of that, and nobody is told.
    let other = lab.udp(1000);
    let datagram = craft::datagram((PEER, 67), (OUR, 1000), b"no");
    lab.receive_packet(&craft::packet(craft::header(PEER, OUR, Protocol::UDP), &[], &datagram));
    lab.receive_packet(&craft::packet(craft::header(PEER, OUR, Protocol::TCP), &[], &[0; 20]));
    assert_eq!((lab.recv(other), lab.sent()), (Err(Errno::EAGAIN), vec![]));
}

#[test]
fn without_an_address_a_neighbour_may_answer() {
    let mut lab = Lab::unconfigured();
    let id = lab.socket(Kind::Datagram, 68);
    set(&mut lab, id, Common { iface: Some(ETH), ..Common::DEFAULT });
    lab.call(|stack, cx| stack.bind(cx, id, at(ANY, 68))).expect("bind");
    // Who has the address that a DHCP server has just offered (RFC 5227 §2.1.1)?
    lab.send_to(id, b"", (OUR, 9)).expect("sent");
    let [Seen::Arp(to, probe)] = &lab.sent()[..] else { panic!("no probe") };
    assert_eq!((*to, probe.sender, probe.target), (Mac::BROADCAST, ANY, OUR));
    assert!(lab.stack.neighbours().all(|neighbour| neighbour.mac.is_none()));
    lab.receive_arp(OUR_MAC, PEER_MAC, &craft::arp(Operation::Reply, (PEER_MAC, OUR), (OUR_MAC, ANY)));
    let found: Vec<_> = lab.stack.neighbours().map(|neighbour| (neighbour.address, neighbour.mac)).collect();
    assert_eq!(found, [(OUR, Some(PEER_MAC))]);
    // Questions are not answered, whatever they are for.
    lab.sent();
    for target in [ANY, OUR, PEER] {
        let request = craft::arp(Operation::Request, (PEER_MAC, PEER), (Mac::default(), target));
        lab.receive_arp(Mac::BROADCAST, PEER_MAC, &request);
    }
    assert_eq!((lab.sent(), lab.stack.neighbours().count()), (vec![], 1));
}

#[test]
fn without_memory_nothing_breaks() {
    for granted in 0..6 {
        let mut lab = Lab::new();
        let id = lab.udp(1000);
        let buf = lab.buffer(&[1; 4000]);
        lab.host.allocations_left = Some(granted);
        let to = Some(at(PEER, 7));
        let outcome =
            lab.call(|stack, cx| stack.send(cx, id, buf, SendOptions { to, ..SendOptions::default() }));
        assert!(matches!(outcome, Ok(()) | Err(Errno::ENOBUFS)), "{granted}: {outcome:?}");
        lab.receive_payload(Protocol::ICMP, &craft::message(8, 0, 1, 1, b"echo"));
        lab.pass(linnet_core::time::Duration::from_secs(10));
        lab.sent();
        assert_eq!((lab.stack.memory().used(), lab.host.live_buffers()), (0, 0), "{granted}");
    }
}

#[test]
fn datagrams_nobody_reads_leave_room_in_the_memory() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    lab.stack.configure(Config { memory_limit: 64 * 1024 }, Secret::new([1; 16]));
    let common = Common { receive_buffer: 1 << 20, ..Common::DEFAULT };
    lab.call(|stack, cx| stack.set_common(cx, id, &common));
    for _ in 0..100 {
        lab.receive_datagram(7, 1000, &[0; 1400]);
    }
    assert!(lab.stack.memory().used() < 50 * 1024, "{:?}", lab.stack.memory());
}

#[test]
fn a_port_is_shared_by_the_sockets_of_one_user() {
    let mut lab = Lab::with_peer();
    let cases = [
        ("the first", 1000, true, Ok(())),
        ("the same user's", 1000, true, Ok(())),
        ("another user's", 1001, true, Err(Errno::EADDRINUSE)),
        ("root's", 0, true, Err(Errno::EADDRINUSE)),
        ("one that does not share", 1000, false, Err(Errno::EADDRINUSE)),
    ];
    for (name, user, reuse_port, outcome) in cases {
        let id = lab.socket(Kind::Datagram, 1);
        set(&mut lab, id, Common { reuse_port, user, ..Common::DEFAULT });
        assert_eq!(lab.call(|stack, cx| stack.bind(cx, id, at(ANY, 1000))), outcome, "{name}");
    }
}

#[test]
fn the_pieces_of_a_datagram_are_paid_for_like_the_whole() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    let payer = Payer::default();
    let mut buf = lab.buffer(&[7; 4000]);
    payer.pay_for(&mut buf);
    let to = Some(at(PEER, 7));
    lab.call(|stack, cx| stack.send(cx, id, buf, SendOptions { to, ..SendOptions::default() }))
        .expect("sent");
    assert_eq!((lab.host.sent.len(), payer.buffers()), (3, 3));
    lab.host.take_sent();
    assert_eq!(payer.buffers(), 0);
}

#[test]
fn a_way_that_was_used_is_forgotten_when_it_changes() {
    let far = Ipv4Addr::new(192, 0, 2, 1);
    let default = RouteMatch { destination: ANY, prefix_len: 0, gateway: None, iface: None, metric: 0 };
    let down =
        Link { index: ETH, mac: OUR_MAC, mtu: 1500, kind: LinkKind::Ethernet, up: false, running: false };
    type Change = fn(&mut Lab, RouteMatch, Link);
    let changes: [(&str, Change); 4] = [
        ("the route goes", |lab, default, _| lab.stack.remove_route(default).expect("a route")),
        ("the link goes down", |lab, _, down| lab.stack.set_iface(down).expect("a link")),
        ("the link goes", |lab, _, _| lab.stack.remove_iface(ETH)),
        ("the address goes", |lab, _, _| lab.stack.set_address(ETH, ANY).expect("a link")),
    ];
    for (name, change) in changes {
        let mut lab = Lab::with_peer();
        let id = lab.udp(1000);
        for _ in 0..2 {
            assert_eq!(lab.send_to(id, b"x", (far, 7)), Ok(()), "{name}");
        }
        change(&mut lab, default, down);
        let query = RouteQuery { destination: far, source: Some(OUR), iface: None };
        assert_eq!(lab.stack.route(query), Err(Errno::ENETUNREACH), "{name}");
    }
}
