//! ARP: resolution, its limits, and what a hostile link may try (checklist item 6).

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::Owner;
use linnet_core::net::neighbour::{CONFIRMED, MAX_ENTRIES, MAX_WAITING, Neighbour, RETRY};
use linnet_core::secret::Secret;
use linnet_core::stack::Config;
use linnet_core::time::Duration;
use linnet_sim::craft::{self, PEER_MAC, Seen};
use linnet_sim::lab::{ETH, Lab, OUR, OUR_MAC, PEER};
use linnet_wire::arp::Operation::{self, Reply, Request};
use linnet_wire::ethernet::Mac;
use linnet_wire::ipv4::Protocol;
use std::net::Ipv4Addr;

fn requests(seen: &[Seen]) -> Vec<(Mac, Ipv4Addr)> {
    let target = |seen: &Seen| match seen {
        Seen::Arp(to, packet) if packet.operation == Request => Some((*to, packet.target)),
        _ => None,
    };
    seen.iter().filter_map(target).collect()
}

fn datagrams(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| matches!(seen, Seen::Udp(..))).count()
}

fn arp(operation: Operation, from: (Mac, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    let target_mac = if operation == Reply { OUR_MAC } else { Mac::default() };
    craft::arp(operation, from, (target_mac, target))
}

fn knows(lab: &Lab, address: Ipv4Addr) -> Option<Mac> {
    lab.stack.neighbours().find(|neighbour| neighbour.address == address)?.mac
}

#[test]
fn a_packet_waits_for_the_answer() {
    let mut lab = Lab::new();
    let id = lab.udp(1000);
    assert_eq!(lab.send_to(id, b"one", (PEER, 7)), Ok(()));
    assert_eq!(lab.send_to(id, b"two", (PEER, 7)), Ok(()));
    assert_eq!(requests(&lab.sent()), [(Mac::BROADCAST, PEER)], "one question for both");
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, PEER), OUR));
    assert_eq!(datagrams(&lab.sent()), 2);
    assert_eq!(knows(&lab, PEER), Some(PEER_MAC));
    assert_eq!(lab.stack.memory().used(), 0);
}

#[test]
fn answers_requests_for_its_own_address_only() {
    let mut lab = Lab::new();
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &arp(Request, (PEER_MAC, PEER), Ipv4Addr::new(10, 0, 2, 16)));
    assert_eq!((lab.sent(), knows(&lab, PEER)), (vec![], None));
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &arp(Request, (PEER_MAC, PEER), OUR));
    let [Seen::Arp(to, reply)] = &lab.sent()[..] else { panic!("no reply") };
    assert_eq!((*to, reply.operation, reply.sender_mac, reply.sender), (PEER_MAC, Reply, OUR_MAC, OUR));
    assert_eq!(knows(&lab, PEER), Some(PEER_MAC), "who asks us will talk to us");
    // RFC 5227: a probe is answered, and teaches nothing.
    let other = Mac([2, 0, 0, 0, 0, 9]);
    lab.receive_arp(Mac::BROADCAST, other, &arp(Request, (other, Ipv4Addr::UNSPECIFIED), OUR));
    assert_eq!(lab.sent().len(), 1);
    assert_eq!(lab.stack.neighbours().count(), 1);
}

#[test]
fn asks_once_a_second_three_times_then_reports_the_host_unreachable() {
    let mut lab = Lab::new();
    let id = lab.udp(1000);
    let on = linnet_core::socket::Opt::ReceiveErrors(true);
    lab.call(|stack, cx| stack.set_option(cx, id, on)).expect("IP_RECVERR");
    assert_eq!(lab.send_to(id, b"lost", (PEER, 7)), Ok(()));
    assert_eq!(requests(&lab.sent()).len(), 1);
    for _ in 0..2 {
        lab.pass(Duration::from_millis(999));
        assert_eq!(lab.sent(), [], "not more than one a second");
        lab.pass(Duration::from_millis(1));
        assert_eq!(requests(&lab.sent()).len(), 1);
    }
    lab.pass(RETRY);
    assert_eq!(lab.sent(), []);
    assert_eq!(lab.stack.take_error(id), Some(Errno::EHOSTUNREACH));
    assert_eq!(lab.drops(DropReason::Unreachable), 1);
    assert_eq!((lab.stack.memory().used(), lab.stack.next_deadline()), (0, None));
    assert_eq!(lab.host.live_buffers(), 0);
}

