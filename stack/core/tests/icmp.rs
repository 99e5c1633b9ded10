//! ICMP: echo, errors we send and errors we are sent (checklist item 5).

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::{Owner, Wake};
use linnet_core::net::route::RouteQuery;
use linnet_core::socket::{MtuDiscovery, Opt, OptName};
use linnet_core::time::Duration;
use linnet_sim::craft::{self, PEER_MAC, Seen};
use linnet_sim::lab::{Lab, OUR, PEER};
use linnet_wire::ethernet::{EtherType, Mac};
use linnet_wire::ipv4::{Header, Protocol};
use std::net::{Ipv4Addr, SocketAddrV4};

const ALL: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 255);

fn to_everyone(lab: &mut Lab, destination: Ipv4Addr, protocol: Protocol, payload: &[u8]) {
    let packet = craft::packet(craft::header(PEER, destination, protocol), &[], payload);
    lab.receive(&craft::frame(Mac::BROADCAST, PEER_MAC, EtherType::IPV4, &packet));
}

#[test]
fn echoes_come_back_as_they_were() {
    for len in [0, 1, 56, 1472] {
        let mut lab = Lab::with_peer();
        let body: Vec<u8> = (0..len).map(|index| index as u8).collect();
        lab.receive_payload(Protocol::ICMP, &craft::message(8, 0, 77, 5, &body));
        let [Seen::Icmp(ip, header, echoed)] = &lab.sent()[..] else { panic!("no reply") };
        assert_eq!((ip.source, ip.destination), (OUR, PEER));
        assert_eq!((header.icmp_type, header.id, header.sequence), (0, 77, 5));
        assert_eq!(*echoed, body);
        assert_eq!(lab.host.live_buffers(), 0);
    }
}

#[test]
fn echoes_to_many_and_broken_ones_are_not_answered() {
    let echo = craft::message(8, 0, 77, 5, b"body");
    let mut lab = Lab::with_peer();
    to_everyone(&mut lab, ALL, Protocol::ICMP, &echo);
    to_everyone(&mut lab, Ipv4Addr::BROADCAST, Protocol::ICMP, &echo);
    to_everyone(&mut lab, Ipv4Addr::new(224, 0, 0, 1), Protocol::ICMP, &echo);
    assert_eq!(lab.drops(DropReason::IcmpIgnored), 3);
    for len in 0..8 {
        lab.receive_payload(Protocol::ICMP, &echo[..len]);
    }
    assert_eq!(lab.drops(DropReason::Truncated), 8, "shorter than its header");
    let mut flipped = echo.clone();
    flipped[9] ^= 1;
    lab.receive_payload(Protocol::ICMP, &flipped);
    assert_eq!(lab.drops(DropReason::BadChecksum), 1);
    assert_eq!(lab.sent(), []);
}

#[test]
fn redirects_quenches_and_the_unknown_are_ignored() {
    let mut lab = Lab::with_peer();
    let quote = craft::packet(craft::header(OUR, PEER, Protocol::UDP), &[], &[0; 8]);
    for icmp_type in [4, 5, 9, 13, 17, 42] {
        lab.receive_payload(Protocol::ICMP, &craft::message(icmp_type, 0, 0, 0, &quote));
    }
    assert_eq!((lab.drops(DropReason::IcmpIgnored), lab.sent()), (6, vec![]));
    assert_eq!(lab.stack.routes().count(), 2);
}

#[test]
fn a_closed_port_is_answered_with_a_quote() {
    let mut lab = Lab::with_peer();
    let datagram = craft::datagram((PEER, 7), (OUR, 9), &[0xaa; 900]);
    lab.receive_payload(Protocol::UDP, &datagram);
    let [Seen::Icmp(ip, header, quote)] = &lab.sent()[..] else { panic!("no error") };
    assert_eq!((header.icmp_type, header.code, ip.destination), (3, 3, PEER));
    assert!(ip.total_len <= 576);
    let quoted = Header::parse_quoted(quote).expect("the packet's header");
    assert_eq!((quoted.source, quoted.destination), (PEER, OUR));
    assert_eq!(&quote[20..100], &datagram[..80]);
}

