//! Runs a script: events in order, the stack's timers between them, in virtual time.

use super::calls;
use super::constants;
use super::flow::Flow;
use super::info;
use super::live::Live;
use super::python;
use super::report::Options;
use super::script::{Action, Call, Event, Expected, Script, When};
use super::stop::Stop;
use super::world::{Attempt, File, State, World};
use crate::node::{ETH, Node, mac_of};
use linnet_core::net::iface::{Link, LinkKind};
use linnet_core::net::route::{Route, RouteKind};
use linnet_core::socket::TcpInfo;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// The stack's address, in a network of 16 bits.
pub(super) const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
/// The router, which alone is on the link.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 2);
/// The peer that the script plays.
pub(super) const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A running script.
pub(super) struct Machine<'a> {
    pub world: World,
    pub options: &'a Options,
    /// What the stack sent and the script has not yet asked for.
    pub sent: VecDeque<Live>,
    pub flows: Vec<Flow>,
    /// Whom packets without ports belong to.
    pub subject: Subject,
    /// The call that blocks.
    pending: Option<Pending>,
    variables: BTreeMap<String, f64>,
    /// How far off a time may be, in microseconds.
    pub tolerance: u64,
    /// The tick of the stack's timestamps as the script counts it, in microseconds, where it checks that.
    pub stamp_tick: Option<u64>,
    /// The next port of a peer.
    pub next_remote: u16,
}

/// Whom a packet without ports belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    /// Nobody yet.
    Nobody,
    /// The socket that was made last.
    Socket(i64),
    /// The connection that was begun last.
    Flow(usize),
}

/// A call under way.
struct Pending {
    attempt: Attempt,
    name: String,
    expected: Expected,
    line: usize,
    /// When it must end, in microseconds.
    end: u64,
}

impl<'a> Machine<'a> {
    /// A fresh stack, with what the script's head and the command line say.
    pub fn new(script: &Script, options: &'a Options) -> Result<Self, Stop> {
        let mut node = Node::new(LOCAL, GATEWAY, 256 << 20, 7, u32::MAX - 60_000);
        let mut tolerance = 4000;
        let mut stamp_tick = None;
        let mut defines = options.defines.clone();
        let mut mtu = 1500;
        for (name, value) in script.options.iter().chain(&options.flags) {
            let number = value.replace('_', "").parse().ok();
            let missing = || Stop::skip(format!("`--{name}={value}`"));
            match name.as_str() {
                "tolerance_usecs" => tolerance = number.ok_or_else(missing)?,
                "tcp_ts_tick_usecs" => stamp_tick = number,
                "mtu" => mtu = number.and_then(|mtu| u16::try_from(mtu).ok()).ok_or_else(missing)?,
                "ip_version" if value == "ipv4" => {}
                "ip_version" => return Err(Stop::skip("IPv6")),
                "define" => {
                    let (name, value) = value.split_once('=').unwrap_or((value, "1"));
                    defines.insert(name.to_owned(), value.to_owned());
                }
                // Of the host that packetdrill runs on, or of the segments that it hands to a card.
                "mss" | "send_omit_free" | "local_ip" | "remote_ip" | "gateway_ip" | "netmask_ip"
                | "speed" | "non_fatal" | "verbose" | "so_filename" | "init_scripts" | "code_command"
                | "bind_port" | "connect_port" => {}
                _ => return Err(missing()),
            }
        }
        let gateway = Some(GATEWAY);
        let default =
            Route { gateway, kind: RouteKind::Unicast, ..Route::connected(Ipv4Addr::UNSPECIFIED, 0, ETH) };
        let ready = node.stack.set_iface(link(mtu)).and_then(|()| node.stack.add_route(default));
        ready.map_err(|error| Stop::fail("a route to the peer", error.name()))?;
        let mut world = World::new(node);
        world.defines = defines;
        Ok(Self {
            world,
            options,
            sent: VecDeque::new(),
            flows: Vec::new(),
            subject: Subject::Nobody,
            pending: None,
            variables: BTreeMap::new(),
            tolerance,
            stamp_tick,
            next_remote: 53_055,
        })
    }

    /// Runs one event.
    ///
    /// # Errors
    /// Why the script ends here.
    pub fn run(&mut self, event: &Event) -> Result<(), Stop> {
        let began = self.world.now;
        let (from, to) = match event.when {
            When::Any => (began, u64::MAX),
            When::Absolute(from, to) => (from, to),
            When::Relative(from, to) => (began + from, began + to),
        };
        if let Action::Packet(packet) = &event.action
            && !packet.inbound
        {
            return self.expect(packet, from, to);
        }
        if !matches!(event.when, When::Any) {
            if began > to.saturating_add(self.tolerance) {
                return Err(Stop::fail(format!("at {}", seconds(to)), format!("it is {}", seconds(began))));
            }
            self.pass_until(from)?;
        }
        match &event.action {
            Action::Shell(commands) => {
                self.world.settings.run(commands, &self.options.folder)?;
                let set =
                    self.world.settings.mtu.map_or(Ok(()), |mtu| self.world.node.stack.set_iface(link(mtu)));
                set.map_err(|error| Stop::fail("an MTU", error.name()))
            }
            Action::Code(code) => self.code(code),
            Action::Call(call) => self.call(call, began, event.line),
            Action::Packet(packet) => self.inject(packet),
        }
    }

    /// Ends the script: a call that blocks is waited for.
    pub fn finish(&mut self) -> Result<(), Stop> {
        self.await_pending()
    }