#[test]
fn the_queue_for_a_silent_neighbour_is_bounded() {
    let mut lab = Lab::new();
    let id = lab.udp(1000);
    for number in 0..50u8 {
        assert_eq!(lab.send_to(id, &[number], (PEER, 7)), Ok(()));
    }
    assert_eq!(lab.host.live_buffers() - lab.host.sent.len(), MAX_WAITING);
    lab.sent();
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, PEER), OUR));
    let payloads: Vec<u8> = lab
        .sent()
        .into_iter()
        .filter_map(|seen| if let Seen::Udp(_, _, payload) = seen { payload.first().copied() } else { None })
        .collect();
    assert_eq!(payloads, (42..50).collect::<Vec<u8>>(), "the newest are kept, in order");
}

#[test]
fn gratuitous_and_unasked_replies_make_no_entries() {
    let mut lab = Lab::new();
    let stranger = Ipv4Addr::new(10, 0, 2, 77);
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &arp(Reply, (PEER_MAC, stranger), stranger));
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &arp(Request, (PEER_MAC, stranger), stranger));
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, stranger), OUR));
    assert_eq!(lab.stack.neighbours().count(), 0);
    assert_eq!(lab.sent(), []);
}

#[test]
fn forged_senders_are_dropped() {
    let broadcast_mac = Mac::BROADCAST;
    let cases = [
        ("our own address", PEER_MAC, OUR),
        ("the broadcast address", PEER_MAC, Ipv4Addr::new(10, 0, 2, 255)),
        ("a multicast address", PEER_MAC, Ipv4Addr::new(224, 0, 0, 5)),
        ("the loopback", PEER_MAC, Ipv4Addr::LOCALHOST),
        ("a group as link address", broadcast_mac, PEER),
        ("zero as link address", Mac::default(), PEER),
    ];
    for (name, mac, address) in cases {
        let mut lab = Lab::new();
        lab.receive_arp(Mac::BROADCAST, PEER_MAC, &arp(Request, (mac, address), OUR));
        assert_eq!(lab.stack.neighbours().count(), 0, "{name}");
        assert_eq!(lab.sent(), [], "{name}");
        assert_eq!(lab.drops(DropReason::Martian), 1, "{name}");
    }
}

#[test]
fn off_link_senders_are_answered_but_not_remembered() {
    let mut lab = Lab::new();
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &arp(Request, (PEER_MAC, Ipv4Addr::new(192, 0, 2, 1)), OUR));
    assert_eq!((lab.sent().len(), lab.stack.neighbours().count()), (1, 0));
}

#[test]
fn an_old_entry_is_used_while_it_is_asked_about() {
    let mut lab = Lab::new();
    let id = lab.udp(1000);
    lab.send_to(id, b"one", (PEER, 7)).expect("sent");
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, PEER), OUR));
    lab.pass(CONFIRMED + Duration::from_millis(1));
    lab.sent();
    assert_eq!(lab.stack.next_deadline(), None, "idle entries cost no timers");

    lab.send_to(id, b"two", (PEER, 7)).expect("sent");
    let seen = lab.sent();
    assert_eq!((datagrams(&seen), requests(&seen)), (1, vec![(PEER_MAC, PEER)]), "asked by unicast");
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, PEER), OUR));
    assert_eq!(lab.stack.next_deadline(), None);

    // It moved: three questions, then everyone is asked.
    lab.pass(CONFIRMED + Duration::from_millis(1));
    lab.send_to(id, b"three", (PEER, 7)).expect("sent");
    lab.pass(Duration::from_secs(3));
    assert_eq!(requests(&lab.sent()).len(), 3);
    assert_eq!(knows(&lab, PEER), None);
    lab.send_to(id, b"four", (PEER, 7)).expect("sent");
    assert_eq!(requests(&lab.sent()), [(Mac::BROADCAST, PEER)]);
}

#[test]
fn the_first_of_two_answers_counts() {
    let mut lab = Lab::new();
    let id = lab.udp(1000);
    lab.send_to(id, b"one", (PEER, 7)).expect("sent");
    let thief = Mac([2, 0, 0, 0, 0, 66]);
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, PEER), OUR));
    lab.receive_arp(OUR_MAC, thief, &arp(Reply, (thief, PEER), OUR));
    assert_eq!(knows(&lab, PEER), Some(PEER_MAC));
}

