//! IPv4 input checks, routing and configuration (checklist items 1 and 8).

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::net::iface::IfaceAddress;
use linnet_core::net::route::{PathKind, Route, RouteKind, RouteMatch, RouteQuery};
use linnet_sim::craft::{self, PEER_MAC};
use linnet_sim::lab::{ETH, LO, Lab, OUR, OUR_MAC, PEER};
use linnet_wire::checksum;
use linnet_wire::ethernet::{EtherType, Mac};
use linnet_wire::ipv4::Protocol;
use std::net::Ipv4Addr;

const fn ip(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

fn good() -> Vec<u8> {
    let datagram = craft::datagram((PEER, 7), (OUR, 1000), b"data");
    craft::packet(craft::header(PEER, OUR, Protocol::UDP), &[], &datagram)
}

#[test]
fn headers_that_contradict_the_frame_are_dropped() {
    let cases: &[(&str, usize, u8, DropReason)] = &[
        ("version 6", 0, 0x65, DropReason::UnknownVersion),
        ("IHL 4", 0, 0x44, DropReason::BadHeader),
        ("IHL 15", 0, 0x4f, DropReason::BadHeader),
        ("total length beyond the frame", 3, 33, DropReason::Truncated),
        ("total length of 64 KB", 2, 0xff, DropReason::Truncated),
        ("total length below the header", 3, 19, DropReason::BadHeader),
        ("total length 0", 3, 0, DropReason::BadHeader),
    ];
    for &(name, at, value, reason) in cases {
        let mut packet = good();
        packet[at] = value;
        packet[10..12].fill(0);
        let sum = checksum::finish(checksum::add(0, &packet[..20]));
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut lab = Lab::with_peer();
        let id = lab.udp(1000);
        lab.receive_packet(&packet);
        assert_eq!(lab.drops(reason), 1, "{name}");
        assert_eq!(lab.recv(id), Err(Errno::EAGAIN), "{name}");
        assert_eq!(lab.host.live_buffers(), 0, "{name}");
    }
}

#[test]
fn every_truncation_and_every_flipped_header_bit_is_dropped() {
    let packet = good();
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    for len in 0..packet.len() {
        lab.receive_packet(&packet[..len]);
    }
    for bit in 0..20 * 8 {
        let mut broken = packet.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        lab.receive_packet(&broken);
    }
    for len in 0..14 {
        lab.receive(&vec![0xff; len]);
    }
    assert_eq!(lab.recv(id), Err(Errno::EAGAIN));
    assert_eq!((lab.sent(), lab.host.live_buffers()), (vec![], 0));
}

#[test]
fn padding_is_cut_off() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    lab.receive_packet(&[good(), vec![0xaa; 14]].concat());
    assert_eq!(lab.recv(id).expect("datagram").0, b"data");
}

#[test]
fn options_are_skipped_but_source_routes_are_refused() {
    let cases: &[(&str, &[u8], Option<DropReason>)] = &[
        ("router alert", &[0x94, 4, 0, 0], None),
        ("record route", &[7, 7, 4, 0, 0, 0, 0, 0], None),
        ("loose source route", &[131, 7, 4, 10, 0, 2, 3, 0], Some(DropReason::SourceRoute)),
        ("strict source route", &[1, 137, 7, 4, 10, 0, 2, 3], Some(DropReason::SourceRoute)),
        ("length 0", &[7, 0, 0, 0], Some(DropReason::BadHeader)),
        ("length 1", &[7, 1, 0, 0], Some(DropReason::BadHeader)),
        ("past the end", &[7, 9, 4, 0], Some(DropReason::BadHeader)),
    ];
    for (name, options, refused) in cases {
        let mut lab = Lab::with_peer();
        let id = lab.udp(1000);
        let datagram = craft::datagram((PEER, 7), (OUR, 1000), b"data");
        lab.receive_packet(&craft::packet(craft::header(PEER, OUR, Protocol::UDP), options, &datagram));
        match refused {
            None => assert_eq!(lab.recv(id).expect(name).0, b"data", "{name}"),
            Some(reason) => {
                assert_eq!((lab.recv(id).err(), lab.drops(*reason)), (Some(Errno::EAGAIN), 1), "{name}")
            }
        }
    }
}

