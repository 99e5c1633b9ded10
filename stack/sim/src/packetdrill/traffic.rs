//! Packets of a script: those to the stack are made and handed in, those from it are waited for.

use super::compare::{compare, join};
use super::flow::{Flow, timestamps};
use super::live::{self, Ends, Live, show};
use super::machine::{LOCAL, Machine, REMOTE, Subject, seconds};
use super::script::{Body, OptionsSpec, Packet, TcpOption, TcpSpec};
use super::stop::Stop;
use super::world::State;
use linnet_wire::tcp::Flags;
use std::net::Ipv4Addr;

/// How long a packet is waited for that may come at any time.
const PATIENCE: u64 = 300_000_000;

const ECN_BITS: u8 = 0xc0;

impl Machine<'_> {
    /// Hands a packet of the script to the stack.
    pub fn inject(&mut self, packet: &Packet) -> Result<(), Stop> {
        let (tos, ttl) = self.ip_fields(packet)?;
        let ends = |flow: &Flow| Ends { remote: flow.remote, local: (LOCAL, flow.local), tos, ttl };
        let frame = match &packet.body {
            Body::Unsupported(what) => return Err(Stop::skip(what)),
            Body::Udp(ports, len) => {
                let local = self.subject_port();
                let (remote, local) = ports.unwrap_or((8080, local));
                live::datagram(&Ends { remote: (REMOTE, remote), local: (LOCAL, local), tos, ttl }, *len)
            }
            Body::Icmp(spec) => {
                let index = self.flow_of(None, 0)?;
                let ends = ends(&self.flows[index]);
                // Errors come from the router.
                let ends = Ends { remote: (REMOTE, ends.remote.1), ..ends };
                let seq = self.flows[index].ours(spec.quoted.map_or(0, |(seq, _)| seq));
                live::icmp(&ends, spec, seq)
            }
            Body::Tcp(spec) => {
                self.note_wanted(spec);
                let index = self.flow_of(spec.ports, spec.flags)?;
                let wire = self.flows[index].wire_from(spec);
                live::segment(&ends(&self.flows[index]), &wire)
            }
        };
        self.world.node.receive(&frame);
        self.collect();
        self.step(self.world.now).map(|_| ())
    }

    /// What the brackets before a packet say.
    fn ip_fields(&self, packet: &Packet) -> Result<(u8, u8), Stop> {
        let (mut tos, mut ttl) = (0, 255);
        for item in &packet.ip {
            let number = || item.split_whitespace().last().and_then(parse);
            match item.split_whitespace().next() {
                Some("noecn") => {}
                Some("tos") => tos = number().unwrap_or(0) as u8,
                Some("ttl") => ttl = number().unwrap_or(255) as u8,
                Some("ect0" | "ect1" | "ce") => return Err(Stop::skip("ECN")),
                _ => return Err(Stop::skip(format!("`[{item}]` before a packet"))),
            }
        }
        Ok((tos, ttl))
    }

    /// Notes what a segment to the stack asks for that it may do without.
    fn note_wanted(&mut self, spec: &TcpSpec) {
        let mut wanted = |what: &str| {
            if !self.world.settings.wanted.iter().any(|known| known == what) {
                self.world.settings.wanted.push(what.to_owned());
            }
        };
        if spec.flags & ECN_BITS != 0 {
            wanted("ECN");
        }
        let OptionsSpec::These(options) = &spec.options else { return };
        for option in options {
            match option {
                TcpOption::Sack(_) if cfg!(feature = "sack") => {}
                TcpOption::Sack(_) => wanted("a sender that heeds SACK (RFC 6675)"),
                TcpOption::Other(name, ..) if name.starts_with("FO") => wanted("Fast Open (RFC 7413)"),
                TcpOption::Other(name, ..) => wanted(&format!("the option `{name}`")),
                _ => {}
            }
        }
    }

    /// The port of the socket that the script is about.
    fn subject_port(&mut self) -> u16 {
        match self.subject {
            Subject::Flow(index) => self.flows[index].local,
            Subject::Socket(fd) => {
                let id = self.world.sock(fd).ok().map(|sock| sock.id);
                id.map_or(8080, |id| self.world.node.stack.local(id).port())
            }
            Subject::Nobody => 8080,
        }
    }

    /// The connection of a packet to the stack: by its ports, or the last one. A SYN for a listener
    /// begins a new one.
    fn flow_of(&mut self, ports: Option<(u16, u16)>, flags: u8) -> Result<usize, Stop> {
        if let Some((remote, local)) = ports {
            let known = self.flows.iter().rposition(|flow| (flow.remote.1, flow.local) == (remote, local));
            let index = known.unwrap_or_else(|| self.add_flow(local, (REMOTE, remote)));
            self.subject = Subject::Flow(index);
            return Ok(index);
        }
        let listens = match self.subject {
            Subject::Flow(index) => return Ok(index),
            Subject::Socket(fd) => self.world.sock(fd).is_ok_and(|sock| sock.state == State::Listening),
            Subject::Nobody => false,
        };
        if !listens && flags & Flags::SYN.bits() == 0 {
            return Err(Stop::fail("a connection that this packet belongs to", "none was begun"));
        }
        let local = self.subject_port();
        self.next_remote += 1;
        Ok(self.add_flow(local, (REMOTE, self.next_remote)))
    }

    fn add_flow(&mut self, local: u16, remote: (Ipv4Addr, u16)) -> usize {
        self.flows.push(Flow::new(local, remote));
        self.subject = Subject::Flow(self.flows.len() - 1);
        self.flows.len() - 1
    }

    /// A packet that the stack sent: its SYN begins a connection.
    pub fn register(&mut self, live: &Live) {
        let remote = (live.ip.destination, live.ports.1);
        let known = self.flows.iter().any(|flow| (flow.local, flow.remote) == (live.ports.0, remote));
        let begins = live.spec.flags & (Flags::SYN.bits() | Flags::ACK.bits()) == Flags::SYN.bits();
        if begins && !known {
            self.add_flow(live.ports.0, remote);
        }
    }

    /// Waits for a packet of the stack, and compares it.
    pub fn expect(&mut self, packet: &Packet, from: u64, to: u64) -> Result<(), Stop> {
        let spec = match &packet.body {
            Body::Unsupported(what) => return Err(Stop::skip(what)),
            Body::Icmp(_) => return Err(Stop::skip("ICMP from the stack")),
            Body::Udp(_, len) => {
                let limit = to.saturating_add(self.tolerance);
                let found = self.next_sent(limit)?;
                let seen = found.map_or("nothing".to_owned(), |live| format!("udp ({})", live.spec.len));
                let expected = format!("udp ({len})");
                return if seen == expected { Ok(()) } else { Err(Stop::fail(expected, seen)) };
            }
            Body::Tcp(spec) => spec,
        };
        if let Some((local, remote)) = spec.ports {
            self.flow_of(Some((remote, local)), spec.flags)?;
        }
        if spec.flags & ECN_BITS != 0 || packet.ip.iter().any(|item| item.starts_with("ect")) {
            self.world.settings.wanted.push("ECN".into());
        }
        if let OptionsSpec::These(options) = &spec.options
            && let Some(TcpOption::Other(name, ..)) =
                options.iter().find(|option| matches!(option, TcpOption::Other(..)))
        {
            self.world.settings.wanted.push(format!("the option `{name}`"));
        }
        let limit = if to == u64::MAX { self.world.now + PATIENCE } else { to + self.tolerance };
        let Some(first) = self.next_sent(limit)? else {
            let by = if to == u64::MAX { "at any time".to_owned() } else { format!("by {}", seconds(limit)) };
            return Err(Stop::fail(format!("{} {by}", show(spec)), "nothing was sent"));
        };
        self.check_time(spec, &first, from, to)?;
        self.check_stamp(spec, &first)?;
        self.check_ip(packet, &first)?;
        let mut seen = self.in_script(&first, Some(spec));
        let mut joined = false;
        while seen.len > 0 && seen.len < spec.len && seen.seq == spec.seq {
            let Some(next) = self.next_sent(limit)? else { break };
            let next = self.in_script(&next, None);
            if !join(&mut seen, &next) {
                return Err(Stop::fail(show(spec), format!("{}, then {}", show(&seen), show(&next))));
            }
            joined = true;
        }
        compare(spec, &seen, joined)
    }

    /// The next packet of the connection that the script is about, waited for until `limit`. What
    /// other connections send meanwhile the script does not care about.
    fn next_sent(&mut self, limit: u64) -> Result<Option<Live>, Stop> {
        loop {
            if let Subject::Flow(index) = self.subject {
                let flow = &self.flows[index];
                let (local, remote) = (flow.local, flow.remote);
                self.sent
                    .retain(|live| live.ports.0 == local && (live.ip.destination, live.ports.1) == remote);
            }
            if !self.sent.is_empty() || !self.step(limit)? {
                break;
            }
        }
        let live = self.sent.pop_front();
        if let Some(live) = &live {
            self.world.set_time(live.at);
        }
        Ok(live)
    }

    fn in_script(&mut self, live: &Live, expected: Option<&TcpSpec>) -> TcpSpec {
        let remote = (live.ip.destination, live.ports.1);
        let of = |flow: &Flow| (flow.local, flow.remote) == (live.ports.0, remote);
        match self.flows.iter_mut().rev().find(|flow| of(flow)) {
            Some(flow) => flow.script_from(live, expected),
            None => live.spec.clone(),
        }
    }

    fn check_time(&mut self, spec: &TcpSpec, live: &Live, from: u64, to: u64) -> Result<(), Stop> {
        let early = live.at.saturating_add(self.tolerance) < from;
        let late = live.at > to.saturating_add(self.tolerance);
        if to == u64::MAX || !early && !late {
            return Ok(());
        }
        let wanted = if from == to { seconds(from) } else { format!("{} to {}", seconds(from), seconds(to)) };
        let seen = self.in_script(live, None);
        let got = format!("{} at {}", show(&seen), seconds(live.at));
        Err(Stop::fail(format!("{} at {wanted}", show(spec)), got))
    }

    /// Whether the clock in timestamps ticks as the script says.
    fn check_stamp(&mut self, spec: &TcpSpec, live: &Live) -> Result<(), Stop> {
        let (Some(tick), Some(script), Some(value)) =
            (self.stamp_tick, timestamps(spec), timestamps(&live.spec))
        else {
            return Ok(());
        };
        let remote = (live.ip.destination, live.ports.1);
        let flow = self.flows.iter().rev().find(|flow| (flow.local, flow.remote) == (live.ports.0, remote));
        let Some((wanted, got)) = flow.and_then(|flow| flow.clock(script, value)) else { return Ok(()) };
        let (wanted, got) = (u64::from(wanted) * tick, u64::from(got) * 1000);
        if wanted.abs_diff(got) <= self.tolerance.max(2000) {
            return Ok(());
        }
        let text = |micros| format!("a timestamp {} after the first", seconds(micros));
        Err(Stop::fail(text(wanted), text(got)))
    }

    fn check_ip(&mut self, packet: &Packet, live: &Live) -> Result<(), Stop> {
        if packet.ip.iter().any(|item| item.starts_with("ect") || item == "ce") {
            return Err(Stop::skip("ECN"));
        }
        let (tos, _) = self.ip_fields(packet)?;
        let asked = packet.ip.iter().any(|item| item.starts_with("tos"));
        if asked && live.ip.tos != tos {
            return Err(Stop::fail(format!("[tos {tos:#x}]"), format!("[tos {:#x}]", live.ip.tos)));
        }
        Ok(())
    }
}

fn parse(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}
