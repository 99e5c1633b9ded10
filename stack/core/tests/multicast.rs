//! Multicast: membership, what is received of it, and IGMPv2.

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::socket::{Linger, Membership, Opt, SocketId};
use linnet_core::time::Duration;
use linnet_sim::craft::{self, PEER_MAC, Seen};
use linnet_sim::lab::{ETH, Lab, OUR, PEER};
use linnet_wire::ethernet::{EtherType, Mac};
use linnet_wire::igmp::{self, LEAVE, QUERY, REPORT};
use linnet_wire::ipv4::{self, Header, Protocol};
use std::net::Ipv4Addr;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

fn membership(group: Ipv4Addr) -> Membership {
    Membership { group, iface: None, address: OUR }
}

fn set(lab: &mut Lab, id: SocketId, option: Opt) -> Result<(), Errno> {
    lab.call(|stack, cx| stack.set_option(cx, id, option))
}

fn receive(lab: &mut Lab, to: Ipv4Addr, protocol: Protocol, payload: &[u8]) {
    let packet =
        craft::packet(Header { ttl: 1, ..craft::header(PEER, to, protocol) }, &ipv4::ROUTER_ALERT, payload);
    lab.receive(&craft::frame(Mac::for_group(to), PEER_MAC, EtherType::IPV4, &packet));
}

fn query(lab: &mut Lab, group: Ipv4Addr, max_response: u8) {
    let to = if group.is_unspecified() { ALL_SYSTEMS } else { group };
    receive(lab, to, Protocol::IGMP, &igmp::Message { kind: QUERY, max_response, group }.to_bytes());
}

fn igmp_sent(lab: &mut Lab) -> Vec<(u8, Ipv4Addr, Ipv4Addr)> {
    let message = |seen| match seen {
        Seen::Igmp(ip, message) => {
            assert_eq!((ip.ttl, ip.header_len), (1, 24), "RFC 2236 §2: TTL 1 and Router Alert");
            Some((message.kind, ip.destination, message.group))
        }
        _ => None,
    };
    lab.sent().into_iter().filter_map(message).collect()
}

#[test]
fn joined_groups_are_received_and_others_are_not() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    let datagram = craft::datagram((PEER, 7), (GROUP, 1000), b"news");
    receive(&mut lab, GROUP, Protocol::UDP, &datagram);
    assert_eq!((lab.recv(id), lab.drops(DropReason::NotForUs)), (Err(Errno::EAGAIN), 1));
    set(&mut lab, id, Opt::Join(membership(GROUP))).expect("join");
    receive(&mut lab, GROUP, Protocol::UDP, &datagram);
    let (read, meta) = lab.recv(id).expect("datagram");
    assert_eq!((&read[..], meta.destination, meta.iface), (&b"news"[..], GROUP, ETH));
    set(&mut lab, id, Opt::Leave(membership(GROUP))).expect("leave");
    receive(&mut lab, GROUP, Protocol::UDP, &datagram);
    assert_eq!(lab.recv(id), Err(Errno::EAGAIN));
}

#[test]
fn joining_reports_twice_and_leaving_tells_the_routers() {
    let mut lab = Lab::with_peer();
    let [first, second] = [lab.udp(1000), lab.udp(1001)];
    set(&mut lab, first, Opt::Join(membership(GROUP))).expect("join");
    assert_eq!(igmp_sent(&mut lab), [(REPORT, GROUP, GROUP)]);
    set(&mut lab, second, Opt::Join(membership(GROUP))).expect("join");
    lab.pass(Duration::from_secs(10));
    assert_eq!(igmp_sent(&mut lab), [(REPORT, GROUP, GROUP)], "repeated once, for both");
    assert_eq!(lab.stack.next_deadline(), None);
    set(&mut lab, first, Opt::Leave(membership(GROUP))).expect("leave");
    assert_eq!(igmp_sent(&mut lab), []);
    lab.call(|stack, cx| stack.close(cx, second, Linger::Background));
    assert_eq!(igmp_sent(&mut lab), [(LEAVE, Ipv4Addr::new(224, 0, 0, 2), GROUP)], "the last one");
}

