//! Silence: closed windows, peers that have gone, acknowledgments that wait.

use linnet_core::errno::Errno;
use linnet_core::host::{Owner, Wake};
use linnet_core::secret::Secret;
use linnet_core::socket::{Common, Front, Opt, Readiness};
use linnet_core::stack::Config;
use linnet_sim::peer::Bench;
use linnet_wire::tcp::Flags;

const OUT: Readiness = Readiness::OUT.with(Readiness::WRNORM);

#[test]
fn a_closed_window_is_probed_ever_more_seldom() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.next.window = 0;
    bench.send();
    bench.node.send(socket, b"waits").expect("room");
    assert_eq!(bench.sent(), []);
    let mut times = Vec::new();
    for _ in 0..6 {
        let probes = bench.pass(10_000);
        for (at, probe) in probes {
            assert_eq!((probe.payload.len(), probe.seq), (0, bench.next.ack.wrapping_sub(1)));
            times.push(at);
        }
        // The peer answers each, and keeps its window closed.
        bench.send();
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.windows(2).all(|pair| pair[1] >= pair[0]), "{times:?}");
    assert!(times.len() >= 5, "{times:?}");
    bench.next.window = 1000;
    assert_eq!(bench.try_with(|_| {})[0].payload, b"waits");
}

#[test]
fn a_window_that_stays_closed_ends_with_the_user_timeout() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.set(socket, Opt::UserTimeout(30_000));
    bench.next.window = 0;
    bench.send();
    bench.node.send(socket, b"waits").expect("room");
    for _ in 0..60 {
        bench.pass(1000);
        bench.send();
    }
    assert_eq!(bench.node.error(socket), Some(Errno::ETIMEDOUT));
}

#[test]
fn a_silly_window_is_not_filled() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, &[1; 5000]).expect("room");
    let sent: u32 = bench.sent().iter().map(|segment| segment.payload.len() as u32).sum();
    bench.next.ack = bench.next.ack.wrapping_add(sent);
    bench.next.window = 10;
    bench.node.send(socket, &[1; 3000]).expect("room");
    bench.sent();
    assert_eq!(bench.try_with(|_| {}), []);
}

#[test]
fn keepalive_ends_a_dead_peer() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.set(socket, Opt::KeepIdle(60));
    bench.node.set(socket, Opt::KeepInterval(10));
    bench.node.set(socket, Opt::KeepCount(3));
    bench.node.set_common(socket, Common { keepalive: true, ..Common::DEFAULT });
    // One that answers lives.
    for _ in 0..3 {
        let probes = bench.pass(61_000);
        assert_eq!(probes.len(), 1);
        assert_eq!(probes[0].1.seq, bench.next.ack.wrapping_sub(1));
        bench.send();
    }
    let sent = bench.pass(120_000);
    let flags: Vec<_> = sent.iter().map(|(_, segment)| segment.flags.has(Flags::RST)).collect();
    assert_eq!(flags, [false, false, false, true]);
    assert_eq!(bench.node.error(socket), Some(Errno::ETIMEDOUT));
}

#[test]
fn unanswered_data_ends_after_fifteen_minutes_or_when_the_program_says() {
    for (user_timeout, low, high) in [(0, 920_000, 1_100_000), (5000, 5000, 8000)] {
        let (mut bench, _, socket) = Bench::new().accepted();
        bench.node.set(socket, Opt::UserTimeout(user_timeout));
        bench.node.send(socket, b"never").expect("room");
        bench.sent();
        let sent = bench.pass(2_000_000);
        assert_eq!(bench.node.error(socket), Some(Errno::ETIMEDOUT));
        assert!(sent.iter().all(|(_, segment)| segment.payload == b"never"));
        let last = sent.last().map_or(0, |(at, _)| *at);
        assert!(last <= high && last >= low / 2, "{user_timeout}: {last}");
    }
}

#[test]
fn a_soft_error_explains_a_timeout() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.set(socket, Opt::UserTimeout(5000));
    bench.node.send(socket, b"never").expect("room");
    let segment = bench.sent().remove(0);
    bench.inject_icmp(3, 1, 0, &segment);
    assert_eq!(bench.node.error(socket), None);
    bench.pass(20_000);
    assert_eq!(bench.node.error(socket), Some(Errno::EHOSTUNREACH));
}

