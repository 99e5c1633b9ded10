//! Fragmentation and reassembly (checklist item 2), the latter against a naive model.

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::net::reassembly::{MAX_DATAGRAMS, TIMEOUT};
use linnet_core::secret::Secret;
use linnet_core::socket::{Common, MtuDiscovery, Opt, SocketId};
use linnet_core::stack::Config;
use linnet_core::time::Duration;
use linnet_sim::craft::{self, Seen};
use linnet_sim::lab::{Lab, OUR, PEER};
use linnet_wire::ipv4::{self, Protocol};

/// A UDP datagram from the peer, cut into pieces at `cuts` (bytes of IPv4 payload).
fn pieces(id: u16, payload: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let datagram = craft::datagram((PEER, 7), (OUR, 1000), payload);
    let ends = cuts.iter().copied().chain([datagram.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts
        .zip(ends)
        .map(|(start, end)| piece(id, start, end < datagram.len(), &datagram[start..end]))
        .collect()
}

fn piece(id: u16, offset: usize, more_fragments: bool, bytes: &[u8]) -> Vec<u8> {
    let header = craft::header(PEER, OUR, Protocol::UDP);
    craft::packet(ipv4::Header { id, more_fragments, offset: offset as u16, ..header }, &[], bytes)
}

fn lab() -> (Lab, SocketId) {
    let mut lab = Lab::with_peer();
    let id = lab.udp(1000);
    let common = Common { receive_buffer: 1 << 20, ..Common::DEFAULT };
    lab.call(|stack, cx| stack.set_common(cx, id, &common));
    (lab, id)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 7 + index / 256) as u8).collect()
}

#[test]
fn pieces_in_any_order_make_one_datagram() {
    let payload = pattern(4000);
    let pieces = pieces(1, &payload, &[1480, 2960]);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (mut lab, id) = lab();
        for index in order {
            assert_eq!(lab.recv(id), Err(Errno::EAGAIN), "{order:?}");
            lab.receive_packet(&pieces[index]);
        }
        assert_eq!(lab.recv(id).expect("datagram").0, payload, "{order:?}");
        assert_eq!((lab.stack.memory().used(), lab.host.live_buffers()), (0, 0), "{order:?}");
        assert_eq!(lab.stack.next_deadline(), None);
    }
}

#[test]
fn repetitions_are_ignored() {
    let payload = pattern(3000);
    let (mut lab, id) = lab();
    for piece in pieces(1, &payload, &[1480]) {
        lab.receive_packet(&piece);
        lab.receive_packet(&piece);
    }
    assert_eq!(lab.recv(id).expect("datagram").0, payload);
}

#[test]
fn the_largest_datagram_passes_and_no_larger() {
    let payload = pattern(65_507);
    let (mut lab, id) = lab();
    let cuts: Vec<usize> = (1480..65_515).step_by(1480).collect();
    for piece in pieces(1, &payload, &cuts) {
        lab.receive_packet(&piece);
    }
    assert_eq!(lab.recv(id).expect("datagram").0, payload);
    lab.receive_packet(&piece(2, 65_512, false, &[0; 8]));
    assert_eq!(lab.drops(DropReason::BadFragment), 1, "ping of death");
}

#[test]
fn overlaps_refuse_the_whole_datagram() {
    let datagram = craft::datagram((PEER, 7), (OUR, 1000), &pattern(3000));
    let cut = |start: usize, end: usize| piece(1, start, end < datagram.len(), &datagram[start..end]);
    let cases: &[(&str, Vec<Vec<u8>>)] = &[
        ("by eight bytes", vec![cut(0, 1480), cut(1472, 3008)]),
        ("one inside another", vec![cut(0, 1480), cut(8, 800), cut(1480, 3008)]),
        ("around another", vec![cut(800, 1600), cut(0, 2400), cut(2400, 3008)]),
        ("same start, other length", vec![cut(0, 1480), cut(0, 800), cut(1480, 3008)]),
        ("two ends", vec![piece(1, 1480, false, &datagram[1480..2000]), cut(1480, 3008), cut(0, 1480)]),
        ("beyond the end", vec![piece(1, 8, false, &datagram[8..1480]), cut(1480, 3008), cut(0, 8)]),
    ];
    for (name, pieces) in cases {
        let (mut lab, id) = lab();
        pieces.iter().for_each(|piece| lab.receive_packet(piece));
        assert_eq!(lab.recv(id).err(), Some(Errno::EAGAIN), "{name}");
        lab.pass(TIMEOUT);
        assert_eq!(
            (lab.stack.memory().used(), lab.host.live_buffers() - lab.host.sent.len()),
            (0, 0),
            "{name}"
        );
    }
}

#[test]
fn impossible_pieces_are_dropped() {
    let cases = [
        ("empty", piece(1, 1480, true, &[])),
        ("empty and last", piece(1, 1480, false, &[])),
        ("not a multiple of eight", piece(1, 0, true, &[0; 1479])),
        ("beyond 65 535", piece(1, 65_528, false, &[0; 8])),
    ];
    for (name, piece) in cases {
        let (mut lab, _) = lab();
        lab.receive_packet(&piece);
        assert_eq!(lab.drops(DropReason::BadFragment), 1, "{name}");
        assert_eq!((lab.stack.memory().used(), lab.stack.next_deadline()), (0, None), "{name}");
    }
}

