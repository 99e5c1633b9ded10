//! What strangers and confused peers send, and what comes of it.

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::{Owner, Wake};
use linnet_core::socket::{Common, Front, How, Opt, OptName, Readiness};
use linnet_sim::peer::{Bench, NODE_PORT, Seg};
use linnet_wire::tcp::Flags;
use linnet_wire::tcp_options::{Options, Timestamps};

const RST_ACK: Flags = Flags::RST.with(Flags::ACK);

fn established(bench: &Bench) -> usize {
    bench.node.rows().iter().filter(|row| row.state == 1).count()
}

#[test]
fn blind_resets_and_syns_are_challenged_rarely() {
    let (mut bench, _, _) = Bench::new().accepted();
    bench.node.now += 1000;
    let mut answers = Vec::new();
    for guess in 1..1000 {
        answers.extend(bench.try_with(|segment| {
            segment.flags = if guess % 2 == 0 { RST_ACK } else { Flags::SYN };
            segment.seq = segment.seq.wrapping_add(guess * 10);
        }));
        bench.node.now += 1;
    }
    assert_eq!(established(&bench), 1);
    assert!(answers.len() <= 3, "{} challenges in a second", answers.len());
    assert!(answers.iter().all(|answer| answer.flags == Flags::ACK && answer.ack == bench.next.seq));
    // Outside of the window not even that.
    let before = bench.node.drops(DropReason::NotAcceptable);
    bench.try_with(|segment| {
        segment.flags = Flags::RST;
        segment.seq = segment.seq.wrapping_add(1 << 20);
    });
    assert_eq!(bench.node.drops(DropReason::NotAcceptable), before + 1);
    assert_eq!(established(&bench), 1);
}

#[test]
fn acknowledgments_of_what_was_not_sent() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, b"data").expect("room");
    bench.sent();
    for ack in [5u32, 1 << 30, 0x8000_0000, 0x9000_0000] {
        bench.node.now += 1000;
        let answers = bench.try_with(|segment| segment.ack = segment.ack.wrapping_add(ack));
        assert_eq!(answers.len(), 1, "{ack:#x}");
        assert_eq!(bench.node.option(socket, OptName::SendQueued), 4, "{ack:#x}");
    }
}

#[test]
fn data_without_an_acknowledgment_is_not_taken() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.try_with(|segment| {
        segment.flags = Flags::NONE;
        segment.payload = b"evil".to_vec();
    });
    assert_eq!(bench.node.recv(socket, 9), Err(Errno::EAGAIN));
}

#[test]
fn a_flood_out_of_order_is_bounded() {
    let (mut bench, _, socket) = Bench::new().accepted();
    let common = Common { receive_buffer: 1 << 20, ..Common::DEFAULT };
    bench.node.set_common(socket, common);
    // Every second byte, backwards and forwards.
    for at in (1..5000u32).chain((1..5000).rev()) {
        bench.try_with(|segment| {
            segment.seq = segment.seq.wrapping_add(at * 2);
            segment.payload = vec![0];
        });
    }
    assert!(bench.node.memory() < 512 * 600, "{}", bench.node.memory());
    assert!(bench.node.drops(DropReason::OutOfOrderDropped) > 0);
    // The connection works on.
    bench.data(b"abcdefgh");
    assert_eq!(bench.node.recv(socket, 3), Ok(b"abc".to_vec()));
}

#[test]
fn overlapping_segments_give_each_byte_once() {
    let (mut bench, _, socket) = Bench::new().accepted();
    let stream: Vec<u8> = (0..200).map(|at| at as u8).collect();
    for (from, to) in
        [(50, 60), (40, 70), (65, 90), (10, 45), (100, 120), (95, 125), (80, 110), (0, 20), (15, 130)]
    {
        bench.try_with(|segment| {
            segment.seq = segment.seq.wrapping_add(from as u32);
            segment.payload = stream[from..to].to_vec();
        });
    }
    assert_eq!(bench.node.recv(socket, 500), Ok(stream[..130].to_vec()));
    assert_eq!(bench.node.memory(), 0);
}

