//! A connection as a script sees it: numbers that begin at zero, and the real ones behind them.

use super::live::Live;
use super::script::{OptionsSpec, TcpOption, TcpSpec};
use linnet_wire::tcp::Flags;
use std::net::Ipv4Addr;

/// A connection between the stack and the peer that the script plays.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// The stack's port.
    pub local: u16,
    /// The peer's address and port.
    pub remote: (Ipv4Addr, u16),
    /// What the script and what the stack has for our initial sequence number.
    ours: Option<(u32, u32)>,
    /// The peer's initial sequence number, which is the script's.
    theirs: Option<u32>,
    /// That of a SYN for another connection between the same ends, until the stack takes it.
    anew: Option<u32>,
    /// Our timestamps: the script's value and the stack's, as they were first seen.
    stamps: Vec<(u32, u32)>,
}

impl Flow {
    /// A connection of which nothing was sent yet.
    pub fn new(local: u16, remote: (Ipv4Addr, u16)) -> Self {
        Self { local, remote, ours: None, theirs: None, anew: None, stamps: Vec::new() }
    }

    /// Our sequence number `seq` of the script as it is on the wire.
    pub fn ours(&self, seq: u32) -> u32 {
        seq.wrapping_add(self.ours.map_or(0, |(_, live)| live))
    }

    /// A segment to the stack with the numbers of the wire.
    pub fn wire_from(&mut self, spec: &TcpSpec) -> TcpSpec {
        let mut wire = spec.clone();
        if spec.flags & Flags::SYN.bits() != 0 {
            let first = *self.theirs.get_or_insert(spec.seq);
            self.anew = (first != spec.seq).then_some(spec.seq);
        } else {
            wire.seq = spec.seq.wrapping_add(self.theirs.unwrap_or(0));
        }
        wire.ack = spec.ack.map(|ack| self.ours(ack));
        if let OptionsSpec::These(options) = &mut wire.options {
            for option in options {
                match option {
                    TcpOption::Sack(blocks) => {
                        for block in blocks {
                            *block = (self.ours(block.0), self.ours(block.1));
                        }
                    }
                    TcpOption::Timestamps(_, echo) => *echo = self.stamp(*echo),
                    _ => {}
                }
            }
        }
        wire
    }

    /// Our timestamp `script` as it is on the wire.
    fn stamp(&self, script: u32) -> u32 {
        let known = self.stamps.iter().find(|(known, _)| *known == script);
        match (known, self.stamps.first()) {
            (Some((_, live)), _) => *live,
            // One that was never seen lies as far from the first as in the script.
            (None, Some((first, live))) if script != 0 => live.wrapping_add(script.wrapping_sub(*first)),
            (None, _) => script,
        }
    }

    /// What the stack sent, with the numbers of the script. The first SYN fixes them: `expected` is
    /// what the script has for it.
    pub fn script_from(&mut self, live: &Live, expected: Option<&TcpSpec>) -> TcpSpec {
        let mut seen = live.spec.clone();
        let syn = seen.flags & Flags::SYN.bits() != 0;
        if let (Some(seq), true) =
            (self.anew.filter(|_| syn), self.ours.is_some_and(|(_, known)| known != seen.seq))
        {
            (self.ours, self.theirs, self.anew) = (None, Some(seq), None);
        }
        if syn && let (Some(spec), true) = (expected, self.ours.is_none_or(|(_, known)| known == seen.seq)) {
            self.ours = Some((spec.seq, seen.seq));
        } else if syn && self.ours.is_none() {
            self.ours = Some((0, seen.seq));
        }
        let (script, isn) = self.ours.unwrap_or((0, 0));
        seen.seq = seen.seq.wrapping_sub(isn).wrapping_add(if syn { script } else { 0 });
        let theirs = self.theirs.unwrap_or(0);
        seen.ack = seen.ack.map(|ack| ack.wrapping_sub(theirs));
        let wished = expected.and_then(timestamps);
        if let OptionsSpec::These(options) = &mut seen.options {
            for option in options {
                match option {
                    TcpOption::Sack(blocks) => {
                        for block in blocks {
                            *block = (block.0.wrapping_sub(theirs), block.1.wrapping_sub(theirs));
                        }
                    }
                    TcpOption::Timestamps(value, _) => *value = self.name_stamp(*value, wished),
                    _ => {}
                }
            }
        }
        seen
    }

    /// The script's value for our timestamp `live`: what it has here, the first time.
    fn name_stamp(&mut self, live: u32, wished: Option<u32>) -> u32 {
        if let Some((script, _)) = self.stamps.iter().find(|(_, known)| *known == live) {
            return *script;
        }
        let script = wished.unwrap_or_else(|| match self.stamps.first() {
            Some((script, first)) => script.wrapping_add(live.wrapping_sub(*first)),
            None => live,
        });
        if wished.is_some() && !self.stamps.iter().any(|(known, _)| *known == script) {
            self.stamps.push((script, live));
        }
        script
    }

    /// How far our clock has come since its first value: in the script's ticks to `script`, and in the
    /// stack's milliseconds to what it sent for that.
    pub fn clock(&self, script: u32, live: u32) -> Option<(u32, u32)> {
        let (first, began) = self.stamps.first()?;
        Some((script.wrapping_sub(*first), live.wrapping_sub(*began)))
    }
}

/// The value of the timestamps option.
pub(super) fn timestamps(spec: &TcpSpec) -> Option<u32> {
    let OptionsSpec::These(options) = &spec.options else { return None };
    options.iter().find_map(|option| match option {
        TcpOption::Timestamps(value, _) => Some(*value),
        _ => None,
    })
}
