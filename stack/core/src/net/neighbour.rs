//! The ARP cache: who has which link address, and what waits to hear it
//! (RFC 826, RFC 1122 §2.3.2).
//!
//! A table of at most [`MAX_ENTRIES`]. Only our own traffic and requests for our own address
//! make entries; a reply that nobody asked for makes none. What was confirmed a while ago is
//! still used, but asked about again at once (unicast poll). What is evicted first was never
//! used by us, then what never answered, then what was used longest ago: a flood of strangers
//! does not push out the gateway.

#[cfg(feature = "rtnetlink")]
use super::change::{Change, Changes};
use crate::errno::Errno;
use crate::host::{Buf, Host, IfIndex, Queue};
use crate::memory::{Memory, Pressure};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use linnet_wire::ethernet::Mac;

/// Entries that the cache holds at most.
pub const MAX_ENTRIES: usize = 32;
/// Packets that wait for one neighbour at most; the oldest goes first. Enough for a datagram of
/// 8 KB in fragments.
pub const MAX_WAITING: usize = 8;
/// How long an entry is used without asking again (RFC 1122 §2.3.2.1: order of a minute).
pub const CONFIRMED: Duration = Duration::from_secs(60);
/// Between two requests for one address (RFC 1122 §2.3.2.1: at most one a second).
pub const RETRY: Duration = Duration::from_secs(1);
/// Requests without an answer, then the neighbour is given up.
pub const TRIES: u8 = 3;

/// A line of the cache, as `/proc/net/arp` and the ioctls show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Its address.
    pub address: Ipv4Addr,
    /// The interface it is on.
    pub iface: IfIndex,
    /// Its link address; `None` while it has not answered.
    pub mac: Option<Mac>,
    /// Set by hand: never asked about, never evicted.
    pub permanent: bool,
}

/// How much is known of a neighbour (feature `rtnetlink`): Linux's `NUD_*`, as far as they are told apart.
#[cfg(feature = "rtnetlink")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reachability {
    /// Asked, no answer yet.
    Incomplete,
    /// Confirmed within [`CONFIRMED`].
    Reachable,
    /// Confirmed before that.
    Stale,
    /// Asked again.
    Probe,
    /// Set by hand.
    Permanent,
}

struct Entry<H: Host> {
    address: Ipv4Addr,
    iface: IfIndex,
    state: State,
    /// When we last sent to it; before that, when the entry was made.
    used: Instant,
    /// Whether we ever sent to it.
    wanted: bool,
    waiting: H::Queue,
}

#[derive(Clone, Copy)]
enum State {
    /// Asked, no answer yet.
    Incomplete { tries: u8, retry: Instant },
    /// Answered.
    Confirmed { mac: Mac, at: Instant },
    /// Answered once; asked again.
    Probing { mac: Mac, tries: u8, retry: Instant },
    /// Set by hand.
    Permanent { mac: Mac },
}

impl State {
    const fn mac(&self) -> Option<Mac> {
        match *self {
            Self::Incomplete { .. } => None,
            Self::Confirmed { mac, .. } | Self::Probing { mac, .. } | Self::Permanent { mac } => Some(mac),
        }
    }

    const fn retry(&self) -> Option<Instant> {
        match *self {
            Self::Incomplete { retry, .. } | Self::Probing { retry, .. } => Some(retry),
            Self::Confirmed { .. } | Self::Permanent { .. } => None,
        }
    }
}

/// What to do with a packet for a neighbour.
pub(super) enum Resolution<B> {
    /// Send it there.
    Known(Mac, B),
    /// Send it there, and ask that address whether it still holds.
    Poll(Mac, B),
    /// It was queued; ask everyone.
    Ask,
    /// It was queued; a request is under way.
    Waiting,
    /// There is no memory for it.
    Refused(B),
}

/// What a timer asks for.
pub(super) enum Due<H: Host> {
    /// Ask again: this address, or everyone.
    Ask { iface: IfIndex, address: Ipv4Addr, mac: Option<Mac> },
    /// No answer: these packets cannot be delivered.
    Failed(H::Queue),
}

pub(super) struct Neighbours<H: Host> {
    entries: Vec<Entry<H>>,
    /// Neighbours whose link address became known or another, or that were forgotten.
    #[cfg(feature = "rtnetlink")]
    pub changes: Changes<Neighbour>,
}