#[test]
fn timestamps_that_go_backwards() {
    let mut bench = Bench::new();
    let stamp = |value| Some(Timestamps { value, echo: 0 });
    bench.next.options.timestamps = stamp(1000);
    let listener = bench.node.listener(NODE_PORT, 4);
    bench.send();
    let answer = bench.sent().remove(0);
    bench.next.seq = bench.next.seq.wrapping_add(1);
    bench.next.ack = answer.seq.wrapping_add(1);
    bench.next.flags = Flags::ACK;
    bench.next.options = Options { timestamps: stamp(1001), ..Options::default() };
    bench.send();
    let socket = bench.node.accept(listener, 1).expect("a connection");
    bench.next.options.timestamps = stamp(1002);
    bench.data(b"new");
    let answers = bench.try_with(|segment| {
        segment.options.timestamps = stamp(900);
        segment.payload = b"old".to_vec();
    });
    assert_eq!((answers[0].flags, answers[0].ack), (Flags::ACK, bench.next.seq));
    assert_eq!(bench.node.drops(DropReason::OldTimestamp), 1);
    assert_eq!(bench.node.recv(socket, 10), Ok(b"new".to_vec()));
    // After 24 days of silence the comparison would mean nothing.
    bench.node.now += 25 * 24 * 3600 * 1000;
    bench.next.options.timestamps = stamp(900);
    bench.data(b"much later");
    assert_eq!(bench.node.recv(socket, 10), Ok(b"much later".to_vec()));
}

#[test]
fn a_segment_size_of_nothing_is_not_honoured() {
    for mss in [0, 1, 47] {
        let mut bench = Bench::new();
        bench.next.options.mss = Some(mss);
        let (mut bench, _, socket) = bench.accepted();
        bench.node.send(socket, &[0; 1000]).expect("room");
        let sent = bench.sent();
        assert!(sent[0].payload.len() >= 36, "{mss}: {}", sent[0].payload.len());
    }
}

#[test]
fn a_smaller_path_is_believed_only_with_a_number_in_flight() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, &[7; 1460]).expect("room");
    let segment: Seg = bench.sent().remove(0);
    assert_eq!(segment.payload.len(), 1460);
    let mut forged = segment.clone();
    forged.seq = segment.seq.wrapping_sub(1);
    bench.inject_icmp(3, 4, 600, &forged);
    assert_eq!((bench.sent(), bench.node.option(socket, OptName::MaxSegment)), (Vec::new(), 1460));
    bench.inject_icmp(3, 4, 600, &segment);
    let again = bench.sent();
    assert_eq!((again[0].seq, again[0].payload.len()), (segment.seq, 560));
    assert_eq!(bench.node.option(socket, OptName::MaxSegment), 560);
    // The rest follows as the timer finds it missing.
    bench.next.ack = bench.next.ack.wrapping_add(560);
    bench.send();
    let mut rest = bench.sent();
    rest.extend(bench.pass(2000).into_iter().map(|(_, segment)| segment));
    assert!(rest.iter().all(|segment| segment.payload.len() <= 560));
    assert!(rest.iter().any(|segment| segment.payload.len() == 560 || segment.payload.len() == 340));
    // Nor below what every host takes.
    bench.inject_icmp(3, 4, 68, &rest[0]);
    assert!(bench.node.option(socket, OptName::MaxSegment) >= 512);
}

#[test]
fn urgent_pointers() {
    let urgent = |bench: &mut Bench, pointer: u16, payload: &[u8]| {
        bench.try_with(|segment| {
            segment.flags = Flags::ACK.with(Flags::URG);
            segment.urgent = pointer;
            segment.payload = payload.to_vec();
        });
        bench.next.seq = bench.next.seq.wrapping_add(payload.len() as u32);
    };
    // Zero says nothing.
    let (mut bench, _, socket) = Bench::new().accepted();
    urgent(&mut bench, 0, b"abc");
    assert!(!bench.node.host.take_wakes(Owner(1)).contains(&Wake::Urgent));
    assert_eq!(bench.node.recv(socket, 10), Ok(b"abc".to_vec()));
    // The last byte of the segment: reading stops before it and leaves it out.
    urgent(&mut bench, 4, b"dataX");
    assert!(bench.node.host.take_wakes(Owner(1)).contains(&Wake::Urgent));
    assert!(bench.node.readiness(socket).contains(Readiness::PRI));
    // Past the end: announced; another that points back changes nothing.
    let (mut bench, _, socket) = Bench::new().accepted();
    urgent(&mut bench, 6, b"abc");
    assert!(bench.node.host.take_wakes(Owner(1)).contains(&Wake::Urgent));
    assert!(!bench.node.readiness(socket).contains(Readiness::PRI));
    urgent(&mut bench, 1, b"de");
    bench.data(b"Xgh");
    let mut read = Vec::new();
    while let Ok(bytes) = bench.node.recv(socket, 100) {
        read.extend(bytes);
    }
    assert_eq!(read, b"abcdegh");
    assert_eq!(bench.node.memory(), 0);
    // Inline it is a byte like any other.
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.set_common(socket, Common { urgent_inline: true, ..Common::DEFAULT });
    urgent(&mut bench, 2, b"aXb");
    assert_eq!(bench.node.recv(socket, 10), Ok(b"aXb".to_vec()));
}