#[test]
fn a_flood_does_not_push_out_the_gateway() {
    let mut lab = Lab::new();
    let id = lab.udp(1000);
    lab.send_to(id, b"one", (PEER, 7)).expect("sent");
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Reply, (PEER_MAC, PEER), OUR));
    for number in 0..1000u32 {
        let stranger = Ipv4Addr::new(10, 0, 2, (number % 200) as u8 + 20);
        let [_, _, high, low] = number.to_be_bytes();
        let mac = Mac([2, 0, 0, 0, high, low]);
        lab.receive_arp(Mac::BROADCAST, mac, &arp(Request, (mac, stranger), OUR));
    }
    // And one of our own making: packets to hosts that do not exist.
    for last in 20..220 {
        lab.send_to(id, b"scan", (Ipv4Addr::new(10, 0, 2, last), 7)).expect("queued");
    }
    assert_eq!(lab.stack.neighbours().count(), MAX_ENTRIES);
    assert_eq!(knows(&lab, PEER), Some(PEER_MAC));
    lab.pass(Duration::from_secs(5));
    assert_eq!(lab.stack.memory().used(), 0, "what was evicted was accounted for");
}

#[test]
fn entries_set_by_hand_stay() {
    let mut lab = Lab::with_peer();
    let thief = Mac([2, 0, 0, 0, 0, 66]);
    lab.receive_arp(OUR_MAC, thief, &arp(Reply, (thief, PEER), OUR));
    assert_eq!(knows(&lab, PEER), Some(PEER_MAC));
    let wanted = Neighbour { address: PEER, iface: ETH, mac: None, permanent: true };
    assert_eq!(lab.call(|stack, cx| stack.set_neighbour(cx, wanted)), Err(Errno::EINVAL));
    assert_eq!(lab.stack.remove_neighbour(ETH, PEER), Ok(()));
    assert_eq!(lab.stack.remove_neighbour(ETH, PEER), Err(Errno::ENXIO));
}

#[test]
fn short_and_foreign_packets_are_dropped() {
    let good = arp(Request, (PEER_MAC, PEER), OUR);
    for len in 0..good.len() {
        let mut lab = Lab::new();
        lab.receive_arp(Mac::BROADCAST, PEER_MAC, &good[..len]);
        assert_eq!((lab.sent(), lab.drops(DropReason::UnknownVersion)), (vec![], 1), "{len} bytes");
    }
    let mut lab = Lab::new();
    lab.host.wakes.clear();
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &[good, vec![0; 18]].concat());
    assert_eq!(lab.sent().len(), 1, "padding is no harm");
    assert_eq!(lab.host.take_wakes(Owner(0)), []);
}

#[test]
fn answers_to_strangers_who_are_not_there_do_not_fill_the_memory() {
    let mut lab = Lab::new();
    lab.stack.configure(Config { memory_limit: 128 * 1024 }, Secret::new([1; 16]));
    for last in 100..132 {
        let stranger = Ipv4Addr::new(10, 0, 2, last);
        let header = craft::header(stranger, OUR, Protocol::ICMP);
        for sequence in 0..8 {
            lab.receive_packet(&craft::packet(header, &[], &craft::message(8, 0, 1, sequence, &[0; 1400])));
        }
    }
    assert!(lab.stack.memory().used() < 98 * 1024, "{:?}", lab.stack.memory());
    lab.pass(RETRY + RETRY + RETRY);
    assert_eq!(lab.stack.memory().used(), 0);
}

#[test]
fn what_was_confirmed_a_month_ago_is_asked_about() {
    let mut lab = Lab::with_peer();
    lab.call(|stack, _| stack.remove_neighbour(ETH, PEER)).expect("known");
    lab.receive_arp(OUR_MAC, PEER_MAC, &arp(Request, (PEER_MAC, PEER), OUR));
    lab.now = lab.now + Duration::from_secs(30 * 24 * 3600);
    let id = lab.udp(1000);
    lab.sent();
    assert_eq!(lab.send_to(id, b"one", (PEER, 7)), Ok(()));
    assert_eq!(requests(&lab.sent()), [(PEER_MAC, PEER)]);
}