#[test]
fn martians_are_dropped() {
    let cases = [
        ("loopback source", ip(127, 0, 0, 1), OUR),
        ("multicast source", ip(224, 0, 0, 9), OUR),
        ("broadcast source", ip(255, 255, 255, 255), OUR),
        ("our network's broadcast as source", ip(10, 0, 2, 255), OUR),
        ("class E source", ip(240, 0, 0, 1), OUR),
        ("own address as source (LAND)", OUR, OUR),
        ("zero network as source", ip(0, 1, 2, 3), OUR),
        ("no source, to one host", ip(0, 0, 0, 0), OUR),
        ("loopback destination", PEER, ip(127, 0, 0, 1)),
    ];
    for (name, source, destination) in cases {
        let mut lab = Lab::with_peer();
        let id = lab.udp(1000);
        let datagram = craft::datagram((source, 7), (destination, 1000), b"data");
        lab.receive_packet(&craft::packet(craft::header(source, destination, Protocol::UDP), &[], &datagram));
        assert_eq!(lab.drops(DropReason::Martian), 1, "{name}");
        assert_eq!(lab.recv(id), Err(Errno::EAGAIN), "{name}");
        assert_eq!(lab.sent(), [], "{name}");
    }
}

#[test]
fn what_is_for_others_is_dropped() {
    let packet = good();
    let elsewhere = craft::packet(craft::header(PEER, ip(10, 0, 2, 16), Protocol::UDP), &[], &[0; 8]);
    let other_mac = Mac([2, 0, 0, 0, 0, 1]);
    let cases = [
        ("another station's frame", other_mac, &packet),
        ("another host's packet", OUR_MAC, &elsewhere),
        ("one host's packet in a broadcast frame", Mac::BROADCAST, &packet),
        ("one host's packet in a group's frame", Mac::for_group(ip(224, 0, 0, 1)), &packet),
    ];
    for (name, to, packet) in cases {
        let mut lab = Lab::with_peer();
        lab.receive(&craft::frame(to, PEER_MAC, EtherType::IPV4, packet));
        assert_eq!(lab.drops(DropReason::NotForUs), 1, "{name}");
        assert_eq!(lab.sent(), [], "{name}");
    }
    let mut lab = Lab::with_peer();
    lab.receive(&craft::frame(OUR_MAC, PEER_MAC, EtherType(0x86dd), &packet));
    assert_eq!(lab.drops(DropReason::UnknownProtocol), 1);
}

#[test]
fn protocols_nobody_speaks_are_answered_unreachable_ip_in_ip_too() {
    for protocol in [4, 47, 50, 132, 255] {
        let mut lab = Lab::with_peer();
        lab.receive_payload(Protocol(protocol), &[0; 20]);
        let [craft::Seen::Icmp(_, header, _)] = &lab.sent()[..] else { panic!("no error for {protocol}") };
        assert_eq!((header.icmp_type, header.code), (3, 2));
    }
}

#[test]
fn addresses_bring_and_take_their_routes() {
    let mut lab = Lab::unconfigured();
    let route = |lab: &Lab, to| lab.stack.route(RouteQuery { destination: to, source: None, iface: None });
    assert_eq!(lab.stack.address(LO).map(|own| own.address), Some(Ipv4Addr::LOCALHOST));
    assert_eq!(route(&lab, PEER), Err(Errno::ENETUNREACH));
    lab.stack.set_address(ETH, OUR).expect("address");
    assert_eq!(route(&lab, ip(10, 9, 9, 9)).map(|path| path.next_hop), Ok(ip(10, 9, 9, 9)), "class A");
    lab.stack.set_netmask(ETH, ip(255, 255, 255, 0)).expect("netmask");
    assert_eq!(route(&lab, ip(10, 9, 9, 9)), Err(Errno::ENETUNREACH));
    let expected = IfaceAddress {
        address: OUR,
        netmask: ip(255, 255, 255, 0),
        broadcast: ip(10, 0, 2, 255),
        destination: OUR,
        #[cfg(feature = "rtnetlink")]
        attributes: linnet_core::net::address::AddressAttributes::DEFAULT,
    };
    assert_eq!(lab.stack.address(ETH), Some(expected));
    assert_eq!(lab.stack.routes().count(), 1);

    let kinds = [
        ("neighbour", PEER, PathKind::Unicast, OUR),
        ("broadcast", ip(10, 0, 2, 255), PathKind::Broadcast, OUR),
        ("ourselves", OUR, PathKind::Local, OUR),
        ("loopback network", ip(127, 9, 9, 9), PathKind::Local, ip(127, 0, 0, 1)),
    ];
    for (name, to, kind, source) in kinds {
        let path = route(&lab, to).expect(name);
        assert_eq!((path.kind, path.source), (kind, source), "{name}");
        assert_eq!(path.iface, if kind == PathKind::Local { LO } else { ETH }, "{name}");
    }
    assert_eq!(route(&lab, ip(224, 0, 0, 5)), Err(Errno::ENETUNREACH), "no route for groups");
    lab.stack.set_address(ETH, Ipv4Addr::UNSPECIFIED).expect("address gone");
    assert_eq!((lab.stack.routes().count(), lab.stack.address(ETH)), (0, None));
    assert!(!lab.stack.is_local(OUR));
}

