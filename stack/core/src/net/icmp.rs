//! ICMP (RFC 792, RFC 1122 §3.2.2): echo replies, errors out under a rate limit, errors in
//! parsed for the sockets they are about. Redirects are ignored.

use super::Net;
use super::output::buffer_of;
use super::packet::{Cast, DEFAULT_TTL, IcmpError, Outgoing, Received};
use super::path_mtu::MIN_PATH_MTU;
use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host};
use crate::secret::Secret;
use crate::time::Instant;
use core::net::Ipv4Addr;
use linnet_wire::icmp::{
    ECHO_REPLY, ECHO_REQUEST, FRAGMENTATION_NEEDED, HEADER_LEN, HOST, Header, PARAMETER_PROBLEM,
    TIME_EXCEEDED, UNREACHABLE,
};
use linnet_wire::ipv4::{self, Protocol};
use linnet_wire::{checksum, icmp};

/// How much of a packet an error quotes: what keeps it below the 576 bytes that every host
/// takes (RFC 1812 §4.3.2.3).
const MAX_QUOTE: usize = 576 - ipv4::HEADER_LEN - HEADER_LEN;

/// A token bucket for the errors we send, to everyone together, with jitter: neither a weapon
/// against others, nor a gauge that tells an outsider what we answered (CVE-2020-25705).
pub(super) struct ErrorLimit {
    tokens: u8,
    filled: Instant,
}

impl ErrorLimit {
    /// Errors that may go out in a row.
    const BURST: u8 = 50;
    /// Milliseconds for which one more is allowed: 100 a second.
    const INTERVAL: u32 = 10;

    pub const fn new() -> Self {
        Self { tokens: Self::BURST, filled: Instant::from_millis(0) }
    }

    fn allows(&mut self, now: Instant, secret: &mut Secret) -> bool {
        let earned = now.past(self.filled).as_millis() / Self::INTERVAL;
        if earned > 0 {
            self.filled = now;
            self.tokens = (u32::from(self.tokens).saturating_add(earned)).min(u32::from(Self::BURST)) as u8;
        }
        if self.tokens == 0 {
            return false;
        }
        self.tokens = self.tokens.saturating_sub(1 + secret.draw_below(3) as u8);
        true
    }
}

/// What an ICMP message is to the sockets.
pub enum IcmpInput {
    /// Nothing; it was handled here.
    Handled,
    /// An echo reply.
    EchoReply,
    /// An error: see [`Net::parse_error`].
    Error,
}

impl<H: Host> Net<H> {
    /// Takes an ICMP message: answers echo requests, says what the rest is.
    pub fn handle_icmp(
        &mut self,
        cx: &mut Context<H>,
        ip: &Received,
        message: &H::Buf,
    ) -> Result<IcmpInput, DropReason> {
        let bytes = message.bytes();
        let header = Header::parse(bytes).ok_or(DropReason::Truncated)?;
        if checksum::finish(H::checksum(bytes, 0)) != 0 {
            return Err(DropReason::BadChecksum);
        }
        match header.icmp_type {
            // RFC 1122 §3.2.2.6: an echo to many may be ignored, and is: it amplifies.
            ECHO_REQUEST if ip.kind == Cast::Unicast => {
                self.send_echo_reply(cx, ip, &header, bytes.get(HEADER_LEN..).unwrap_or(&[]));
                Ok(IcmpInput::Handled)
            }
            ECHO_REPLY if ip.kind == Cast::Unicast => Ok(IcmpInput::EchoReply),
            UNREACHABLE | TIME_EXCEEDED | PARAMETER_PROBLEM if ip.kind == Cast::Unicast => {
                Ok(IcmpInput::Error)
            }
            _ => Err(DropReason::IcmpIgnored),
        }
    }

    /// Tells the sender of `about`, a packet from its IPv4 header, what went wrong, unless that
    /// is forbidden (RFC 1122 §3.2.2: no errors about errors, to or about many, about later
    /// fragments) or too much.
    pub fn send_icmp_error(&mut self, cx: &mut Context<H>, icmp_type: u8, code: u8, about: &[u8]) {
        let Ok(ip) = ipv4::Header::parse_quoted(about) else { return };
        let to = ip.source;
        let one = self.is_local(ip.destination)
            && !(to.is_unspecified() || to.is_multicast() || self.ifaces.is_broadcast(to));
        let is_error = ip.protocol == Protocol::ICMP
            && about
                .get(ip.header_len as usize..)
                .and_then(Header::parse)
                .is_none_or(|message| message.is_error());
        if !one || is_error || ip.offset != 0 {
            return;
        }
        // Nobody else hears what we tell ourselves.
        if !self.is_local(to) && !self.errors.allows(cx.now, &mut self.secret) {
            self.drops.count(DropReason::RateLimited);
            return;
        }
        let quote = about.get(..MAX_QUOTE).unwrap_or(about);
        let header = Header { icmp_type, code, checksum: 0, id: 0, sequence: 0 };
        // RFC 1812 §4.3.2.5: errors have precedence 6 (internetwork control), as Linux sends them.
        self.send_icmp(cx, ip.destination, to, 0xc0, header, quote);
    }