#[test]
fn errors_are_never_about_errors_broadcasts_or_fragments() {
    let unknown = Protocol(200);
    let mut lab = Lab::with_peer();
    to_everyone(&mut lab, ALL, unknown, &[0; 8]);
    to_everyone(&mut lab, Ipv4Addr::BROADCAST, Protocol::UDP, &craft::datagram((PEER, 7), (ALL, 9), b"x"));
    to_everyone(&mut lab, Ipv4Addr::new(224, 0, 0, 1), unknown, &[0; 8]);
    // A fragment that is not the first waits, and says nothing when it is given up.
    let header = craft::header(PEER, OUR, unknown);
    lab.receive_packet(&craft::packet(Header { offset: 8, ..header }, &[], &[0; 8]));
    lab.pass(Duration::from_secs(40));
    assert_eq!(lab.sent(), []);
    // An error about nobody's datagram.
    let quote = craft::packet(craft::header(OUR, PEER, Protocol::UDP), &[], &[0; 8]);
    lab.receive_payload(Protocol::ICMP, &craft::message(3, 3, 0, 0, &quote));
    assert_eq!(lab.sent(), []);
}

#[test]
fn errors_are_limited_in_rate_and_the_limit_has_jitter() {
    let mut totals = vec![];
    let mut lab = Lab::with_peer();
    for _ in 0..4 {
        lab.pass(Duration::from_secs(10));
        for _ in 0..500 {
            lab.receive_datagram(7, 9, b"x");
        }
        totals.push(lab.sent().len());
    }
    assert!(totals.iter().all(|total| (10..=50).contains(total)), "{totals:?}");
    assert!(totals.iter().any(|total| total != &totals[0]), "{totals:?}");
    assert!(lab.drops(DropReason::RateLimited) > 1000);
    lab.pass(Duration::from_secs(1));
    lab.receive_datagram(7, 9, b"x");
    assert_eq!(lab.sent().len(), 1, "and it recovers");
}

#[test]
fn each_error_is_reported_as_linux_does() {
    // (type, code, errno of a connected socket, errno with IP_RECVERR)
    let cases = [
        (3, 0, None, Errno::ENETUNREACH),
        (3, 1, None, Errno::EHOSTUNREACH),
        (3, 2, Some(Errno::ENOPROTOOPT), Errno::ENOPROTOOPT),
        (3, 3, Some(Errno::ECONNREFUSED), Errno::ECONNREFUSED),
        (3, 5, None, Errno::EOPNOTSUPP),
        (3, 6, Some(Errno::ENETUNREACH), Errno::ENETUNREACH),
        (3, 7, Some(Errno::EHOSTDOWN), Errno::EHOSTDOWN),
        (3, 8, Some(Errno::ENONET), Errno::ENONET),
        (3, 13, Some(Errno::EHOSTUNREACH), Errno::EHOSTUNREACH),
        (11, 0, None, Errno::EHOSTUNREACH),
        (12, 0, Some(Errno::EPROTO), Errno::EPROTO),
    ];
    for (icmp_type, code, hard, any) in cases {
        let mut lab = Lab::with_peer();
        let id = lab.udp(1000);
        lab.send_to(id, b"x", (PEER, 9)).expect("sent");
        let frame = lab.host.take_sent().remove(0);
        lab.receive_error(icmp_type, code, 0, &frame);
        assert_eq!(lab.stack.take_error(id), None, "{icmp_type}/{code} not connected");
        lab.call(|stack, cx| stack.connect(cx, id, SocketAddrV4::new(PEER, 9))).expect("connected");
        lab.host.wakes.clear();
        lab.receive_error(icmp_type, code, 0, &frame);
        let wakes = lab.host.take_wakes(Owner(1000));
        assert_eq!(wakes, if hard.is_some() { vec![Wake::State] } else { vec![] });
        assert_eq!(lab.stack.take_error(id), hard, "{icmp_type}/{code} connected");
        lab.call(|stack, cx| stack.set_option(cx, id, Opt::ReceiveErrors(true))).expect("option");
        lab.receive_error(icmp_type, code, 0, &frame);
        assert_eq!(lab.recv(id), Err(any), "{icmp_type}/{code} with IP_RECVERR");
        assert_eq!(lab.recv(id), Err(Errno::EAGAIN), "once");
    }
}

