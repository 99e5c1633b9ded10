//! Multicast membership, and IGMPv2 to tell routers of it (RFC 2236).

use super::Net;
use super::input::ALL_SYSTEMS;
use super::output::buffer_of;
use super::packet::{Outgoing, Received};
use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex};
use crate::secret::Secret;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use linnet_wire::ethernet::Mac;
use linnet_wire::igmp::{LEAVE, Message, QUERY, REPORT, REPORT_V1};
use linnet_wire::ipv4::Protocol;

/// The longest wait before the report of a new membership is repeated, in milliseconds
/// (RFC 2236 §8.10).
const UNSOLICITED: u32 = 10_000;

/// Routers, who hear of departures.
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);

struct Group {
    group: Ipv4Addr,
    iface: IfIndex,
    /// Sockets that joined.
    members: u16,
    /// When to report.
    report_at: Option<Instant>,
    /// Whether the last report on the link was ours: then leaving is told, too.
    reported: bool,
}

/// The groups that this host is a member of.
pub(super) struct Groups(Vec<Group>);

impl Groups {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn is_member(&self, iface: IfIndex, group: Ipv4Addr) -> bool {
        self.0.iter().any(|other| other.iface == iface && other.group == group)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.iter().fold(None, |next, group| Instant::sooner(next, group.report_at))
    }

    pub fn forget_iface(&mut self, iface: IfIndex) {
        while crate::list::take_first(&mut self.0, |group| group.iface == iface).is_some() {}
    }

    fn find(&mut self, iface: IfIndex, group: Ipv4Addr) -> Option<&mut Group> {
        self.0.iter_mut().find(|other| other.iface == iface && other.group == group)
    }
}

impl<H: Host> Net<H> {
    /// One more socket wants the packets of `group` on `iface`.
    pub fn join(&mut self, cx: &mut Context<H>, iface: IfIndex, group: Ipv4Addr) -> Result<(), Errno> {
        if let Some(known) = self.groups.find(iface, group) {
            known.members = known.members.checked_add(1).ok_or(Errno::ENOBUFS)?;
            return Ok(());
        }
        let report_at = Some(soon(cx.now, UNSOLICITED, &mut self.secret));
        let new = Group { group, iface, members: 1, report_at, reported: true };
        if !crate::list::try_push(&mut self.groups.0, new) {
            return Err(Errno::ENOBUFS);
        }
        self.rearm();
        cx.host.receive_group(iface, Mac::for_group(group), true);
        self.send_igmp(cx, iface, group, Message { kind: REPORT, max_response: 0, group });
        Ok(())
    }

    /// One socket less does.
    pub fn leave(&mut self, cx: &mut Context<H>, iface: IfIndex, group: Ipv4Addr) {
        let Some(known) = self.groups.find(iface, group) else { return };
        known.members = known.members.saturating_sub(1);
        if known.members > 0 {
            return;
        }
        let reported = known.reported;
        crate::list::take_first(&mut self.groups.0, |other| other.iface == iface && other.group == group);
        cx.host.receive_group(iface, Mac::for_group(group), false);
        if reported {
            self.send_igmp(cx, iface, ALL_ROUTERS, Message { kind: LEAVE, max_response: 0, group });
        }
    }

    /// Takes an IGMP message: queries are answered after a random wait, and not at all if
    /// another member was faster.
    pub fn handle_igmp(
        &mut self,
        cx: &mut Context<H>,
        ip: &Received,
        message: &H::Buf,
    ) -> Result<(), DropReason> {
        let message = Message::parse(message.bytes()).ok_or(DropReason::BadChecksum)?;
        match message.kind {
            QUERY => {
                // RFC 2236 §4: a query of version 1 has no time in it and means 10 seconds.
                let tenths = if message.max_response == 0 { 100 } else { u32::from(message.max_response) };
                for group in self.groups.0.iter_mut().filter(|group| {
                    group.iface == ip.iface
                        && (message.group.is_unspecified() || group.group == message.group)
                }) {
                    let at = soon(cx.now, tenths * 100, &mut self.secret);
                    group.report_at = Some(group.report_at.map_or(at, |earlier| earlier.min(at)));
                }
                self.rearm();
                Ok(())
            }
            REPORT | REPORT_V1 => {
                if let Some(group) = self.groups.find(ip.iface, message.group) {
                    group.report_at = None;
                    group.reported = false;
                }
                Ok(())
            }
            _ => Err(DropReason::IcmpIgnored),
        }
    }

    /// Sends the reports that are due.
    pub(super) fn handle_igmp_timers(&mut self, cx: &mut Context<H>) {
        let now = cx.now;
        let is_due = |group: &&mut Group| group.report_at.is_some_and(|at| at.is_due(now));
        while let Some(due) = self.groups.0.iter_mut().find(is_due) {
            due.report_at = None;
            due.reported = true;
            let (iface, group) = (due.iface, due.group);
            self.send_igmp(cx, iface, group, Message { kind: REPORT, max_response: 0, group });
        }
    }

    fn send_igmp(&mut self, cx: &mut Context<H>, iface: IfIndex, to: Ipv4Addr, message: Message) {
        // Everyone is a member of all-systems, and the loopback has no routers.
        let on_loopback = self.ifaces.loopback().is_some_and(|lo| lo.link.index == iface);
        if message.group == ALL_SYSTEMS || on_loopback {
            return;
        }
        let source = self.ifaces.source_for(iface);
        let out = Outgoing {
            ttl: 1,
            iface: Some(iface),
            loop_back: false,
            ..Outgoing::new(source, to, Protocol::IGMP)
        };
        match buffer_of(cx, &[&message.to_bytes()]) {
            // A link that cannot send now will be asked again.
            Some(buf) => drop(self.output(cx, out, buf)),
            None => self.drops.count(DropReason::NoMemory),
        }
    }
}

/// A random moment within the next `within` milliseconds (at most 65 535).
fn soon(now: Instant, within: u32, secret: &mut Secret) -> Instant {
    now + Duration::from_millis(secret.draw_below(within))
}