    fn send_echo_reply(&mut self, cx: &mut Context<H>, ip: &Received, header: &Header, body: &[u8]) {
        let reply = Header { icmp_type: ECHO_REPLY, code: 0, checksum: 0, ..*header };
        self.send_icmp(cx, ip.destination, ip.source, ip.tos, reply, body);
    }

    fn send_icmp(
        &mut self,
        cx: &mut Context<H>,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        tos: u8,
        header: Header,
        body: &[u8],
    ) {
        let sum = H::checksum(body, checksum::add(0, &header.to_bytes()));
        let header = Header { checksum: checksum::finish(sum), ..header };
        let out = Outgoing { tos, ttl: DEFAULT_TTL, ..Outgoing::new(source, destination, Protocol::ICMP) };
        let sent =
            buffer_of(cx, &[&header.to_bytes(), body]).is_some_and(|buf| self.output(cx, out, buf).is_ok());
        if !sent {
            self.drops.count(DropReason::NoMemory);
        }
    }

    /// What an ICMP error is about, if it is about something that we sent. Its checksum is good.
    pub fn parse_error<'a>(&self, reporter: Ipv4Addr, message: &'a [u8]) -> Option<IcmpError<'a>> {
        let header = Header::parse(message)?;
        let quote = message.get(HEADER_LEN..)?;
        let mut error = quoted(quote)?;
        if !self.is_local(error.source) {
            return None;
        }
        let (errno, hard) = meaning(header.icmp_type, header.code);
        error.errno = errno;
        error.hard = hard;
        error.icmp_type = header.icmp_type;
        error.icmp_code = header.code;
        error.reporter = reporter;
        if (header.icmp_type, header.code) == (UNREACHABLE, FRAGMENTATION_NEEDED) {
            // RFC 1191 §5: an old router says zero; then the next plateau below is a guess, and
            // the floor a safe one.
            error.mtu = Some(header.sequence.max(MIN_PATH_MTU));
        }
        Some(error)
    }
}

/// What a packet of ours, whose next hop did not answer, tells its sender.
pub fn unanswered(packet: &[u8]) -> Option<IcmpError<'_>> {
    quoted(packet)
}

fn quoted(packet: &[u8]) -> Option<IcmpError<'_>> {
    let ip = ipv4::Header::parse_quoted(packet).ok().filter(|ip| ip.offset == 0)?;
    let transport = packet.get(ip.header_len as usize..).filter(|bytes| bytes.len() >= 8)?;
    Some(IcmpError {
        errno: Errno::EHOSTUNREACH,
        hard: false,
        mtu: None,
        icmp_type: UNREACHABLE,
        icmp_code: HOST,
        reporter: ip.source,
        protocol: ip.protocol,
        source: ip.source,
        destination: ip.destination,
        transport,
    })
}

/// What Linux's sockets report for an error, and whether it is a hard one.
fn meaning(icmp_type: u8, code: u8) -> (Errno, bool) {
    match (icmp_type, code) {
        (icmp::PARAMETER_PROBLEM, _) => (Errno::EPROTO, true),
        (icmp::TIME_EXCEEDED, _) => (Errno::EHOSTUNREACH, false),
        (_, 0 | 11) => (Errno::ENETUNREACH, false),
        (_, 2) => (Errno::ENOPROTOOPT, true),
        (_, 3) => (Errno::ECONNREFUSED, true),
        (_, 4) => (Errno::EMSGSIZE, false),
        (_, 5) => (Errno::EOPNOTSUPP, false),
        (_, 6 | 9) => (Errno::ENETUNREACH, true),
        (_, 7) => (Errno::EHOSTDOWN, true),
        (_, 8) => (Errno::ENONET, true),
        (_, 10 | 13 | 14 | 15) => (Errno::EHOSTUNREACH, true),
        _ => (Errno::EHOSTUNREACH, false),
    }
}
