//! A conversation to check a stack by: both sides send a known stream, read the other's, and
//! close; every byte must arrive once and in order, or the connection end with an error.

use crate::node::Node;
use crate::pair::Pair;
use linnet_core::errno::Errno;
use linnet_core::socket::{Common, How, Linger, Opt, SocketId};
use std::net::SocketAddrV4;

/// The byte at `at` of stream `which`.
pub const fn byte_at(which: usize, at: usize) -> u8 {
    ((at as u32).wrapping_mul(0x9e37_79b1).wrapping_add(which as u32 * 0x55) >> 13) as u8
}

/// What one side does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Bytes it sends.
    pub bytes: usize,
    /// Bytes in one write.
    pub write: usize,
    /// Bytes in one read.
    pub read: usize,
    /// Reads once in this many steps: a slow reader.
    pub patience: u64,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
}

/// How one side stands.
#[derive(Debug, Default)]
pub struct Progress {
    /// Its socket, once it has one.
    pub socket: Option<SocketId>,
    /// Bytes taken by the stack.
    pub sent: usize,
    /// Bytes read and found right.
    pub received: usize,
    /// Its FIN is sent.
    pub shut: bool,
    /// The other side's FIN was read.
    pub ended: bool,
    /// It failed.
    pub error: Option<Errno>,
    /// How often it worked.
    pub steps: u64,
}

impl Progress {
    /// Whether nothing is left to do.
    pub const fn is_over(&self) -> bool {
        self.error.is_some() || self.shut && self.ended
    }

    /// Sends and reads what can be. Panics when a byte is wrong.
    pub fn work(&mut self, node: &mut Node, plan: &Plan, side: usize) {
        let Some(socket) = self.socket else { return };
        if self.error.is_some() {
            return;
        }
        // Linux ends an attempt to connect that is shut down: wait for it.
        const SYN_SENT: u8 = 2;
        if node.state(socket) == SYN_SENT {
            return;
        }
        self.steps += 1;
        while self.sent < plan.bytes {
            let len = plan.write.min(plan.bytes - self.sent);
            let bytes: Vec<u8> = (self.sent..self.sent + len).map(|at| byte_at(side, at)).collect();
            match node.send(socket, &bytes) {
                Ok(count) => self.sent += count,
                Err(Errno::EAGAIN | Errno::ENOBUFS) => break,
                Err(error) => return self.fail(error),
            }
        }
        if self.sent == plan.bytes && !self.shut {
            match node.shutdown(socket, How::Write) {
                Ok(()) => self.shut = true,
                Err(error) => return self.fail(node.error(socket).unwrap_or(error)),
            }
        }
        if !self.steps.is_multiple_of(plan.patience) && self.steps < 2000 {
            return;
        }
        while !self.ended {
            match node.recv(socket, plan.read) {
                Ok(bytes) if bytes.is_empty() => self.ended = true,
                Ok(bytes) => {
                    for byte in bytes {
                        assert_eq!(
                            byte,
                            byte_at(1 - side, self.received),
                            "byte {} to side {side}",
                            self.received
                        );
                        self.received += 1;
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(error) => return self.fail(error),
            }
        }
    }

    const fn fail(&mut self, error: Errno) {
        self.error = Some(error);
    }
}

/// Runs a conversation from its SYN until both sides are done, at most `limit` milliseconds;
/// then closes both.
pub fn converse(pair: &mut Pair, plans: [Plan; 2], buffers: Common, limit: u64) -> [Progress; 2] {
    let listener = pair.nodes[1].listener(80, 4);
    let client = pair.nodes[0].socket(1);
    pair.nodes[0].set_common(client, buffers);
    pair.nodes[1].set_common(listener, buffers);
    pair.nodes[0].set(client, Opt::NoDelay(plans[0].no_delay));
    pair.nodes[1].set(listener, Opt::NoDelay(plans[1].no_delay));
    let peer = SocketAddrV4::new(pair.nodes[1].address, 80);
    pair.nodes[0].connect(client, peer).expect("a route");
    let mut sides = [Progress { socket: Some(client), ..Progress::default() }, Progress::default()];
    while pair.now < limit && !sides.iter().all(Progress::is_over) {
        if sides[1].socket.is_none() {
            sides[1].socket = pair.nodes[1].accept(listener, 2).ok();
        }
        for (side, progress) in sides.iter_mut().enumerate() {
            progress.work(&mut pair.nodes[side], &plans[side], side);
        }
        if sides[0].error.is_some() && sides[1].socket.is_none() {
            break;
        }
        // A reader that dawdles looks again after a while, even if nothing happens.
        let soon = pair.now + 50;
        pair.step(soon.min(limit));
    }
    for (node, progress) in pair.nodes.iter_mut().zip(&sides) {
        if let Some(socket) = progress.socket {
            node.close(socket, Linger::Background);
        }
    }
    pair.nodes[1].close(listener, Linger::Background);
    sides
}
