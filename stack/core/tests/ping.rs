//! ICMP echo sockets.

use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::socket::{Kind, Opt, SendOptions};
use linnet_sim::craft::{self, Seen};
use linnet_sim::lab::{Lab, OUR, PEER};
use linnet_wire::ipv4::Protocol;
use std::net::{Ipv4Addr, SocketAddrV4};

fn request(id: u16, sequence: u16) -> Vec<u8> {
    // As a program makes it: no checksum yet.
    let mut message = craft::message(8, 0, id, sequence, b"payload");
    message[2..4].fill(0);
    message
}

#[test]
fn the_kernel_picks_the_identifier_and_sums() {
    let mut lab = Lab::with_peer();
    let id = lab.socket(Kind::Ping, 1);
    lab.send_to(id, &request(4711, 3), (PEER, 0)).expect("sent");
    let own = lab.stack.local(id).port();
    let [Seen::Icmp(ip, header, body)] = &lab.sent()[..] else { panic!("no request") };
    assert_eq!((ip.destination, header.icmp_type, header.id, header.sequence), (PEER, 8, own, 3));
    assert_eq!(body, b"payload");

    lab.receive_payload(Protocol::ICMP, &craft::message(0, 0, own, 3, b"payload"));
    let (reply, meta) = lab.recv(id).expect("reply");
    assert_eq!((reply[0], &reply[8..], meta.source, meta.source_port), (0, &b"payload"[..], PEER, 0));
    lab.receive_payload(Protocol::ICMP, &craft::message(0, 0, own ^ 1, 3, b"payload"));
    lab.receive_payload(Protocol::ICMP, &craft::message(0, 0, 0, 3, b"payload"));
    assert_eq!((lab.recv(id), lab.drops(DropReason::NoSocket)), (Err(Errno::EAGAIN), 2), "not ours");
}

#[test]
fn bind_chooses_the_identifier() {
    let mut lab = Lab::with_peer();
    let [first, second] = [1, 2].map(|owner| lab.socket(Kind::Ping, owner));
    let local = |address| SocketAddrV4::new(address, 4711);
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, first, local(PEER))), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(
        lab.call(|stack, cx| stack.bind(cx, first, local(Ipv4Addr::BROADCAST))),
        Err(Errno::EADDRNOTAVAIL)
    );
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, first, local(OUR))), Ok(()));
    assert_eq!(lab.call(|stack, cx| stack.bind(cx, second, local(OUR))), Err(Errno::EADDRINUSE));
    // A UDP port of the same number is another matter.
    lab.udp(4711);
}

#[test]
fn only_echo_requests_leave() {
    let mut lab = Lab::with_peer();
    let id = lab.socket(Kind::Ping, 1);
    let cases = [
        ("short", vec![8; 7]),
        ("a reply", craft::message(0, 0, 1, 1, b"")),
        ("unreachable", craft::message(3, 3, 1, 1, b"")),
        ("redirect", craft::message(5, 0, 1, 1, b"")),
        ("a request with a code", craft::message(8, 1, 1, 1, b"")),
    ];
    for (name, message) in cases {
        assert_eq!(lab.send_to(id, &message, (PEER, 0)), Err(Errno::EINVAL), "{name}");
    }
    assert_eq!(lab.sent(), []);
    assert_eq!(lab.send(id, &request(1, 1), SendOptions::default()), Err(Errno::EDESTADDRREQ));
}

#[test]
fn errors_find_the_socket_by_identifier() {
    let mut lab = Lab::with_peer();
    let [id, other] = [1, 2].map(|owner| lab.socket(Kind::Ping, owner));
    for socket in [id, other] {
        lab.call(|stack, cx| stack.set_option(cx, socket, Opt::ReceiveErrors(true))).expect("option");
        lab.send_to(socket, &request(0, 1), (PEER, 0)).expect("sent");
    }
    let frame = lab.host.take_sent().remove(0);
    lab.receive_error(11, 0, 0, &frame);
    assert_eq!((lab.stack.take_error(id), lab.stack.take_error(other)), (Some(Errno::EHOSTUNREACH), None));
    // What a ping socket never sends is not its business.
    let mut reply = frame.clone();
    reply[34] = 0;
    lab.receive_error(11, 0, 0, &reply);
    assert_eq!(lab.stack.take_error(id), None);
}

#[test]
fn we_answer_ourselves() {
    let mut lab = Lab::with_peer();
    let id = lab.socket(Kind::Ping, 1);
    for to in [Ipv4Addr::LOCALHOST, OUR] {
        lab.send_to(id, &request(0, 9), (to, 0)).expect("sent");
        let (reply, meta) = lab.recv(id).expect("reply");
        assert_eq!((reply[0], meta.source), (0, to));
    }
    assert_eq!((lab.sent(), lab.host.live_buffers()), (vec![], 0));
}
