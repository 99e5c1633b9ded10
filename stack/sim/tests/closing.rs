//! How connections end: each half, both at once, by reset, and what remains.

use linnet_core::errno::Errno;
use linnet_core::host::{Owner, Wake};
use linnet_core::socket::{Close, Front, How, Linger, Opt, Readiness, SocketId};
use linnet_core::time::Duration;
use linnet_sim::peer::{Bench, FIN_ACK, PEER_ISS, SYN_ACK};
use linnet_wire::tcp::Flags;

const IN: Readiness = Readiness::IN.with(Readiness::RDNORM);
const OUT: Readiness = Readiness::OUT.with(Readiness::WRNORM);

/// Linux's numbers of the states.
const ESTABLISHED: u8 = 1;
const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

fn states(bench: &Bench) -> Vec<u8> {
    bench.node.rows().iter().map(|row| row.state).filter(|state| *state != 10).collect()
}

#[test]
fn the_peer_closes_first() {
    let (mut bench, _, socket) = Bench::new().accepted();
    assert_eq!((bench.node.state(socket), bench.node.readiness(socket)), (ESTABLISHED, OUT));
    bench.data(b"bye");
    assert_eq!(bench.fin()[0].ack, bench.next.seq);
    assert_eq!(bench.node.state(socket), CLOSE_WAIT);
    assert_eq!(bench.node.readiness(socket), IN | OUT | Readiness::RDHUP);
    assert_eq!(bench.node.recv(socket, 10), Ok(b"bye".to_vec()));
    assert_eq!(bench.node.recv(socket, 10), Ok(Vec::new()));
    // Our half is still open.
    assert_eq!(bench.node.send(socket, b"more"), Ok(4));
    assert_eq!(bench.sent()[0].payload, b"more");
    bench.next.ack = bench.next.ack.wrapping_add(4);
    bench.node.close(socket, Linger::Background);
    assert_eq!(bench.sent()[0].flags, FIN_ACK);
    assert_eq!(states(&bench), [LAST_ACK]);
    bench.next.ack = bench.next.ack.wrapping_add(1);
    bench.send();
    assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0));
}

#[test]
fn half_close_reads_on() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.shutdown(socket, How::Write).expect("connected");
    assert_eq!(bench.sent()[0].flags, FIN_ACK);
    assert_eq!(bench.node.state(socket), FIN_WAIT1);
    assert_eq!(bench.node.send(socket, b"x"), Err(Errno::EPIPE));
    bench.next.ack = bench.next.ack.wrapping_add(1);
    bench.send();
    assert_eq!((bench.node.state(socket), bench.node.readiness(socket)), (FIN_WAIT2, OUT));
    bench.data(b"still");
    assert_eq!(bench.node.recv(socket, 10), Ok(b"still".to_vec()));
    bench.fin();
    assert_eq!((bench.node.state(socket), states(&bench)), (CLOSE, vec![TIME_WAIT]));
    assert_eq!(bench.node.readiness(socket), IN | OUT | Readiness::RDHUP | Readiness::HUP);
    assert_eq!(bench.node.recv(socket, 10), Ok(Vec::new()));
    bench.node.close(socket, Linger::Background);
    bench.pass(59_000);
    assert_eq!(states(&bench), [TIME_WAIT]);
    bench.pass(2000);
    assert_eq!(states(&bench), []);
}

#[test]
fn both_close_at_once() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.close(socket, Linger::Background);
    bench.sent();
    // The peer's FIN crosses ours.
    bench.fin();
    assert_eq!(states(&bench), [CLOSING]);
    bench.next.ack = bench.next.ack.wrapping_add(1);
    bench.send();
    assert_eq!(states(&bench), [TIME_WAIT]);
    // The peer has lost our acknowledgment: its FIN again is answered.
    bench.next.seq = bench.next.seq.wrapping_sub(1);
    let answers = bench.fin();
    assert_eq!((answers[0].flags, answers[0].ack), (Flags::ACK, bench.next.seq));
}