#[test]
fn errors_about_what_we_did_not_send_are_ignored() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    lab.call(|stack, cx| stack.connect(cx, id, SocketAddrV4::new(PEER, 9))).expect("connected");
    let quote = |source, destination, ports: [u8; 4]| {
        let transport = [&ports[..], &[0, 9, 0, 0]].concat();
        craft::packet(craft::header(source, destination, Protocol::UDP), &[], &transport)
    };
    let (from, to) = (1000u16.to_be_bytes(), 9u16.to_be_bytes());
    let cases = [
        ("another host's", quote(PEER, OUR, [from[0], from[1], to[0], to[1]])),
        ("another peer's", quote(OUR, Ipv4Addr::new(10, 0, 2, 3), [from[0], from[1], to[0], to[1]])),
        ("another port of ours", quote(OUR, PEER, [0, 99, to[0], to[1]])),
        ("another port of theirs", quote(OUR, PEER, [from[0], from[1], 0, 99])),
        ("cut before the ports", quote(OUR, PEER, [from[0], from[1], to[0], to[1]])[..24].to_vec()),
        ("cut in the header", quote(OUR, PEER, [0; 4])[..19].to_vec()),
        ("nothing", vec![]),
    ];
    for (name, quote) in cases {
        lab.receive_payload(Protocol::ICMP, &craft::message(3, 3, 0, 0, &quote));
        assert_eq!(lab.stack.take_error(id), None, "{name}");
    }
    let good = quote(OUR, PEER, [from[0], from[1], to[0], to[1]]);
    lab.receive_payload(Protocol::ICMP, &craft::message(3, 3, 0, 0, &good));
    assert_eq!(lab.stack.take_error(id), Some(Errno::ECONNREFUSED));
}

#[test]
fn fragmentation_needed_lowers_the_path_mtu_to_a_floor() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    lab.call(|stack, cx| stack.connect(cx, id, SocketAddrV4::new(PEER, 9))).expect("connected");
    let mtu = |lab: &Lab| lab.stack.option(id, OptName::Mtu);
    assert_eq!(mtu(&lab), Ok(1500));
    for (told, believed) in [(1400, 1400), (1450, 1400), (9000, 1400), (68, 552), (0, 552)] {
        lab.send_to(id, &[0; 600], (PEER, 9)).expect("sent");
        let frame = lab.host.take_sent().remove(0);
        lab.receive_error(3, 4, told, &frame);
        assert_eq!(mtu(&lab), Ok(believed), "told {told}");
        assert_eq!(lab.stack.take_error(id), Some(Errno::EMSGSIZE), "told {told}");
    }
    lab.send(id, &[0; 600], Default::default()).expect("sent");
    assert_eq!(lab.sent().len(), 2, "in pieces now");
    lab.call(|stack, cx| stack.set_option(cx, id, Opt::MtuDiscover(MtuDiscovery::Always))).expect("option");
    assert_eq!(lab.send(id, &[0; 600], Default::default()), Err(Errno::EMSGSIZE));
    lab.pass(Duration::from_secs(601));
    assert_eq!(mtu(&lab), Ok(1500), "forgotten after ten minutes");
}

#[test]
fn fragmentation_needed_about_nothing_changes_nothing() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    lab.call(|stack, cx| stack.connect(cx, id, SocketAddrV4::new(PEER, 9))).expect("connected");
    let forged = craft::packet(craft::header(OUR, PEER, Protocol::UDP), &[], &[0, 99, 0, 9, 0, 8, 0, 0]);
    lab.receive_payload(Protocol::ICMP, &craft::message(3, 4, 0, 600, &forged));
    assert_eq!(lab.stack.option(id, OptName::Mtu), Ok(1500));
}

#[test]
fn fragmentation_needed_is_believed_only_where_something_large_went() {
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    let mtu_to = |lab: &mut Lab, destination| {
        let query = RouteQuery { destination, source: None, iface: None };
        lab.stack.route(query).expect("a route").mtu
    };
    let mut lab = Lab::with_peer();
    // A server's port: known to everybody, and it talks to anybody.
    let id = lab.udp(53);
    lab.call(|stack, cx| stack.set_option(cx, id, Opt::ReceiveErrors(true))).expect("option");
    let quote = craft::packet(craft::header(OUR, elsewhere, Protocol::UDP), &[], &[0, 53, 0, 9, 0, 8, 0, 0]);
    let forged = craft::message(3, 4, 0, 600, &quote);
    lab.receive_payload(Protocol::ICMP, &forged);
    assert_eq!(
        (mtu_to(&mut lab, elsewhere), lab.stack.take_error(id)),
        (1500, None),
        "nothing was sent there"
    );
    lab.send_to(id, &[0; 500], (elsewhere, 9)).expect("sent");
    lab.receive_payload(Protocol::ICMP, &forged);
    assert_eq!((mtu_to(&mut lab, elsewhere), lab.stack.take_error(id)), (1500, None), "that fits everywhere");
    lab.send_to(id, &[0; 1000], (elsewhere, 9)).expect("sent");
    lab.receive_payload(Protocol::ICMP, &forged);
    assert_eq!(mtu_to(&mut lab, elsewhere), 600);
    assert_eq!(lab.stack.take_error(id), Some(Errno::EMSGSIZE));
}
