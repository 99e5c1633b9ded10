//! How connections begin, and how they fail to.

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::{Owner, Wake};
use linnet_core::ports;
use linnet_core::secret::{Purpose, Secret};
use linnet_core::socket::{Common, Linger, Opt, Readiness};
use linnet_core::stack::Config;
use linnet_sim::node::Node;
use linnet_sim::pair::{LEFT, RIGHT};
use linnet_sim::peer::{Bench, NODE_PORT, PEER_ISS, PEER_PORT, SYN_ACK};
use linnet_wire::tcp::Flags;
use linnet_wire::tcp_options::{Options, Timestamps};
use std::net::{Ipv4Addr, SocketAddrV4};

const RST_ACK: Flags = Flags::RST.with(Flags::ACK);
const IN: Readiness = Readiness::IN.with(Readiness::RDNORM);
const OUT: Readiness = Readiness::OUT.with(Readiness::WRNORM);

#[test]
fn a_syn_offers_all_that_the_stack_knows() {
    let mut bench = Bench::new();
    let socket = bench.node.socket(1);
    let syn = bench.connect(socket);
    assert_eq!(syn.flags, Flags::SYN);
    assert_eq!(
        (syn.options.mss, syn.options.window_scale, syn.options.sack_permitted),
        (Some(1460), Some(0), true)
    );
    assert!(syn.options.timestamps.is_some_and(|stamps| stamps.echo == 0));
}

#[test]
fn refused() {
    let mut bench = Bench::new();
    let socket = bench.node.socket(1);
    let syn = bench.connect(socket);
    assert_eq!(bench.node.readiness(socket), Readiness::NONE);
    assert_eq!(bench.node.connect(socket, SocketAddrV4::new(LEFT, 9)), Err(Errno::EALREADY));
    // A reset that does not acknowledge our SYN is somebody's guess.
    bench.try_with(|segment| {
        segment.flags = RST_ACK;
        segment.ack = syn.seq;
    });
    assert_eq!(bench.node.state(socket), 2);
    bench.try_with(|segment| {
        segment.flags = RST_ACK;
        segment.ack = syn.seq.wrapping_add(1);
    });
    let all = Readiness::HUP | Readiness::ERR | IN | Readiness::RDHUP | OUT;
    assert_eq!(bench.node.readiness(socket), all);
    assert_eq!(bench.node.host.take_wakes(Owner(1)), [Wake::State]);
    assert_eq!(bench.node.error(socket), Some(Errno::ECONNREFUSED));
    assert_eq!(bench.node.error(socket), None);
}

#[test]
fn timed_out_after_six_repeated_syns() {
    let mut bench = Bench::new();
    let socket = bench.node.socket(1);
    bench.connect(socket);
    let sent = bench.pass(200_000);
    let times: Vec<_> = sent.iter().map(|(at, _)| at / 1000).collect();
    assert_eq!(times, [1, 3, 7, 15, 31, 63]);
    assert_eq!(bench.node.error(socket), Some(Errno::ETIMEDOUT));
    // TCP_SYNCNT.
    let socket = bench.node.socket(1);
    bench.node.set(socket, Opt::SynCount(2));
    bench.connect(socket);
    assert_eq!(bench.pass(200_000).len(), 2);
}

#[test]
fn a_host_that_is_unreachable_ends_the_attempt() {
    let mut bench = Bench::new();
    let socket = bench.node.socket(1);
    let syn = bench.connect(socket);
    let mut forged = syn.clone();
    forged.seq = syn.seq.wrapping_sub(9);
    bench.inject_icmp(3, 1, 0, &forged);
    assert_eq!(bench.node.state(socket), 2);
    bench.inject_icmp(3, 1, 0, &syn);
    assert_eq!(bench.node.error(socket), Some(Errno::EHOSTUNREACH));
}

#[test]
fn a_wrong_acknowledgment_of_a_syn_is_reset() {
    let mut bench = Bench::new();
    let socket = bench.node.socket(1);
    let syn = bench.connect(socket);
    let answers = bench.try_with(|segment| {
        segment.flags = SYN_ACK;
        segment.ack = syn.seq.wrapping_add(2);
    });
    assert_eq!((answers[0].flags, answers[0].seq), (Flags::RST, syn.seq.wrapping_add(2)));
    assert_eq!(bench.node.state(socket), 2);
}