#[test]
fn a_new_syn_takes_the_place_of_time_wait() {
    let (mut bench, listener, socket) = Bench::new().accepted();
    bench.node.close(socket, Linger::Background);
    let last = bench.sent()[0].seq;
    bench.next.ack = bench.next.ack.wrapping_add(1);
    bench.fin();
    assert_eq!(states(&bench), [TIME_WAIT]);
    // RFC 1337: a reset does not end it.
    bench.try_with(|segment| segment.flags = Flags::RST);
    assert_eq!(states(&bench), [TIME_WAIT]);
    // An old SYN does not.
    bench.try_with(|segment| {
        segment.flags = Flags::SYN;
        segment.seq = PEER_ISS;
    });
    assert_eq!(states(&bench), [TIME_WAIT]);
    bench.next.flags = Flags::SYN;
    bench.next.seq = bench.next.seq.wrapping_add(1000);
    let answer = bench.try_with(|_| {});
    assert_eq!(answer[0].flags, SYN_ACK);
    assert!(answer[0].seq.wrapping_sub(last) as i32 > 0, "above the old connection's numbers");
    bench.open();
    assert!(bench.node.accept(listener, 2).is_ok());
}

#[test]
fn data_for_a_reader_that_has_gone_is_reset() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.close(socket, Linger::Background);
    bench.sent();
    assert!(bench.data(b"late")[0].flags.has(Flags::RST));
    assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0));
    // The same once our FIN is acknowledged and only a remnant is left.
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.close(socket, Linger::Background);
    bench.sent();
    bench.next.ack = bench.next.ack.wrapping_add(1);
    bench.send();
    assert_eq!(states(&bench), [FIN_WAIT2]);
    assert!(bench.data(b"late")[0].flags.has(Flags::RST));
    assert_eq!(states(&bench), []);
}

#[test]
fn closing_with_unread_data_resets() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.data(b"unread");
    bench.node.close(socket, Linger::Background);
    assert!(bench.sent()[0].flags.has(Flags::RST));
    assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0));
}

#[test]
fn lingering() {
    // With zero: reset, and what was queued is lost.
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, b"lost").expect("room");
    assert_eq!(bench.node.close(socket, Linger::Abort), Close::Done);
    assert!(bench.sent()[1].flags.has(Flags::RST));
    assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0));
    // With time: the owner is woken when all is acknowledged.
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, b"kept").expect("room");
    let patience = Linger::Wait(Duration::from_secs(5));
    assert_eq!(bench.node.close(socket, patience), Close::Lingering);
    bench.node.host.take_wakes(Owner(1));
    bench.sent();
    bench.next.ack = bench.next.ack.wrapping_add(5);
    bench.send();
    assert!(bench.node.host.take_wakes(Owner(1)).contains(&Wake::State));
    bench.node.with(|stack, cx| stack.set_owner(cx, socket, None));
    assert_eq!(states(&bench), [FIN_WAIT2]);
}

#[test]
fn an_orphan_in_fin_wait_2_ends() {
    for (linger_two, lasts) in [(0, 60_000), (5, 5_000), (-1, 0)] {
        let (mut bench, _, socket) = Bench::new().accepted();
        bench.node.set(socket, Opt::LingerTwo(linger_two));
        bench.node.shutdown(socket, How::Write).expect("connected");
        bench.next.ack = bench.next.ack.wrapping_add(1);
        bench.send();
        bench.sent();
        bench.node.close(socket, Linger::Background);
        if lasts > 0 {
            bench.pass(lasts - 1000);
            assert_eq!(states(&bench), [FIN_WAIT2], "{linger_two}");
            bench.pass(2000);
        } else {
            assert!(bench.sent()[0].flags.has(Flags::RST));
        }
        assert_eq!(states(&bench), [], "{linger_two}");
    }
}

#[test]
fn an_orphan_that_nobody_answers_ends() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, b"never acknowledged").expect("room");
    bench.node.close(socket, Linger::Background);
    // The data, the FIN, and eight times again.
    let sent = bench.pass(400_000);
    assert!(sent.len() <= 10, "{} segments", sent.len());
    assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0));
    // Nor one whose peer holds the window closed, but answers.
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.next.window = 0;
    bench.send();
    bench.node.send(socket, b"no room").expect("room");
    bench.node.close(socket, Linger::Background);
    for _ in 0..40 {
        let probes = bench.pass(60_000);
        if !probes.is_empty() {
            bench.send();
        }
    }
    assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0));
}