    fn call(&mut self, call: &Call, began: u64, line: usize) -> Result<(), Stop> {
        // One program, one thread: the call before has to end first.
        self.await_pending()?;
        let attempt = calls::begin(&mut self.world, call)?;
        if call.name == "socket"
            && let Expected::Number(fd) = call.result
        {
            self.subject = Subject::Socket(fd);
        }
        let end = call.end.map_or(self.world.now, |end| began + end);
        let name = call.name.clone();
        self.pending = Some(Pending { attempt, name, expected: call.result.clone(), line, end });
        self.attempt()?;
        if call.end.is_none() { self.await_pending() } else { Ok(()) }
    }

    /// Lets time pass until the pending call has ended.
    fn await_pending(&mut self) -> Result<(), Stop> {
        while let Some(pending) = &self.pending {
            let limit = pending.end + self.tolerance;
            let text =
                format!("`{}` of line {} to end by {}", pending.name, pending.line, seconds(pending.end));
            if self.step(limit)? {
                continue;
            }
            if self.pending.is_some() {
                return Err(Stop::fail(text, "it blocks"));
            }
        }
        Ok(())
    }

    /// Asks the pending call again; checks what it returns, and when.
    fn attempt(&mut self) -> Result<(), Stop> {
        if let Some(mut pending) = self.pending.take() {
            match (pending.attempt)(&mut self.world)? {
                None => self.pending = Some(pending),
                Some(returned) => {
                    let now = self.world.now;
                    if now.abs_diff(pending.end) > self.tolerance {
                        let what = format!("`{}` of line {} ends at", pending.name, pending.line);
                        return Err(Stop::fail(format!("{what} {}", seconds(pending.end)), seconds(now)));
                    }
                    check(&pending.name, &pending.expected, returned)?;
                }
            }
        }
        self.collect();
        Ok(())
    }

    fn code(&mut self, code: &str) -> Result<(), Stop> {
        let info = self.info();
        let lookup = |name: &str| -> Option<f64> {
            let value = info.as_ref().and_then(|info| info::field(info, name)).map(f64::from);
            value.or_else(|| constants::number(name).map(|number| number as f64))
        };
        python::run(code, &mut self.variables, &lookup)
    }

    /// `TCP_INFO` of the connection that the script is about.
    fn info(&mut self) -> Option<TcpInfo> {
        let subject = self.subject;
        let flow = match subject {
            Subject::Flow(index) => self.flows.get(index),
            _ => None,
        };
        let node = &self.world.node;
        let mut socks = self.world.files.iter().filter_map(|(fd, file)| match file {
            File::Socket(sock) if sock.stream => Some((*fd, sock)),
            _ => None,
        });
        let of = |(fd, sock): &(i64, &super::world::Sock)| match (flow, subject) {
            (Some(flow), _) => {
                sock.state != State::Listening && {
                    let peer = node.stack.peer(sock.id).ok();
                    let peer = peer.is_none_or(|peer| (*peer.ip(), peer.port()) == flow.remote);
                    peer && node.stack.local(sock.id).port() == flow.local
                }
            }
            (None, Subject::Socket(subject)) => *fd == subject,
            _ => false,
        };
        let id = socks.find(of).map(|(_, sock)| sock.id)?;
        Some(node.info(id))
    }

    /// Lets time pass until `until`.
    pub fn pass_until(&mut self, until: u64) -> Result<(), Stop> {
        while self.step(until)? {}
        Ok(())
    }

    /// Goes to the next moment when something happens, or to `limit`; says whether there was one
    /// before that.
    pub fn step(&mut self, limit: u64) -> Result<bool, Stop> {
        let next = self.world.node.next_deadline().map(|millis| (millis * 1000).max(self.world.now));
        let wakes = self.pending.as_ref().map(|pending| pending.end).filter(|end| *end > self.world.now);
        let next = [next, wakes].into_iter().flatten().min().filter(|next| *next <= limit);
        if let Some(next) = next {
            self.world.set_time(next);
        } else if limit < u64::MAX / 2 {
            self.world.set_time(limit);
        }
        self.world.node.handle_timers();
        self.collect();
        self.attempt()?;
        Ok(next.is_some())
    }

    /// Takes what the stack has sent, and hands on its wake-ups.
    pub fn collect(&mut self) {
        self.world.note_wakes();
        for frame in self.world.node.host.take_sent() {
            let Some(live) = Live::read(self.world.now, &frame) else { continue };
            self.register(&live);
            self.sent.push_back(live);
        }
    }
}

/// The stack's one link.
fn link(mtu: u16) -> Link {
    Link { index: ETH, mac: mac_of(LOCAL), mtu, kind: LinkKind::Ethernet, up: true, running: true }
}

/// Compares what a call returns.
fn check(name: &str, expected: &Expected, returned: Result<i64, &'static str>) -> Result<(), Stop> {
    let same = match (expected, returned) {
        (Expected::Any, _) | (Expected::Error(None), Err(_)) => true,
        (Expected::Number(expected), Ok(number)) => *expected == number,
        (Expected::Error(Some(expected)), Err(error)) => expected == error,
        _ => false,
    };
    if same {
        return Ok(());
    }
    let expected = match expected {
        Expected::Any => "anything".to_owned(),
        Expected::Number(number) => number.to_string(),
        Expected::Error(error) => format!("-1 {}", error.as_deref().unwrap_or("and an error")),
    };
    let got = returned.map_or_else(|error| format!("-1 {error}"), |number| number.to_string());
    Err(Stop::fail(format!("{name}(...) = {expected}"), format!("{name}(...) = {got}")))
}

/// A time as scripts write it.
pub(super) fn seconds(micros: u64) -> String {
    format!("{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}