#[test]
fn both_at_once() {
    let mut bench = Bench::new();
    let socket = bench.node.socket(1);
    let syn = bench.connect(socket);
    let answers = bench.try_with(|_| {});
    assert_eq!(
        (answers[0].flags, answers[0].seq, answers[0].ack),
        (SYN_ACK, syn.seq, PEER_ISS.wrapping_add(1))
    );
    assert_eq!(bench.node.state(socket), 3);
    bench.next.seq = PEER_ISS.wrapping_add(1);
    bench.next.ack = syn.seq.wrapping_add(1);
    bench.next.flags = Flags::ACK;
    bench.send();
    assert_eq!((bench.node.state(socket), bench.node.readiness(socket)), (1, OUT));
}

#[test]
fn nobody_listens() {
    let mut bench = Bench::new();
    let answers = bench.try_with(|_| {});
    assert_eq!((answers[0].flags, answers[0].seq, answers[0].ack), (RST_ACK, 0, PEER_ISS.wrapping_add(1)));
    let answers = bench.try_with(|segment| {
        segment.flags = Flags::ACK;
        segment.ack = 77;
    });
    assert_eq!((answers[0].flags, answers[0].seq), (Flags::RST, 77));
    assert_eq!(bench.try_with(|segment| segment.flags = RST_ACK), []);
}

#[test]
fn a_full_accept_queue_drops_and_the_peer_tries_again() {
    let mut bench = Bench::new();
    let listener = bench.node.listener(NODE_PORT, 1);
    for port in 0..2 {
        bench.next.from = PEER_PORT + port;
        bench.next.seq = PEER_ISS;
        bench.next.flags = Flags::SYN;
        bench.open();
    }
    assert_eq!(bench.node.readiness(listener), IN);
    bench.next.from = PEER_PORT + 9;
    bench.next.flags = Flags::SYN;
    assert_eq!(bench.try_with(|_| {}), [], "dropped, not reset");
    assert_eq!(bench.node.drops(DropReason::BacklogFull), 1);
    assert!(bench.node.accept(listener, 5).is_ok());
    assert_eq!(bench.try_with(|_| {})[0].flags, SYN_ACK);
    assert!(bench.node.accept(listener, 6).is_ok());
    assert_eq!(bench.node.accept(listener, 7), Err(Errno::EAGAIN));
}

#[test]
fn a_lost_acknowledgment_of_a_syn_ack() {
    let mut bench = Bench::new();
    let listener = bench.node.listener(NODE_PORT, 4);
    bench.send();
    let first = bench.sent().remove(0);
    // The SYN again, and the timer: the same answer each time, up to five times.
    assert_eq!(bench.try_with(|_| {})[0].seq, first.seq);
    let again = bench.pass(200_000);
    let times: Vec<_> = again.iter().map(|(at, _)| at / 1000).collect();
    assert_eq!(times, [1, 3, 7, 15, 31]);
    assert!(again.iter().all(|(_, segment)| segment.seq == first.seq && segment.flags == SYN_ACK));
    assert_eq!(bench.node.rows().len(), 1, "the listener alone");
    assert_eq!(bench.node.accept(listener, 1), Err(Errno::EAGAIN));
}

#[test]
fn data_is_awaited_when_accept_is_deferred() {
    let mut bench = Bench::new();
    let listener = bench.node.listener(NODE_PORT, 4);
    bench.node.set(listener, Opt::DeferAccept(10));
    bench.open();
    assert_eq!(bench.node.accept(listener, 1), Err(Errno::EAGAIN));
    bench.data(b"GET");
    let socket = bench.node.accept(listener, 1).expect("a connection");
    assert_eq!(bench.node.recv(socket, 10), Ok(b"GET".to_vec()));
}

#[test]
fn land() {
    let mut bench = Bench::new();
    bench.node.listener(NODE_PORT, 4);
    let mut land = bench.next.clone();
    land.from = NODE_PORT;
    bench.inject_from(LEFT, &land);
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.node.drops(DropReason::Martian), 1);
}