#[test]
fn a_reset_in_each_state() {
    type Prepare = fn(&mut Bench, SocketId);
    let cases: [(&str, Prepare, Option<Errno>); 3] = [
        ("established", |_, _| {}, Some(Errno::ECONNRESET)),
        ("close wait", |bench, _| drop(bench.fin()), Some(Errno::EPIPE)),
        (
            "fin wait 2",
            |bench, socket| {
                bench.node.shutdown(socket, How::Write).expect("connected");
                bench.next.ack = bench.next.ack.wrapping_add(1);
                bench.send();
            },
            Some(Errno::ECONNRESET),
        ),
    ];
    for (name, prepare, expected) in cases {
        let (mut bench, _, socket) = Bench::new().accepted();
        prepare(&mut bench, socket);
        bench.sent();
        bench.try_with(|segment| segment.flags = Flags::RST);
        let mask = bench.node.readiness(socket);
        assert!(
            mask.contains(Readiness::ERR | Readiness::HUP | IN | OUT | Readiness::RDHUP),
            "{name}: {mask:?}"
        );
        assert_eq!(bench.node.state(socket), CLOSE, "{name}");
        // Linux's order: the peer's FIN is read before an error, an error before the end that it made.
        let end = bench.node.stack.recv_front(socket, 0);
        if name == "close wait" {
            assert!(matches!(end, Ok(Front::Eof)), "{name}: {end:?}");
            assert_eq!(bench.node.error(socket), expected, "{name}");
        } else {
            assert_eq!(end.err(), expected, "{name}");
        }
        let end = bench.node.stack.recv_front(socket, 0);
        assert_eq!(matches!(end, Ok(Front::Shut)), name != "close wait", "{name}: {end:?}");
        assert_eq!(bench.node.error(socket), None, "{name}");
        assert_eq!(bench.node.send(socket, b"x"), Err(Errno::EPIPE), "{name}");
        assert_eq!(bench.node.recv(socket, 1), Ok(Vec::new()), "{name}");
        bench.node.close(socket, Linger::Background);
        assert_eq!((states(&bench), bench.node.memory()), (Vec::new(), 0), "{name}");
    }
}

#[test]
fn a_fin_before_its_data() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.try_with(|segment| {
        segment.seq = segment.seq.wrapping_add(3);
        segment.flags = FIN_ACK;
        segment.payload = b"def".to_vec();
    });
    assert_eq!(bench.node.state(socket), ESTABLISHED);
    bench.data(b"abc");
    assert_eq!(bench.node.state(socket), CLOSE_WAIT);
    assert_eq!(bench.node.recv(socket, 10), Ok(b"abcdef".to_vec()));
    assert_eq!(bench.node.recv(socket, 10), Ok(Vec::new()));
}

#[test]
fn disconnecting_makes_a_socket_as_new() {
    let (mut bench, socket) = Bench::new().connected();
    bench.node.with(|stack, cx| stack.disconnect(cx, socket)).expect("a socket");
    assert!(bench.sent()[0].flags.has(Flags::RST));
    assert_eq!(bench.node.readiness(socket), Readiness::HUP | OUT);
    bench.connect(socket);
    assert_eq!(bench.node.state(socket), 2);
}

#[test]
fn time_wait_gives_way_only_where_somebody_listens() {
    for (name, listens) in [("nobody listens", false), ("a listener", true)] {
        let (mut bench, listener, socket) = Bench::new().accepted();
        bench.node.close(socket, Linger::Background);
        bench.sent();
        bench.next.ack = bench.next.ack.wrapping_add(1);
        bench.send();
        bench.fin();
        if !listens {
            bench.node.close(listener, Linger::Background);
        }
        let answers = bench.try_with(|segment| {
            segment.flags = Flags::SYN;
            segment.seq = segment.seq.wrapping_add(100_000);
        });
        let remains = bench.node.rows().iter().any(|row| row.state == 6);
        assert_eq!(
            (answers.len(), answers[0].flags.has(Flags::SYN), remains),
            (1, listens, !listens),
            "{name}"
        );
        assert!(!answers[0].flags.has(Flags::RST), "{name}");
    }
}

#[test]
fn who_waits_for_a_connection_hears_that_none_will_come() {
    let mut bench = Bench::new();
    let listener = bench.node.listener(80, 4);
    bench.node.with(|stack, cx| stack.disconnect(cx, listener)).expect("a listener");
    assert_eq!(bench.node.host.take_wakes(Owner(1080)), [Wake::State]);
}