#[test]
fn gaps_never_filled_time_out_with_an_error_for_the_first_piece_only() {
    let pieces = pieces(1, &pattern(3000), &[1480]);
    for (index, errors) in [(0, 1), (1, 0)] {
        let (mut lab, _) = lab();
        lab.receive_packet(&pieces[index]);
        assert!(lab.stack.memory().used() > 0);
        lab.pass(Duration::from_millis(TIMEOUT.as_millis() - 1));
        assert_eq!(lab.sent(), []);
        lab.pass(Duration::from_millis(1));
        let seen = lab.sent();
        assert_eq!(seen.len(), errors);
        if let [Seen::Icmp(_, header, _)] = &seen[..] {
            assert_eq!((header.icmp_type, header.code), (11, 1));
        }
        assert_eq!((lab.stack.memory().used(), lab.host.live_buffers()), (0, 0));
        assert_eq!(lab.drops(DropReason::FragmentTimeout), 1);
    }
}

#[test]
fn a_flood_of_first_pieces_is_bounded_and_the_oldest_gives_way() {
    let (mut lab, id) = lab();
    for number in 0..1000 {
        lab.receive_packet(&piece(number, 0, true, &[0; 1480]));
    }
    assert_eq!(lab.host.live_buffers(), MAX_DATAGRAMS);
    let payload = pattern(3000);
    for piece in pieces(5000, &payload, &[1480]) {
        lab.receive_packet(&piece);
    }
    assert_eq!(lab.recv(id).expect("a real one gets through").0, payload);
}

#[test]
fn tiny_pieces_of_one_datagram_are_bounded() {
    let (mut lab, _) = lab();
    for offset in (8..65_000).step_by(16) {
        lab.receive_packet(&piece(1, offset, true, &[0; 8]));
    }
    assert!(lab.stack.memory().used() <= linnet_core::net::reassembly::MAX_BYTES);
}

#[test]
fn agrees_with_a_naive_model() {
    let mut random = 0x2545_f491u32;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random as usize % below
    };
    for round in 0..400u16 {
        let len = 100 + draw(6000);
        let payload = pattern(len);
        let total = len + 8;
        let mut cuts: Vec<usize> = (0..1 + draw(6)).map(|_| 8 * (1 + draw(total / 8 - 1))).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces = pieces(round, &payload, &cuts);
        // Shuffle, repeat some, lose one in every third round.
        for index in (1..pieces.len()).rev() {
            pieces.swap(index, draw(index + 1));
        }
        if draw(2) == 0 {
            // One only: two could make the datagram again.
            let copy = pieces[draw(pieces.len())].clone();
            let place = draw(pieces.len() + 1);
            pieces.insert(place, copy);
        }
        let lost = (round % 3 == 0).then(|| pieces[draw(pieces.len())].clone());
        let (mut lab, id) = lab();
        let mut got = None;
        for piece in pieces.iter().filter(|piece| lost.as_ref() != Some(piece)) {
            lab.receive_packet(piece);
            if let Ok((bytes, _)) = lab.recv(id) {
                assert!(got.replace(bytes).is_none(), "round {round}: delivered twice");
            }
        }
        assert!(got == (if lost.is_some() { None } else { Some(payload) }), "round {round}, cuts {cuts:?}");
        lab.pass(TIMEOUT);
        assert_eq!(lab.stack.memory().used(), 0, "round {round}");
    }
}

#[test]
fn large_datagrams_leave_in_pieces_that_fit_together() {
    let (mut lab, id) = lab();
    let payload = pattern(8192);
    lab.send_to(id, &payload, (PEER, 7)).expect("sent");
    let mut got = vec![];
    let seen = lab.sent();
    for (index, seen) in seen.iter().enumerate() {
        let Seen::Other(ip, bytes) = seen else { panic!("{seen:?}") };
        assert_eq!((ip.offset as usize, ip.dont_fragment), (got.len(), false));
        assert_eq!(ip.more_fragments, index + 1 < 6);
        assert!(ip.total_len <= 1500);
        got.extend_from_slice(bytes);
    }
    assert_eq!((seen.len(), &got[8..]), (6, &payload[..]));
    assert_eq!(lab.host.live_buffers(), 0);
}

#[test]
fn what_may_not_be_fragmented_is_refused() {
    let (mut lab, id) = lab();
    assert_eq!(lab.send_to(id, &pattern(65_508), (PEER, 7)), Err(Errno::EMSGSIZE));
    lab.call(|stack, cx| stack.set_option(cx, id, Opt::MtuDiscover(MtuDiscovery::Always))).expect("option");
    assert_eq!(lab.send_to(id, &pattern(1473), (PEER, 7)), Err(Errno::EMSGSIZE));
    assert_eq!(lab.send_to(id, &pattern(1472), (PEER, 7)), Ok(()));
    assert_eq!(lab.sent().len(), 1);
}

#[test]
fn identifications_are_keyed_and_do_not_repeat_soon() {
    let (mut lab, id) = lab();
    lab.call(|stack, cx| stack.set_option(cx, id, Opt::MtuDiscover(MtuDiscovery::Never))).expect("option");
    let mut ids = vec![];
    for _ in 0..1000 {
        lab.send_to(id, b"x", (PEER, 7)).expect("sent");
        let [Seen::Udp(ip, ..)] = &lab.sent()[..] else { panic!("one datagram") };
        assert!(!ids.contains(&ip.id));
        ids.push(ip.id);
    }
    let steps: Vec<u16> = ids.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps.iter().any(|step| *step != steps[0]), "not a plain counter");
}

#[test]
fn fragments_leave_most_of_a_small_cap_to_others() {
    let (mut lab, _) = lab();
    lab.stack.configure(Config { memory_limit: 128 * 1024 }, Secret::new([1; 16]));
    for id in 0..200 {
        lab.receive_packet(&piece(id, 0, true, &[0; 1480]));
        lab.receive_packet(&piece(id % 8, 1480 + 1480 * (id as usize / 8), true, &[0; 1480]));
        assert!(lab.stack.memory().used() <= 32 * 1024, "{id}: {}", lab.stack.memory().used());
    }
}
