//! Raw sockets: who gets which packet, and what goes out.
#![cfg(feature = "raw")]

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::socket::{Kind, RawOption, SendOptions, SocketId};
use linnet_sim::craft::{self, Seen};
use linnet_sim::lab::{Lab, OUR, PEER};
use linnet_wire::ipv4::Protocol;
use linnet_wire::{checksum, icmp};
use std::net::{Ipv4Addr, SocketAddrV4};

const OSPF: u8 = 89;

fn raw(lab: &mut Lab, protocol: u8) -> SocketId {
    lab.socket(Kind::Raw(protocol), 1)
}

fn to(address: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(address, 0)
}

/// A packet as a program with `IP_HDRINCL` makes it: length, identification, checksum left to the stack.
fn unfinished(source: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0x10, 0, 0, 0, 0, 0, 0, 7, protocol, 0, 0];
    packet.extend(source.octets());
    packet.extend(PEER.octets());
    packet.extend(payload);
    packet
}

#[test]
fn each_gets_whole_packets_of_its_protocol() {
    let mut lab = Lab::with_peer();
    let (first, second, other) = (raw(&mut lab, OSPF), raw(&mut lab, OSPF), raw(&mut lab, 90));
    lab.receive_payload(Protocol(OSPF), b"hello");
    for id in [first, second] {
        let (packet, meta) = lab.recv(id).expect("a packet");
        assert_eq!((packet[9], &packet[20..], meta.source), (OSPF, &b"hello"[..], PEER));
        assert_eq!(checksum::finish(checksum::add(0, &packet[..20])), 0, "the header as it came");
    }
    assert_eq!(lab.recv(other), Err(Errno::EAGAIN));
    assert!(lab.sent().is_empty(), "nothing is unreachable that somebody takes");
    lab.receive_payload(Protocol(91), b"hello");
    assert_eq!(lab.drops(DropReason::UnknownProtocol), 1);
    assert_eq!(lab.sent().len(), 1, "nobody speaks it");
}

#[test]
fn a_raw_socket_takes_nothing_from_the_transports() {
    let mut lab = Lab::with_peer();
    let (tap, udp) = (raw(&mut lab, 17), lab.udp(1000));
    lab.receive_datagram(7, 1000, b"data");
    assert_eq!(lab.recv(udp).expect("its datagram").0, b"data");
    assert_eq!(&lab.recv(tap).expect("its copy").0[28..], b"data");
    assert_eq!(lab.host.live_buffers(), 0);
}

#[test]
fn only_what_was_asked_for_comes() {
    let mut lab = Lab::with_peer();
    let id = raw(&mut lab, 1);
    lab.stack.set_raw_option(id, RawOption::IcmpFilter, 1 << icmp::ECHO_REPLY).expect("ICMP");
    assert_eq!(lab.stack.raw_option(id, RawOption::IcmpFilter), Ok(1));
    lab.receive_payload(Protocol::ICMP, &craft::message(icmp::ECHO_REPLY, 0, 7, 1, b"no"));
    assert_eq!(lab.recv(id), Err(Errno::EAGAIN), "filtered");
    lab.receive_payload(Protocol::ICMP, &craft::message(icmp::ECHO_REQUEST, 0, 7, 1, b"yes"));
    assert_eq!(&lab.recv(id).expect("a request").0[28..], b"yes");
    assert_eq!(lab.sent().len(), 1, "and it was answered");

    let connected = raw(&mut lab, OSPF);
    lab.call(|stack, cx| stack.connect(cx, connected, to(Ipv4Addr::new(10, 0, 2, 9)))).expect("a peer");
    lab.receive_payload(Protocol(OSPF), b"not from the peer");
    assert_eq!(lab.recv(connected), Err(Errno::EAGAIN));
    let bound = raw(&mut lab, OSPF);
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, bound, to(PEER))), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, bound, to(OUR))), Ok(()));
    let udp = lab.udp(9);
    assert_eq!(lab.stack.set_raw_option(udp, RawOption::HeaderIncluded, 1), Err(Errno::ENOPROTOOPT));
}

#[test]
fn payloads_get_a_header() {
    let mut lab = Lab::with_peer();
    let id = raw(&mut lab, OSPF);
    let options = SendOptions { ttl: Some(3), to: Some(to(PEER)), ..SendOptions::default() };
    assert_eq!(lab.send(id, b"x", SendOptions::default()), Err(Errno::EDESTADDRREQ));
    assert_eq!(lab.send(id, b"hello", options), Ok(()));
    let [Seen::Other(header, payload)] = &lab.sent()[..] else { panic!("not one packet") };
    assert_eq!((header.protocol.0, header.ttl, header.source), (OSPF, 3, OUR));
    assert_eq!(payload, b"hello");
}

#[test]
fn whole_packets_are_completed_as_linux_does() {
    let mut lab = Lab::with_peer();
    let id = raw(&mut lab, 255);
    let options = SendOptions { to: Some(to(PEER)), ..SendOptions::default() };
    let spoofed = Ipv4Addr::new(198, 51, 100, 7);
    for (name, source, expected) in
        [("no source", Ipv4Addr::UNSPECIFIED, OUR), ("one of its own", spoofed, spoofed)]
    {
        assert_eq!(lab.send(id, &unfinished(source, OSPF, b"hello"), options), Ok(()), "{name}");
        let [Seen::Other(header, _)] = &lab.sent()[..] else { panic!("{name}: not one packet") };
        assert_eq!((header.source, header.ttl, header.tos), (expected, 7, 0x10), "{name}");
        assert_ne!(header.id, 0, "{name}");
    }
    let long = unfinished(OUR, OSPF, &[0; 1481]);
    for (name, packet, errno) in [
        ("longer than the link's MTU", &long[..], Errno::EMSGSIZE),
        ("shorter than a header", &long[..19], Errno::EINVAL),
        ("version 6", &[0x65; 40], Errno::EINVAL),
    ] {
        assert_eq!(lab.send(id, packet, options), Err(errno), "{name}");
    }
    lab.receive_payload(Protocol(255), b"for nobody");
    assert_eq!(lab.recv(id), Err(Errno::EAGAIN));
    assert_eq!((lab.sent().len(), lab.host.live_buffers()), (1, 0));
}
