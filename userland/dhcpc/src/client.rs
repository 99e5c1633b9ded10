//! The client's states (RFC 2131 §4.4, figure 5): what to say, to whom, and what became of the lease.
//!
//! Call order: [`Client::poll`] until it says [`Do::Wait`]; then, when a reply comes or the time is there,
//! `handle_…` and `poll` again. Time and randomness are arguments; nothing here sends, sleeps or asks.

use crate::lease::Lease;
use crate::message::{Ask, Mac, Reply, Request, Say};
use core::net::Ipv4Addr;

/// Milliseconds of a clock that never goes back and does not stop in suspend.
pub type Millis = u64;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Send this from the client's port to the server's port of this address.
    Send(Ipv4Addr, Request),
    /// Tell the system.
    Tell(Happening),
    /// Make the stack ask by ARP who has this address.
    Probe(Ipv4Addr),
    /// See whether somebody answered, and say so to [`Client::handle_probe`].
    Look(Ipv4Addr),
    /// Nothing before this time.
    Wait(Option<Millis>),
}

/// What became of the lease, in the words of udhcpc's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// There is no address (any more): `deconfig`.
    Deconfigured,
    /// There is a new address: `bound`.
    Bound,
    /// The address stays; what belongs to it may have changed: `renew`.
    Renewed,
    /// Nobody answers; it goes on trying: `leasefail`.
    Failed,
}

/// A DHCP client for one interface.
#[derive(Debug)]
pub struct Client {
    mac: Mac,
    /// How long to wait for somebody who has the address already, in milliseconds; zero: not at all.
    probe: u32,
    state: State,
    xid: u32,
    /// When this conversation began, for the seconds field.
    began: Millis,
    /// When the last request was sent.
    asked: Millis,
    /// When the request was sent that was granted: what the lease counts from (RFC 2131 §4.4.1).
    since: Millis,
    /// What is granted: from `Checking` on.
    lease: Option<Lease>,
    /// What the system has not been told yet.
    news: Option<Happening>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// INIT: starts at this time.
    Starting { at: Millis },
    /// SELECTING: discovers sent, and when to send the next.
    Selecting { sent: u8, again: Millis },
    /// REQUESTING: this address from this server.
    Requesting { address: Ipv4Addr, server: Ipv4Addr, sent: u8, again: Millis },
    /// Granted; does somebody else use it?
    Checking { until: Option<Millis> },
    /// Somebody does.
    Declining,
    /// BOUND.
    Bound,
    /// RENEWING: when to ask the server again.
    Renewing { again: Millis },
    /// REBINDING: when to ask everyone again.
    Rebinding { again: Millis },
    /// Gives the address back.
    Releasing,
    /// Has given it back, and waits to be told to start.
    Released,
}

/// Requests for an offered address before it is forgotten.
const REQUESTS: u8 = 4;
/// Discovers without an answer before the system is told.
const DISCOVERS: u8 = 5;
/// RFC 2131 §3.1: the pause after an address that was in use, in milliseconds.
const AFTER_CONFLICT: u32 = 10_000;
/// RFC 2131 §4.4.5: the least time between requests for more, in milliseconds.
const RENEWALS: Millis = 60_000;

impl Client {
    /// A client that has nothing yet. `probe` is how long to look for another user of an address before it is
    /// taken, in milliseconds; zero: it is not looked for.
    #[must_use]
    pub const fn new(mac: Mac, probe: u32, now: Millis) -> Client {
        Client {
            mac,
            probe,
            state: State::Starting { at: now },
            xid: 0,
            began: now,
            asked: now,
            since: now,
            lease: None,
            news: Some(Happening::Deconfigured),
        }
    }