impl<H: Host> Neighbours<H> {
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            #[cfg(feature = "rtnetlink")]
            changes: Changes::new(),
        }
    }

    /// Where to send `packet`; without an answer yet it waits here.
    pub fn resolve(
        &mut self,
        now: Instant,
        memory: &mut Memory,
        (iface, address): (IfIndex, Ipv4Addr),
        packet: H::Buf,
    ) -> Resolution<H::Buf> {
        let retry = now + RETRY;
        let mut ask = false;
        if self.find(iface, address).is_none() {
            ask = true;
            if !self.insert(memory, iface, address, State::Incomplete { tries: 1, retry }, now) {
                return Resolution::Refused(packet);
            }
        }
        let Some(entry) = self.find(iface, address) else { return Resolution::Refused(packet) };
        entry.used = now;
        entry.wanted = true;
        match entry.state {
            State::Permanent { mac } | State::Probing { mac, .. } => Resolution::Known(mac, packet),
            State::Confirmed { mac, at } if now.past(at) <= CONFIRMED => Resolution::Known(mac, packet),
            State::Confirmed { mac, .. } => {
                entry.state = State::Probing { mac, tries: 1, retry };
                Resolution::Poll(mac, packet)
            }
            State::Incomplete { .. } => {
                if entry.waiting.len() >= MAX_WAITING
                    && let Some(oldest) = entry.waiting.pop_front()
                {
                    memory.release(oldest.footprint());
                }
                // The last quarter is not for what anybody may have us send to anywhere.
                if memory.pressure() != Pressure::Low || !memory.try_charge(packet.footprint()) {
                    return Resolution::Refused(packet);
                }
                entry.waiting.push_back(packet);
                if ask { Resolution::Ask } else { Resolution::Waiting }
            }
        }
    }

    /// Learns from an ARP packet that `address` is at `mac`; `for_us` if it was a request for
    /// one of our addresses, which alone may make an entry. Gives what waited for it.
    pub fn learn(
        &mut self,
        now: Instant,
        memory: &mut Memory,
        (iface, address): (IfIndex, Ipv4Addr),
        mac: Mac,
        for_us: bool,
    ) -> Option<H::Queue> {
        let state = State::Confirmed { mac, at: now };
        let Some(entry) = self.find(iface, address) else {
            if for_us {
                self.insert(memory, iface, address, state, now);
                #[cfg(feature = "rtnetlink")]
                self.note(iface, address, Some(mac));
            }
            return None;
        };
        #[cfg(feature = "rtnetlink")]
        let is_new = entry.state.mac() != Some(mac);
        match entry.state {
            State::Permanent { .. } => return None,
            // Two answers to one question: the first counts.
            State::Confirmed { at, .. } if now.past(at) < RETRY => return None,
            _ => entry.state = state,
        }
        let waiting = entry.take_waiting(memory);
        #[cfg(feature = "rtnetlink")]
        if is_new {
            self.note(iface, address, Some(mac));
        }
        Some(waiting)
    }

    /// Notes that a neighbour's link address became known, or without one that it was forgotten.
    #[cfg(feature = "rtnetlink")]
    fn note(&mut self, iface: IfIndex, address: Ipv4Addr, mac: Option<Mac>) {
        let neighbour = Neighbour { address, iface, mac, permanent: false };
        self.changes.note(if mac.is_some() { Change::New(neighbour) } else { Change::Gone(neighbour) });
    }

    /// The next thing to do now, until there is none.
    pub fn poll_due(&mut self, now: Instant, memory: &mut Memory) -> Option<Due<H>> {
        let is_due = |entry: &Entry<H>| entry.state.retry().is_some_and(|retry| retry.is_due(now));
        let entry = self.entries.iter_mut().find(|entry| is_due(entry))?;
        let (address, iface) = (entry.address, entry.iface);
        match &mut entry.state {
            State::Incomplete { tries, retry } | State::Probing { tries, retry, .. } if *tries < TRIES => {
                *tries += 1;
                *retry = now + RETRY;
                Some(Due::Ask { iface, address, mac: entry.state.mac() })
            }
            _ => self.forget(memory, iface, Some(address)).map(Due::Failed),
        }
    }

    /// When [`Neighbours::poll_due`] is next worth calling.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.entries.iter().fold(None, |next, entry| Instant::sooner(next, entry.state.retry()))
    }

    /// Sets an entry by hand.
    pub fn set(&mut self, now: Instant, memory: &mut Memory, wanted: Neighbour) -> Result<(), Errno> {
        let mac = wanted.mac.ok_or(Errno::EINVAL)?;
        let state =
            if wanted.permanent { State::Permanent { mac } } else { State::Confirmed { mac, at: now } };
        if let Some(entry) = self.find(wanted.iface, wanted.address) {
            entry.state = state;
        } else if !self.insert(memory, wanted.iface, wanted.address, state, now) {
            return Err(Errno::ENOBUFS);
        }
        #[cfg(feature = "rtnetlink")]
        self.changes.note(Change::New(wanted));
        Ok(())
    }

    /// Forgets one neighbour; `ENXIO` if it was not known.
    pub fn remove(&mut self, memory: &mut Memory, iface: IfIndex, address: Ipv4Addr) -> Result<(), Errno> {
        self.forget(memory, iface, Some(address)).map(|_| ()).ok_or(Errno::ENXIO)
    }

    /// Forgets all on an interface that went down.
    pub fn flush(&mut self, memory: &mut Memory, iface: IfIndex) {
        while self.forget(memory, iface, None).is_some() {}
    }

    pub fn iter(&self) -> impl Iterator<Item = Neighbour> {
        self.entries.iter().map(|entry| Neighbour {
            address: entry.address,
            iface: entry.iface,
            mac: entry.state.mac(),
            permanent: matches!(entry.state, State::Permanent { .. }),
        })
    }

    /// As [`Neighbours::iter`], with how much is known of each.
    #[cfg(feature = "rtnetlink")]
    pub fn states(&self, now: Instant) -> impl Iterator<Item = (Neighbour, Reachability)> {
        let known = self.entries.iter().map(move |entry| match entry.state {
            State::Incomplete { .. } => Reachability::Incomplete,
            State::Confirmed { at, .. } if now.past(at) <= CONFIRMED => Reachability::Reachable,
            State::Confirmed { .. } => Reachability::Stale,
            State::Probing { .. } => Reachability::Probe,
            State::Permanent { .. } => Reachability::Permanent,
        });
        self.iter().zip(known)
    }

    fn find(&mut self, iface: IfIndex, address: Ipv4Addr) -> Option<&mut Entry<H>> {
        self.entries.iter_mut().find(|entry| entry.address == address && entry.iface == iface)
    }

    fn insert(
        &mut self,
        memory: &mut Memory,
        iface: IfIndex,
        address: Ipv4Addr,
        state: State,
        now: Instant,
    ) -> bool {
        if self.entries.len() >= MAX_ENTRIES {
            self.evict(memory, now);
        }
        let entry = Entry { address, iface, state, used: now, wanted: false, waiting: H::Queue::default() };
        self.entries.len() < MAX_ENTRIES && crate::list::try_push(&mut self.entries, entry)
    }

    /// Makes room, in the order that the module's head gives.
    fn evict(&mut self, memory: &mut Memory, now: Instant) {
        let mut victim = None;
        let mut most = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            let class: u32 = match entry.state {
                State::Permanent { .. } => continue,
                State::Confirmed { .. } | State::Probing { .. } if entry.wanted => 1,
                State::Incomplete { .. } => 2,
                _ => 3,
            };
            let worth_least = class << 30 | now.since(entry.used).as_millis() >> 2;
            if worth_least >= most {
                (victim, most) = (Some(index), worth_least);
            }
        }
        if let Some(mut entry) = victim.and_then(|index| crate::list::take(&mut self.entries, index)) {
            entry.take_waiting(memory);
            #[cfg(feature = "rtnetlink")]
            if entry.state.mac().is_some() {
                self.note(entry.iface, entry.address, None);
            }
        }
    }

    /// Forgets one on `iface`: the one at `address`, or any. Gives what waited for it.
    fn forget(&mut self, memory: &mut Memory, iface: IfIndex, address: Option<Ipv4Addr>) -> Option<H::Queue> {
        let unwanted =
            |entry: &Entry<H>| entry.iface == iface && address.is_none_or(|address| entry.address == address);
        let mut entry = crate::list::take_first(&mut self.entries, unwanted)?;
        #[cfg(feature = "rtnetlink")]
        if entry.state.mac().is_some() {
            self.note(iface, entry.address, None);
        }
        Some(entry.take_waiting(memory))
    }
}

impl<H: Host> Entry<H> {
    fn take_waiting(&mut self, memory: &mut Memory) -> H::Queue {
        let waiting = core::mem::take(&mut self.waiting);
        for packet in waiting.iter() {
            memory.release(packet.footprint());
        }
        waiting
    }
}