#[test]
fn routes_are_checked_as_linux_checks_them() {
    let mut lab = Lab::new();
    let base = Route { gateway: Some(PEER), iface: None, ..Route::connected(ip(192, 0, 2, 0), 24, ETH) };
    let cases = [
        ("by a neighbour", base, Ok(())),
        ("the very same", Route { iface: Some(ETH), ..base }, Err(Errno::EEXIST)),
        ("another metric", Route { metric: 5, ..base }, Ok(())),
        (
            "a gateway off the link",
            Route { gateway: Some(ip(192, 0, 2, 1)), ..base },
            Err(Errno::ENETUNREACH),
        ),
        ("ourselves as gateway", Route { gateway: Some(OUR), ..base }, Err(Errno::EINVAL)),
        ("a broadcast as gateway", Route { gateway: Some(ip(10, 0, 2, 255)), ..base }, Err(Errno::EINVAL)),
        ("no gateway, no interface", Route { gateway: None, ..base }, Err(Errno::ENODEV)),
        ("bits beyond the prefix", Route { prefix_len: 16, ..base }, Err(Errno::EINVAL)),
        ("rejected", Route { kind: RouteKind::Reject, destination: ip(198, 51, 100, 0), ..base }, Ok(())),
    ];
    for (name, route, outcome) in cases {
        assert_eq!(lab.stack.add_route(route), outcome, "{name}");
    }
    let query = |destination| RouteQuery { destination, source: None, iface: None };
    assert_eq!(lab.stack.route(query(ip(198, 51, 100, 1))), Err(Errno::EHOSTUNREACH));
    let wanted =
        RouteMatch { destination: ip(192, 0, 2, 0), prefix_len: 24, gateway: None, iface: None, metric: 0 };
    assert_eq!(lab.stack.remove_route(wanted), Ok(()));
    assert_eq!(lab.stack.remove_route(wanted), Ok(()));
    assert_eq!(lab.stack.remove_route(wanted), Err(Errno::ESRCH));
}

#[test]
fn a_link_that_goes_down_takes_its_routes_along() {
    let mut lab = Lab::with_peer();
    let down = linnet_core::net::iface::Link {
        index: ETH,
        mac: OUR_MAC,
        mtu: 1500,
        kind: linnet_core::net::iface::LinkKind::Ethernet,
        up: false,
        running: false,
    };
    lab.stack.set_iface(down).expect("down");
    assert_eq!((lab.stack.routes().count(), lab.stack.neighbours().count()), (0, 0));
    lab.receive_packet(&good());
    assert_eq!(lab.drops(DropReason::LinkDown), 1);
    let query = RouteQuery { destination: PEER, source: None, iface: Some(ETH) };
    assert_eq!(lab.stack.route(query), Err(Errno::ENETDOWN));
    lab.stack.set_iface(linnet_core::net::iface::Link { up: true, ..down }).expect("up");
    assert_eq!(lab.stack.routes().count(), 1, "the connected one is back");
    lab.stack.remove_iface(ETH);
    assert_eq!(lab.stack.route(query), Err(Errno::ENODEV));
}