#[test]
fn acknowledgments_wait_for_company() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.set(socket, Opt::QuickAck(false));
    assert_eq!(bench.data(b"small"), []);
    let sent = bench.pass(100);
    assert_eq!((sent.len(), sent[0].0), (1, 40));
    // Every second full segment is acknowledged at once.
    bench.data(&[0; 1460]);
    assert_eq!(bench.data(&[0; 1460]).len(), 1);
    // An answer carries it.
    bench.data(b"question");
    bench.node.send(socket, b"answer").expect("room");
    assert_eq!(bench.sent()[0].ack, bench.next.seq);
    assert_eq!(bench.pass(100).len(), 0);
}

#[test]
fn a_reader_that_waits_closes_and_opens_the_window() {
    let (mut bench, _, socket) = Bench::new().accepted();
    let mut window = 0;
    let mut total = 0;
    for _ in 0..100 {
        let answers = bench.data(&[9; 1460]);
        total += 1460;
        window = answers.last().map_or(window, |answer| answer.window);
        if window < 1460 {
            break;
        }
    }
    assert!(window < 1460, "the window closes: {window} after {total}");
    assert!(bench.node.memory() < 70_000);
    let read = bench.node.recv(socket, 1 << 20).expect("data").len();
    assert_eq!(read, total);
    let update = bench.sent();
    assert!(update.last().is_some_and(|update| update.window > 8000), "{update:?}");
}

#[test]
fn a_writer_is_woken_when_a_third_is_free() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.next.window = u16::MAX;
    bench.send();
    let mut sent = 0;
    while let Ok(count) = bench.node.send(socket, &[3; 1460]) {
        sent += count;
    }
    assert_eq!(bench.node.readiness(socket), Readiness::NONE);
    bench.node.host.take_wakes(Owner(1));
    let mut acked = 0;
    while acked < sent {
        acked += 1460;
        bench.next.ack = bench.next.ack.wrapping_add(1460);
        bench.send();
        if !bench.node.host.take_wakes(Owner(1)).is_empty() {
            break;
        }
    }
    assert!(acked * 4 >= sent && acked * 2 <= sent, "woken after {acked} of {sent}");
    assert_eq!(bench.node.readiness(socket), OUT);
}

#[test]
fn one_wake_for_one_segment() {
    let (mut bench, _, _) = Bench::new().accepted();
    bench.node.host.take_wakes(Owner(1));
    bench.data(&[1; 1000]);
    assert_eq!(bench.node.host.take_wakes(Owner(1)), [Wake::Readable]);
}

#[test]
fn who_is_refused_memory_to_send_is_not_writable_until_an_acknowledgment() {
    let mut bench = Bench::new();
    bench.node.stack.configure(Config { memory_limit: 8 * 1024 }, Secret::new([1; 16]));
    let (mut bench, _, socket) = bench.accepted();
    while bench.node.send(socket, &[1; 1460]).is_ok() {}
    let sent: u32 = bench.sent().iter().map(|segment| segment.payload.len() as u32).sum();
    // A host that waits to write would else be told at once to try again, and again.
    assert_eq!(bench.node.send(socket, &[1; 1460]), Err(Errno::EAGAIN));
    assert!(!bench.node.readiness(socket).contains(OUT));
    bench.node.host.wakes.clear();
    bench.next.ack = bench.next.ack.wrapping_add(sent);
    bench.send();
    assert!(bench.node.readiness(socket).contains(OUT));
    assert_eq!(bench.node.host.take_wakes(Owner(1)), [Wake::Writable]);
    assert_eq!(bench.node.send(socket, b"more"), Ok(4));
}

#[test]
fn a_mark_beyond_what_fits_does_not_wait_for_ever() {
    let (mut bench, _, socket) = Bench::new().accepted();
    let readable =
        |bench: &Bench, lowat| bench.node.stack.readiness_from(socket, lowat).contains(Readiness::IN);
    bench.data(&[1; 999]);
    assert!(readable(&bench, 999) && !readable(&bench, 1000));
    // Segments that take more memory than they bring: the window closes long before the mark.
    let mut sent = 999;
    while !readable(&bench, 1 << 20) {
        assert!(sent < 64 << 10, "waits for ever");
        let window = bench.data(&[1; 300]).last().map(|answer| answer.window);
        assert!(window.is_none_or(|window| window > 0), "closed, and not readable");
        sent += 300;
    }
    // A peek for more ends likewise.
    assert!(matches!(bench.node.stack.recv_front(socket, sent), Ok(Front::Shut)));
    assert_eq!(bench.node.recv(socket, usize::MAX).map(|read| read.len()), Ok(sent));
    assert!(!readable(&bench, 1));
}