#[test]
fn a_real_client_connects_in_a_flood() {
    let mut bench = Bench::new();
    let backlog = 8;
    let listener = bench.node.listener(NODE_PORT, backlog);
    let mut forged = bench.next.clone();
    for flood in 0..u32::from(backlog) * 100 {
        forged.from = flood as u16;
        bench.inject_from(Ipv4Addr::new(10, 9, 0, 100 + (flood % 100) as u8), &forged);
        bench.node.now += 1;
    }
    bench.sent();
    // The client's SYN may be dropped; it comes again after a second, like any client's.
    let mut answer = bench.try_with(|_| {});
    if !answer.iter().any(|segment| segment.to == PEER_PORT) {
        bench.pass(1000);
        answer = bench.try_with(|_| {});
    }
    let syn_ack = answer.iter().find(|segment| segment.to == PEER_PORT).expect("an answer");
    bench.next.seq = PEER_ISS.wrapping_add(1);
    bench.next.ack = syn_ack.seq.wrapping_add(1);
    bench.next.flags = Flags::ACK;
    bench.next.options = Options::default();
    bench.send();
    let socket = bench.node.accept(listener, 1).expect("the real client");
    bench.data(b"hello");
    assert_eq!(bench.node.recv(socket, 10), Ok(b"hello".to_vec()));
    assert!(bench.node.rows().len() <= 66, "half-open connections are bounded");
    bench.pass(120_000);
    assert_eq!(bench.node.rows().len(), 2, "and end");
}

#[test]
fn closing_a_listener_resets_who_waits() {
    let mut bench = Bench::new();
    let listener = bench.node.listener(NODE_PORT, 4);
    bench.open();
    bench.node.close(listener, Linger::Background);
    assert!(bench.sent()[0].flags.has(Flags::RST));
    assert_eq!((bench.node.rows(), bench.node.memory()), (Vec::new(), 0));
}

#[test]
fn options_that_the_peer_does_not_offer_are_not_used() {
    let mut bench = Bench::new();
    bench.node.listener(NODE_PORT, 4);
    bench.send();
    assert_eq!(bench.sent()[0].options, Options { mss: Some(1460), ..Options::default() });
    bench.next.from += 1;
    bench.next.options = Options {
        mss: Some(1460),
        window_scale: Some(3),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 5, echo: 0 }),
        ..Options::default()
    };
    bench.send();
    let options = bench.sent()[0].options;
    assert_eq!((options.window_scale, options.sack_permitted), (Some(0), true));
    assert_eq!(options.timestamps.map(|stamps| stamps.echo), Some(5));
}

#[test]
fn misuse_gets_the_errno_of_linux() {
    let (mut bench, listener, socket) = Bench::new().accepted();
    let fresh = bench.node.socket(9);
    let peer = SocketAddrV4::new(LEFT, 1);
    for (name, outcome, expected) in [
        ("connect a listener", bench.node.connect(listener, peer).map(|_| ()), Errno::EISCONN),
        ("connect again", bench.node.connect(socket, peer).map(|_| ()), Errno::EISCONN),
        ("bind twice", bench.node.bind(listener, 81), Errno::EINVAL),
        ("bind what is taken", bench.node.bind(fresh, NODE_PORT), Errno::EADDRINUSE),
        ("accept from a connection", bench.node.accept(socket, 1).map(|_| ()), Errno::EINVAL),
        ("read from a listener", bench.node.recv(listener, 1).map(|_| ()), Errno::ENOTCONN),
        ("read unconnected", bench.node.recv(fresh, 1).map(|_| ()), Errno::ENOTCONN),
        ("write unconnected", bench.node.send(fresh, b"x").map(|_| ()), Errno::EPIPE),
        ("write to a listener", bench.node.send(listener, b"x").map(|_| ()), Errno::EPIPE),
        (
            "shut down unconnected",
            bench.node.shutdown(fresh, linnet_core::socket::How::Both),
            Errno::ENOTCONN,
        ),
    ] {
        assert_eq!(outcome, Err(expected), "{name}");
    }
    let fresh = bench.node.socket(9);
    assert_eq!(bench.node.readiness(fresh), Readiness::HUP | OUT);
}

