//! When memory is refused: for every n, the n-th allocation and some after it fail; the
//! connection survives, or ends with a defined error, and nothing leaks.

use linnet_core::errno::Errno;
use linnet_core::socket::{Common, Linger};
use linnet_sim::link::Impairment;
use linnet_sim::pair::Pair;
use linnet_sim::transfer::{Plan, Progress, byte_at};
use std::net::SocketAddrV4;

const PLAN: Plan = Plan { bytes: 12_000, write: 900, read: 2000, patience: 1, no_delay: false };

/// A conversation in which both hosts refuse `refusals` allocations from the n-th on.
fn starve(n: usize, refusals: u32) -> [Progress; 2] {
    let what = Impairment { delay: 5, loss: 20, reordering: 100, ..Impairment::default() };
    let mut pair = Pair::new(what, 1 << 20, n as u64);
    let listener = pair.nodes[1].listener(80, 4);
    let client = pair.nodes[0].socket(1);
    for node in &mut pair.nodes {
        node.host.allocations_left = Some(n);
    }
    let peer = SocketAddrV4::new(pair.nodes[1].address, 80);
    pair.nodes[0].connect(client, peer).expect("a route");
    let mut sides = [Progress { socket: Some(client), ..Progress::default() }, Progress::default()];
    let mut starved = [0; 2];
    while pair.now < 300_000 && !sides.iter().all(Progress::is_over) {
        if sides[1].socket.is_none() {
            sides[1].socket = pair.nodes[1].accept(listener, 2).ok();
        }
        for (side, progress) in sides.iter_mut().enumerate() {
            let node = &mut pair.nodes[side];
            progress.work(node, &PLAN, side);
            if node.host.allocations_left == Some(0) {
                starved[side] += 1;
                if starved[side] > refusals {
                    node.host.allocations_left = None;
                }
            }
        }
        let soon = pair.now + 40;
        pair.step(soon);
    }
    for (node, progress) in pair.nodes.iter_mut().zip(&sides) {
        node.host.allocations_left = None;
        if let Some(socket) = progress.socket {
            node.close(socket, Linger::Background);
        }
    }
    pair.nodes[1].close(listener, Linger::Background);
    pair.run(300_000);
    for (side, node) in pair.nodes.iter().enumerate() {
        assert_eq!(node.rows(), [], "n {n} side {side}");
        assert_eq!((node.memory(), node.host.live_buffers()), (0, 0), "n {n} side {side}");
    }
    sides
}

#[test]
fn a_connection_survives_a_while_without_memory() {
    for n in 0..150 {
        for (side, progress) in starve(n, 30).iter().enumerate() {
            assert_eq!(
                (progress.error, progress.received),
                (None, PLAN.bytes),
                "n {n} side {side}: {progress:?}"
            );
        }
    }
}

#[test]
fn without_memory_for_good_it_ends_with_an_error_or_waits() {
    for n in (0..60).step_by(4) {
        for progress in starve(n, u32::MAX) {
            assert!(matches!(progress.error, None | Some(Errno::ETIMEDOUT)), "n {n}: {progress:?}");
        }
    }
}

#[test]
fn the_cap_on_queues_holds_and_everyone_gets_through() {
    let limit = 40 * 1024;
    let what = Impairment { delay: 3, ..Impairment::default() };
    let mut pair = Pair::new(what, limit, 1);
    let listener = pair.nodes[1].listener(80, 20);
    let peer = SocketAddrV4::new(pair.nodes[1].address, 80);
    let common = Common { receive_buffer: 32 * 1024, send_buffer: 32 * 1024, ..Common::DEFAULT };
    pair.nodes[1].set_common(listener, common);
    let clients: Vec<_> = (0..12).map(|at| pair.nodes[0].socket(10 + at)).collect();
    for client in &clients {
        pair.nodes[0].set_common(*client, common);
        pair.nodes[0].connect(*client, peer).expect("a route");
    }
    let bytes: Vec<u8> = (0..20_000).map(|at| byte_at(0, at)).collect();
    let mut sent = [0; 12];
    let mut servers = Vec::new();
    let mut received = [0; 12];
    while pair.now < 2_000_000 && received.iter().sum::<usize>() < 12 * bytes.len() {
        for (client, sent) in clients.iter().zip(&mut sent) {
            *sent += pair.nodes[0].send(*client, &bytes[*sent..]).unwrap_or(0);
        }
        while let Ok(server) = pair.nodes[1].accept(listener, 50) {
            servers.push(server);
        }
        // The readers are slow, and take turns.
        let turn = (pair.now / 20) as usize % 12;
        if let Some(server) = servers.get(turn)
            && let Ok(read) = pair.nodes[1].recv(*server, 4000)
        {
            assert_eq!(read, bytes[received[turn]..received[turn] + read.len()]);
            received[turn] += read.len();
        }
        for node in &pair.nodes {
            // What a connection cannot do without may exceed the cap by a segment for each.
            assert!(node.memory() <= limit + 12 * 2200, "{}", node.memory());
        }
        let soon = pair.now + 20;
        pair.step(soon);
    }
    assert_eq!(received, [bytes.len(); 12], "at {}", pair.now);
}
