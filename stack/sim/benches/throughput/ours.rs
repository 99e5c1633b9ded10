//! Two nodes of `core`.

use linnet_core::host::{Buf as _, Host as _};
use linnet_core::socket::{Common, Front, Opt, SendOptions, SocketId};
use linnet_sim::node::{ETH, Node};
use linnet_sim::pair::{LEFT, RIGHT};
use std::net::SocketAddrV4;

use super::{BUFFER, Ends};

/// Bytes that each node may queue.
const MEMORY: usize = 64 << 20;
const PORT: u16 = 7;

/// Both nodes and their sockets.
pub struct Pair {
    nodes: [Node; 2],
    sockets: [SocketId; 2],
}

impl Ends for Pair {
    fn new() -> Self {
        let mut nodes = [Node::new(LEFT, RIGHT, MEMORY, 1, 1), Node::new(RIGHT, LEFT, MEMORY, 2, 1)];
        let listener = nodes[1].listener(PORT, 4);
        let client = nodes[0].socket(1);
        let common =
            Common { receive_buffer: BUFFER as u32, send_buffer: BUFFER as u32, ..Common::default() };
        nodes[0].set_common(client, common);
        nodes[1].set_common(listener, common);
        nodes[0].connect(client, SocketAddrV4::new(RIGHT, PORT)).expect("connecting");
        let mut pair = Self { nodes, sockets: [client; 2] };
        pair.carry();
        pair.sockets[1] = pair.nodes[1].accept(listener, 2).expect("a connection");
        for (node, socket) in pair.nodes.iter_mut().zip(pair.sockets) {
            node.set(socket, Opt::NoDelay(true));
        }
        pair
    }

    fn send(&mut self, end: usize, bytes: &[u8]) -> usize {
        let (node, socket) = (&mut self.nodes[end], self.sockets[end]);
        let mut sent = 0;
        while sent < bytes.len() {
            let Ok(room) = node.stack.send_room(socket) else { break };
            let len = room.bytes.min(room.segment).min(bytes.len() - sent);
            if len == 0 {
                break;
            }
            let mut buf = node.host.allocate(len).expect("memory");
            assert!(buf.append(&bytes[sent..sent + len]), "room as asked for");
            if node.with(|stack, cx| stack.send(cx, socket, buf, SendOptions::default())).is_err() {
                break;
            }
            sent += len;
        }
        sent
    }

    fn take(&mut self, end: usize, into: &mut [u8]) -> usize {
        let (node, socket) = (&mut self.nodes[end], self.sockets[end]);
        let mut taken = 0;
        while taken < into.len() {
            let Ok(Front::Data { buf, at, len }) = node.stack.recv_front(socket, 0) else { break };
            let len = len.min(into.len() - taken);
            into[taken..taken + len].copy_from_slice(&buf.bytes()[at..at + len]);
            node.with(|stack, cx| stack.recv_done(cx, socket, len));
            taken += len;
        }
        taken
    }

    fn carry(&mut self) {
        loop {
            let mut idle = true;
            for from in [0, 1] {
                while let Some((_, frame)) = self.nodes[from].host.sent.pop_front() {
                    idle = false;
                    self.nodes[1 - from].with(|stack, cx| stack.handle_frame(cx, ETH, frame));
                }
            }
            if idle {
                break;
            }
        }
        for node in &mut self.nodes {
            node.host.wakes.clear();
            node.now += 1;
            if node.next_deadline().is_some_and(|deadline| deadline <= node.now) {
                node.handle_timers();
            }
        }
    }
}