#[test]
fn half_open_connections_are_charged_and_refused_without_memory() {
    let mut bench = Bench::new();
    bench.node.listener(NODE_PORT, 100);
    let syn = |bench: &mut Bench, port| bench.try_with(|segment| segment.from = port).len();
    for port in 1..=50 {
        assert_eq!(syn(&mut bench, port), 1);
    }
    let each = bench.node.memory() / 50;
    assert!((52..=72).contains(&each), "{each}");
    bench.node.stack.configure(Config { memory_limit: each }, Secret::new([1; 16]));
    assert_eq!([syn(&mut bench, 51), syn(&mut bench, 52)], [1, 0], "room for one");
    assert_eq!(bench.node.drops(DropReason::NoMemory), 1);

    let mut bench = Bench::new();
    bench.node.listener(NODE_PORT, 100);
    syn(&mut bench, 1);
    bench.pass(120_000);
    assert_eq!((bench.node.rows().len(), bench.node.memory()), (1, 0), "given back when it ends");
    let (mut bench, listener, _) = Bench::new().accepted();
    assert_eq!(bench.node.memory(), 0, "and when it becomes a connection");
    syn(&mut bench, 1);
    bench.node.close(listener, Linger::Background);
    assert_eq!(bench.node.memory(), 0, "and when the listener closes");
}

#[test]
fn listeners_that_share_a_port_share_the_connections() {
    let mut bench = Bench::new();
    let shared = Common { reuse_port: true, user: 7, ..Common::DEFAULT };
    let mut listeners = Vec::new();
    for owner in 0..4 {
        let socket = bench.node.socket(owner);
        bench.node.set_common(socket, shared);
        bench.node.bind(socket, NODE_PORT).expect("a port of one user");
        bench.node.with(|stack, cx| stack.listen(cx, socket, 100)).expect("listening");
        listeners.push(socket);
    }
    let mut shares = [0; 4];
    for port in 1..=200 {
        bench.next = Bench::new().next;
        bench.next.from = port;
        // The SYN again goes to the same one.
        bench.send();
        bench.sent();
        bench.open();
        for (share, &listener) in shares.iter_mut().zip(&listeners) {
            *share += usize::from(bench.node.accept(listener, 9).is_ok());
        }
    }
    assert_eq!(shares.iter().sum::<usize>(), 200);
    assert!(shares.iter().all(|&share| share > 25), "{shares:?}");
    for (name, common) in [
        ("another user", Common { user: 8, ..shared }),
        ("who does not share", Common { reuse_port: false, ..shared }),
    ] {
        let socket = bench.node.socket(9);
        bench.node.set_common(socket, common);
        assert_eq!(bench.node.bind(socket, NODE_PORT), Err(Errno::EADDRINUSE), "{name}");
    }
}

#[test]
fn an_ephemeral_port_serves_many_peers_and_none_that_is_bound() {
    let mut bench = Bench::new();
    let count = u32::from(ports::LAST - ports::FIRST) + 1;
    // Finds a peer for which the search, after `tries` earlier ones, begins at `port`.
    let peer_for = |port: u16, tries: u32| {
        let secret = Node::secret(7);
        let wanted = (u32::from(port - ports::FIRST) + count - tries) % count;
        let peers =
            (3..=250).flat_map(|host| (1..=999).map(move |port| (Ipv4Addr::new(10, 9, 0, host), port)));
        let found = peers.into_iter().find(|(address, port)| {
            let words = [LEFT.to_bits(), address.to_bits(), u32::from(*port)];
            secret.hash(Purpose::EphemeralPort, words) % count == wanted
        });
        let (address, port) = found.expect("one of a quarter of a million");
        SocketAddrV4::new(address, port)
    };
    let connect = |bench: &mut Bench, peer| {
        let socket = bench.node.socket(1);
        bench.node.connect(socket, peer).expect("a port");
        bench.node.stack.local(socket).port()
    };
    let first = connect(&mut bench, SocketAddrV4::new(RIGHT, PEER_PORT));
    assert_eq!(connect(&mut bench, peer_for(first, 1)), first, "another peer, the same port");
    let taken = if first == ports::LAST { ports::FIRST } else { first + 1 };
    let bound = bench.node.socket(1);
    bench.node.bind(bound, taken).expect("free");
    assert_ne!(connect(&mut bench, peer_for(taken, 2)), taken, "who has bound to it keeps it");
    // Who binds gets no port that serves a connection.
    let socket = bench.node.socket(1);
    assert_eq!(bench.node.bind(socket, first), Err(Errno::EADDRINUSE));
}