#[test]
fn queries_are_answered_within_their_time_unless_another_was_faster() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    set(&mut lab, id, Opt::Join(membership(GROUP))).expect("join");
    lab.pass(Duration::from_secs(10));
    lab.sent();
    for group in [Ipv4Addr::UNSPECIFIED, GROUP] {
        query(&mut lab, group, 20);
        lab.pass(Duration::from_secs(2));
        assert_eq!(igmp_sent(&mut lab), [(REPORT, GROUP, GROUP)], "asked about {group}");
    }
    query(&mut lab, Ipv4Addr::new(239, 9, 9, 9), 20);
    lab.pass(Duration::from_secs(2));
    assert_eq!(igmp_sent(&mut lab), []);
    query(&mut lab, GROUP, 100);
    let report = igmp::Message { kind: REPORT, max_response: 0, group: GROUP };
    receive(&mut lab, GROUP, Protocol::IGMP, &report.to_bytes());
    lab.pass(Duration::from_secs(10));
    assert_eq!(igmp_sent(&mut lab), []);
    // Then leaving is not ours to tell.
    set(&mut lab, id, Opt::Leave(membership(GROUP))).expect("leave");
    assert_eq!(igmp_sent(&mut lab), []);
}

#[test]
fn broken_messages_are_dropped() {
    let mut lab = Lab::with_peer();
    let good = igmp::Message { kind: QUERY, max_response: 1, group: Ipv4Addr::UNSPECIFIED }.to_bytes();
    for len in 0..8 {
        receive(&mut lab, ALL_SYSTEMS, Protocol::IGMP, &good[..len]);
    }
    let mut flipped = good;
    flipped[1] ^= 1;
    receive(&mut lab, ALL_SYSTEMS, Protocol::IGMP, &flipped);
    assert_eq!(lab.drops(DropReason::BadChecksum), 9);
    assert_eq!(lab.stack.next_deadline(), None);
}

#[test]
fn sending_to_a_group_loops_back_to_members_only() {
    let mut lab = Lab::with_peer();
    let [sender, member] = [lab.udp(1000), lab.udp(1001)];
    lab.send_to(sender, b"one", (GROUP, 1001)).expect("sent");
    assert_eq!(lab.recv(member), Err(Errno::EAGAIN), "nobody joined");
    let frame = lab.host.take_sent().remove(0);
    assert_eq!(frame[..6], Mac::for_group(GROUP).0);
    assert_eq!(Lab::header_of(&frame).ttl, 1);

    set(&mut lab, member, Opt::Join(membership(GROUP))).expect("join");
    lab.send_to(sender, b"two", (GROUP, 1001)).expect("sent");
    assert_eq!(lab.recv(member).expect("datagram").1.iface, ETH);
    set(&mut lab, sender, Opt::MulticastLoop(false)).expect("option");
    lab.send_to(sender, b"three", (GROUP, 1001)).expect("sent");
    assert_eq!(lab.recv(member), Err(Errno::EAGAIN));
    set(&mut lab, sender, Opt::MulticastLoop(true)).expect("option");
    set(&mut lab, sender, Opt::MulticastTtl(Some(0))).expect("option");
    lab.sent();
    lab.send_to(sender, b"four", (GROUP, 1001)).expect("sent");
    assert_eq!((lab.recv(member).is_ok(), lab.sent()), (true, vec![]), "TTL 0 stays here");
}

#[test]
fn memberships_are_checked_as_linux_checks_them() {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    let nowhere = Membership { address: PEER, ..membership(GROUP) };
    let cases = [
        ("no group", Opt::Join(membership(PEER)), Err(Errno::EINVAL)),
        ("nobody's interface", Opt::Join(nowhere), Err(Errno::ENODEV)),
        ("by routing", Opt::Join(Membership { address: Ipv4Addr::UNSPECIFIED, ..membership(GROUP) }), Ok(())),
        ("twice", Opt::Join(membership(GROUP)), Err(Errno::EADDRINUSE)),
        ("by number", Opt::Leave(Membership { iface: Some(ETH), ..membership(GROUP) }), Ok(())),
        ("what was left", Opt::Leave(membership(GROUP)), Err(Errno::EADDRNOTAVAIL)),
    ];
    for (name, option, outcome) in cases {
        assert_eq!(set(&mut lab, id, option), outcome, "{name}");
    }
    for last in 0..20 {
        assert_eq!(set(&mut lab, id, Opt::Join(membership(Ipv4Addr::new(239, 0, 0, last)))), Ok(()));
    }
    assert_eq!(set(&mut lab, id, Opt::Join(membership(GROUP))), Err(Errno::ENOBUFS));
}