    /// The lease, while there is one.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// What to do next. `random` is a fresh random number.
    pub fn poll(&mut self, now: Millis, random: u32) -> Do {
        if let Some(news) = self.news.take() {
            return Do::Tell(news);
        }
        match self.state {
            State::Starting { at } | State::Selecting { again: at, .. } if now < at => Do::Wait(Some(at)),
            State::Starting { .. } => {
                self.converse(now, random);
                self.discover(now, random, 0)
            }
            State::Selecting { sent, .. } => self.discover(now, random, sent),
            State::Requesting { again, .. } if now < again => Do::Wait(Some(again)),
            State::Requesting { sent: REQUESTS, .. } => {
                self.state = State::Starting { at: now };
                self.poll(now, random)
            }
            State::Requesting { address, server, sent, .. } => {
                self.asked = now;
                self.state =
                    State::Requesting { address, server, sent: sent + 1, again: now + pause(sent, random) };
                self.broadcast(now, Ask::Request, Some(address), Some(server))
            }
            State::Checking { until } => self.check(now, random, until),
            State::Declining => {
                let lease = self.lease.take();
                self.state = State::Starting { at: now + Millis::from(AFTER_CONFLICT) };
                let (address, server) = (lease.map(|lease| lease.address), lease.map(|lease| lease.server));
                self.broadcast(now, Ask::Decline, address, server)
            }
            State::Bound | State::Renewing { .. } | State::Rebinding { .. } => self.keep(now, random),
            State::Releasing => {
                let lease = self.lease;
                self.forget(State::Released);
                let Some(lease) = lease else { return self.poll(now, random) };
                let release = self.request(now, Ask::Release, None, Some(lease.server), Some(lease.address));
                Do::Send(lease.server, release)
            }
            State::Released => Do::Wait(None),
        }
    }

    /// Takes what came to the client's port from the server's port of some address.
    pub fn handle_message(&mut self, now: Millis, random: u32, bytes: &[u8]) {
        let Some(reply) = Reply::parse(bytes) else { return };
        if reply.xid != self.xid || reply.mac != self.mac {
            return;
        }
        match (self.state, reply.say) {
            (State::Selecting { .. }, Say::Offer) => {
                if let Some(offer) = Lease::from_reply(&reply) {
                    let (address, server) = (offer.address, offer.server);
                    self.state = State::Requesting { address, server, sent: 0, again: now };
                }
            }
            (State::Requesting { address, server, .. }, Say::Ack) => {
                let lease = Lease::from_reply(&reply);
                if let Some(lease) = lease.filter(|lease| (lease.address, lease.server) == (address, server))
                {
                    self.lease = Some(lease);
                    self.since = self.asked;
                    self.state = State::Checking { until: None };
                }
            }
            // A little later, for a server that always refuses what it offers.
            (State::Requesting { server, .. }, Say::Nak) if reply.server == Some(server) => {
                self.state = State::Starting { at: now + pause(0, random) };
            }
            (State::Renewing { .. } | State::Rebinding { .. }, say) => self.handle_renewal(now, &reply, say),
            _ => {}
        }
    }

    /// Whether somebody answered for the address that [`Do::Look`] named.
    pub fn handle_probe(&mut self, taken: bool) {
        if let State::Checking { .. } = self.state {
            self.state = if taken { State::Declining } else { State::Bound };
            self.news = if taken { None } else { Some(Happening::Bound) };
        }
    }

    /// Asks for more of the lease, or for a new one, now (udhcpc's `SIGUSR1`).
    pub fn renew(&mut self, now: Millis, random: u32) {
        match self.state {
            State::Bound => {
                self.converse(now, random);
                self.state = State::Renewing { again: now };
            }
            State::Released | State::Starting { .. } => self.state = State::Starting { at: now },
            _ => {}
        }
    }

    /// Gives the lease back (udhcpc's `SIGUSR2`).
    pub const fn release(&mut self) {
        self.state = State::Releasing;
    }

    fn discover(&mut self, now: Millis, random: u32, sent: u8) -> Do {
        if sent == DISCOVERS {
            self.news = Some(Happening::Failed);
        }
        self.state = State::Selecting { sent: sent.saturating_add(1), again: now + pause(sent, random) };
        self.broadcast(now, Ask::Discover, None, None)
    }

