//! Two nodes on a link, in virtual time.

use crate::link::{Impairment, Pipe};
use crate::node::Node;
use crate::rng::Rng;
use linnet_wire::tcp::{HEADER_LEN, Header};
use linnet_wire::tcp_options::sack_blocks;
use std::net::Ipv4Addr;

/// Where the first node is.
pub const LEFT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
/// Where the second node is.
pub const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

/// Two nodes and what lies between them.
pub struct Pair {
    /// The nodes: [`LEFT`] and [`RIGHT`].
    pub nodes: [Node; 2],
    /// From each node to the other.
    pub pipes: [Pipe; 2],
    /// The source of all chance.
    pub rng: Rng,
    /// Milliseconds since the beginning.
    pub now: u64,
    /// Whether every frame is told on standard error (`LINNET_SIM_TRACE`).
    pub trace: bool,
}

impl Pair {
    /// Two fresh nodes with a cap of `memory` bytes each. Clocks start at odd places, near the
    /// wrap every now and then.
    pub fn new(what: Impairment, memory: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut clock =
            || if rng.chance(250) { u32::MAX - rng.below(20_000) as u32 } else { rng.next() as u32 };
        let clocks = [clock(), clock()];
        Self {
            nodes: [
                Node::new(LEFT, RIGHT, memory, seed, clocks[0]),
                Node::new(RIGHT, LEFT, memory, !seed, clocks[1]),
            ],
            pipes: [Pipe::new(what), Pipe::new(what)],
            rng,
            now: 0,
            trace: std::env::var_os("LINNET_SIM_TRACE").is_some(),
        }
    }

    /// Lets the frames that were sent leave, and time pass to the next event, at most to `limit`.
    /// `false` when nothing will ever happen, or not before `limit`.
    pub fn step(&mut self, limit: u64) -> bool {
        self.collect();
        let next = [
            self.pipes[0].next_arrival(),
            self.pipes[1].next_arrival(),
            self.nodes[0].next_deadline(),
            self.nodes[1].next_deadline(),
        ];
        let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= limit) else {
            self.advance(limit);
            return false;
        };
        self.advance(next.max(self.now));
        for (from, to) in [(0, 1), (1, 0)] {
            while let Some(frame) = self.pipes[from].receive(self.now) {
                self.nodes[to].receive(&frame);
            }
        }
        for node in &mut self.nodes {
            node.handle_timers();
        }
        self.collect();
        true
    }

    /// Lets `millis` pass.
    pub fn run(&mut self, millis: u64) {
        let limit = self.now + millis;
        while self.step(limit) {}
    }

    fn advance(&mut self, now: u64) {
        self.now = now;
        for node in &mut self.nodes {
            node.now = now;
        }
    }

    fn collect(&mut self) {
        for (node, pipe) in self.nodes.iter_mut().zip(&mut self.pipes) {
            for frame in node.host.take_sent() {
                if self.trace {
                    eprintln!("{:>9} {:<10} {}", self.now, node.address, describe(&frame));
                }
                pipe.send(self.now, frame, &mut self.rng);
            }
        }
    }
}

/// A TCP segment in one line, as a person reads it.
pub fn describe(frame: &[u8]) -> String {
    let segment = frame.get(34..).unwrap_or(&[]);
    let Some(header) = Header::parse(segment) else { return format!("{} bytes, not TCP", frame.len()) };
    let Header { flags, seq, ack, window, len, .. } = header;
    let payload = segment.len() - usize::from(len);
    let (sack, count) = sack_blocks(&segment[HEADER_LEN..usize::from(len)]);
    let sack: Vec<_> = sack.iter().take(count.into()).map(|run| (run.start.0, run.end.0)).collect();
    format!("{flags:?} {}:{} ack {} win {window} sack {sack:?}", seq.0, seq.plus(payload as u32).0, ack.0)
}