#[test]
fn a_wrong_checksum_and_a_bad_offset_are_dropped() {
    let (mut bench, _, _) = Bench::new().accepted();
    bench.inject_ip(linnet_sim::pair::RIGHT, linnet_wire::ipv4::Protocol::TCP, &[0; 40]);
    bench.inject_ip(linnet_sim::pair::RIGHT, linnet_wire::ipv4::Protocol::TCP, &[0x50; 40]);
    bench.inject_ip(linnet_sim::pair::RIGHT, linnet_wire::ipv4::Protocol::TCP, &[]);
    assert_eq!(bench.node.drops(DropReason::BadHeader), 2);
    assert_eq!(bench.node.drops(DropReason::BadChecksum), 1);
    assert_eq!(established(&bench), 1);
}

#[test]
fn nagle_and_cork() {
    let (mut bench, _, socket) = Bench::new().accepted();
    bench.node.send(socket, b"a").expect("room");
    bench.node.send(socket, b"b").expect("room");
    bench.node.send(socket, b"c").expect("room");
    assert_eq!(bench.sent().len(), 1, "the rest waits for an acknowledgment");
    bench.next.ack = bench.next.ack.wrapping_add(1);
    assert_eq!(bench.try_with(|_| {})[0].payload, b"bc");
    bench.next.ack = bench.next.ack.wrapping_add(2);
    bench.send();
    bench.node.set(socket, Opt::Cork(true));
    bench.node.send(socket, b"de").expect("room");
    assert_eq!(bench.sent(), []);
    bench.node.set(socket, Opt::Cork(false));
    assert_eq!(bench.sent()[0].payload, b"de");
    bench.next.ack = bench.next.ack.wrapping_add(2);
    bench.send();
    bench.node.set(socket, Opt::Cork(true));
    bench.node.send(socket, b"f").expect("room");
    assert_eq!(bench.pass(300)[0].1.payload, b"f", "after 200 ms all the same");
}

#[test]
fn a_peek_for_more_than_will_come_ends() {
    // What a host waits for here would be there at once, and again, for ever.
    for (name, shut) in [("at the urgent mark", false), ("after a shutdown", true)] {
        let (mut bench, _, socket) = Bench::new().accepted();
        if shut {
            bench.data(b"ab");
            bench.node.shutdown(socket, How::Read).expect("connected");
        } else {
            bench.try_with(|segment| {
                segment.flags = Flags::ACK.with(Flags::URG);
                segment.urgent = 3;
                segment.payload = b"abcd".to_vec();
            });
        }
        assert!(matches!(bench.node.stack.recv_front(socket, 0), Ok(Front::Data { len: 2, .. })), "{name}");
        assert!(matches!(bench.node.stack.recv_front(socket, 2), Ok(Front::Eof | Front::Shut)), "{name}");
    }
}

#[test]
fn probes_are_answered_after_a_month_of_data() {
    let (mut bench, _, _) = Bench::new().accepted();
    for _ in 0..30 {
        bench.node.now += 24 * 3600 * 1000;
        bench.data(b"still here");
        bench.pass(100);
    }
    let answer = bench.try_with(|segment| segment.seq = segment.seq.wrapping_sub(1));
    assert_eq!(answer.len(), 1, "{answer:?}");
}