    fn check(&mut self, now: Millis, random: u32, until: Option<Millis>) -> Do {
        let Some(lease) = self.lease else { return self.start_over(now, random) };
        match until {
            None if self.probe == 0 => {
                self.handle_probe(false);
                self.poll(now, random)
            }
            None => {
                self.state = State::Checking { until: Some(now + Millis::from(self.probe)) };
                Do::Probe(lease.address)
            }
            Some(until) if now < until => Do::Wait(Some(until)),
            Some(_) => Do::Look(lease.address),
        }
    }

    /// Keeps a lease: RFC 2131 §4.4.5.
    fn keep(&mut self, now: Millis, random: u32) -> Do {
        let Some(lease) = self.lease else { return self.start_over(now, random) };
        if lease.term.end == u32::MAX && self.state == State::Bound {
            return Do::Wait(None);
        }
        let at = |seconds: u32| self.since + Millis::from(seconds) * 1000;
        let (renew, rebind, end) = (at(lease.term.renew), at(lease.term.rebind), at(lease.term.end));
        if lease.term.end != u32::MAX && now >= end {
            return self.start_over(now, random);
        }
        let (again, to) = match self.state {
            State::Bound if now < renew => return Do::Wait(Some(renew)),
            State::Bound => {
                self.converse(now, random);
                (now, lease.server)
            }
            State::Renewing { again } if now < rebind => (again, lease.server),
            State::Rebinding { again } => (again, Ipv4Addr::BROADCAST),
            _ => (now, Ipv4Addr::BROADCAST),
        };
        if now < again {
            return Do::Wait(Some(again));
        }
        let limit = if to == Ipv4Addr::BROADCAST { end } else { rebind };
        // RFC 2131 §4.4.5: half of the remaining time, a minute at least.
        let again = (now + ((limit.saturating_sub(now)) / 2).max(RENEWALS)).min(limit.max(now + 1000));
        self.state = match to {
            Ipv4Addr::BROADCAST => State::Rebinding { again },
            _ => State::Renewing { again },
        };
        self.asked = now;
        Do::Send(to, self.request(now, Ask::Request, None, None, Some(lease.address)))
    }

    fn handle_renewal(&mut self, now: Millis, reply: &Reply<'_>, say: Say) {
        let Some(old) = self.lease else { return };
        let rebinding = matches!(self.state, State::Rebinding { .. });
        // Only a broadcast request can be another server's to answer.
        if !rebinding && reply.server != Some(old.server) {
            return;
        }
        match (say, Lease::from_reply(reply)) {
            (Say::Nak, _) => self.forget(State::Starting { at: now }),
            (Say::Ack, Some(lease)) if lease.address == old.address => {
                self.lease = Some(lease);
                self.since = self.asked;
                self.state = State::Bound;
                self.news = Some(Happening::Renewed);
            }
            _ => {}
        }
    }

    fn start_over(&mut self, now: Millis, random: u32) -> Do {
        self.forget(State::Starting { at: now });
        self.poll(now, random)
    }

    /// There is no lease any more.
    const fn forget(&mut self, state: State) {
        self.lease = None;
        self.state = state;
        self.news = Some(Happening::Deconfigured);
    }

    /// Begins a conversation.
    const fn converse(&mut self, now: Millis, random: u32) {
        self.xid = random;
        self.began = now;
    }

    fn broadcast(&self, now: Millis, ask: Ask, requested: Option<Ipv4Addr>, server: Option<Ipv4Addr>) -> Do {
        Do::Send(Ipv4Addr::BROADCAST, self.request(now, ask, requested, server, None))
    }

    fn request(
        &self,
        now: Millis,
        ask: Ask,
        requested: Option<Ipv4Addr>,
        server: Option<Ipv4Addr>,
        client: Option<Ipv4Addr>,
    ) -> Request {
        // In 32 bits: 49 days are long enough.
        let seconds = (now - self.began) as u32 / 1000;
        let seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        Request { ask, xid: self.xid, seconds, mac: self.mac, client, requested, server }
    }
}

/// How long to wait after so many tries, in milliseconds: RFC 2131 §4.1's doubling up to 64 s with a
/// second's randomness, but from one second on instead of four, for a machine that waits for its address.
fn pause(tries: u8, random: u32) -> Millis {
    let base = 1000_u32 << tries.min(6);
    Millis::from(base - 512 + random % 1024)
}
