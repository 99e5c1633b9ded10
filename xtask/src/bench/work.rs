//! What is measured: the kinds of work, how much of each, and what a figure is of.

/// A kind of work and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// As the guest's program knows it.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// What one figure is of, for people.
    pub unit: &'static str,
    /// Bytes, rounds, connections or datagrams.
    pub count: usize,
    /// Bytes of a message, or those of the stream before it is measured.
    pub size: usize,
    /// How many of `count` make one unit.
    pub per: usize,
    /// What our figure may be today, in parts of native's: little more than what was reached.
    pub ceiling: f64,
}

/// What the peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends a stream.
    Source,
    /// Takes a stream.
    Sink,
    /// Sends a stream back.
    Echo,
    /// Sends datagrams back.
    DatagramEcho,
    /// Sends datagrams when asked.
    DatagramSource,
    /// Connects when asked.
    Client,
}

/// Messages, datagrams and connections before those that are measured.
const WARM_UP: usize = 16;

/// All of them.
pub const WORKS: &[Work] = &[
    Work {
        name: "receive",
        what: "TCP bulk, received",
        unit: "KB",
        count: 4_000_000,
        size: 200_000,
        per: 1000,
        ceiling: 1.16,
    },
    Work {
        name: "send",
        what: "TCP bulk, sent",
        unit: "KB",
        count: 4_000_000,
        size: 200_000,
        per: 1000,
        ceiling: 1.33,
    },
    Work {
        name: "exchange",
        what: "TCP request and response, 64 bytes each",
        unit: "pair",
        count: 500,
        size: 64,
        per: 1,
        ceiling: 0.96,
    },
    Work {
        name: "connect",
        what: "TCP connection opened and closed by the guest",
        unit: "connection",
        count: 300,
        size: 0,
        per: 1,
        ceiling: 0.63,
    },
    Work {
        name: "accept",
        what: "TCP connection opened and closed by the peer",
        unit: "connection",
        count: 300,
        size: 0,
        per: 1,
        ceiling: 0.73,
    },
    Work {
        name: "datagrams-out",
        what: "UDP datagram of 512 bytes, sent",
        unit: "datagram",
        count: 1000,
        size: 512,
        per: 1,
        ceiling: 1.12,
    },
    Work {
        name: "datagrams-in",
        what: "UDP datagram of 512 bytes, received",
        unit: "datagram",
        count: 1000,
        size: 512,
        per: 1,
        ceiling: 1.16,
    },
];

/// Connections that are opened and kept: what they take is memory.
pub const IDLE: Work = Work {
    name: "idle",
    what: "RAM of an idle TCP connection, with its file and its inode",
    unit: "connection",
    count: 500,
    size: 0,
    per: 1,
    ceiling: 0.65,
};

/// Streams over a long and bad wire, of which the time is what counts.
pub const LOSSY: &[Work] = &[
    Work {
        name: "receive",
        what: "TCP goodput, received",
        unit: "s",
        count: 600_000,
        size: 1460,
        per: 1,
        ceiling: 1.0,
    },
    Work {
        name: "send",
        what: "TCP goodput, sent",
        unit: "s",
        count: 600_000,
        size: 1460,
        per: 1,
        ceiling: 1.0,
    },
];

impl Work {
    /// How many units it is.
    #[must_use]
    pub fn units(&self) -> f64 {
        self.count as f64 / self.per as f64
    }

    /// What the peer does for it.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.name {
            "receive" => Role::Source,
            "send" => Role::Sink,
            "accept" => Role::Client,
            "datagrams-out" => Role::DatagramEcho,
            "datagrams-in" => Role::DatagramSource,
            _ => Role::Echo,
        }
    }

    /// How much is done before it is measured, in the unit of `count`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        match self.role() {
            Role::Source | Role::Sink => self.size,
            _ => WARM_UP,
        }
    }

    /// How often the guest's program comes to the mark that ends the measurement.
    #[must_use]
    pub fn ends(&self) -> u32 {
        if self.name == "idle" { 2 } else { 1 }
    }
}
