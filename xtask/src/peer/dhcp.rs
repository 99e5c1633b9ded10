//! DHCP server for one client (RFC 2131, options of RFC 2132): bytes in, bytes out.
//!
//! Offers [`plan::GUEST`] to whoever asks and refuses any other address; what is not a well-formed
//! request of a client is passed over in silence. Its [`Manners`] can be made bad.

mod hostile;

use std::net::Ipv4Addr;

use super::plan;

/// Where clients send.
pub const SERVER_PORT: u16 = 67;
/// Where clients listen.
pub const CLIENT_PORT: u16 = 68;

const FIXED_LEN: usize = 236;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
/// RFC 951: a BOOTP message has at least 300 bytes.
const MESSAGE_MIN: usize = 300;

const BOOT_REQUEST: u8 = 1;
const BOOT_REPLY: u8 = 2;

mod option {
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const DOMAIN: u8 = 15;
    pub const BROADCAST: u8 = 28;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const END: u8 = 255;
}

mod message {
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const RELEASE: u8 = 7;
    pub const INFORM: u8 = 8;
}

/// What happened so far, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Addresses offered.
    pub offers: u32,
    /// Leases granted or renewed.
    pub grants: u32,
    /// Requests refused.
    pub refusals: u32,
    /// Leases given back.
    pub releases: u32,
    /// Addresses that the client found in use.
    pub declines: u32,
    /// Requests for more of a lease, to this server alone.
    pub renewals: u32,
    /// Requests for more of a lease, to all servers.
    pub rebindings: u32,
    /// Messages that no honest server sends.
    pub hostile: u32,
}

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// How long an address is granted, in seconds.
    pub lease: u32,
    /// T1 and T2 in seconds, if they are told.
    pub times: Option<(u32, u32)>,
    /// Refuse to renew.
    pub refuse: bool,
    /// Pass over requests for more that are not broadcast.
    pub deaf: bool,
    /// Before each answer, a few that are wrong.
    pub hostile: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Manners { lease: 3600, times: None, refuse: false, deaf: false, hostile: false }
    }
}

/// The server's state.
#[derive(Debug, Default)]
pub struct Server {
    /// What happened so far.
    pub tally: Tally,
    /// How it behaves.
    pub manners: Manners,
    /// How far it is in the list of what is wrong.
    next: usize,
}

/// Wrong answers before a right one: fewer than a small machine's receive buffer holds.
const AT_ONCE: usize = 8;

/// An answer and where to send it, at [`CLIENT_PORT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The UDP payload.
    pub message: Vec<u8>,
    /// The client's address if it has one, else the limited broadcast (RFC 2131 §4.1).
    pub destination: Ipv4Addr,
    /// It is to come from another port than a server's.
    pub wrong_port: bool,
}

impl Server {
    /// Answers the UDP payload `request`, which came by broadcast or not: what to send, in this order.
    pub fn answer(&mut self, request: &[u8], broadcast: bool) -> Vec<Answer> {
        let Some(good) = self.honest(request, broadcast) else { return Vec::new() };
        let mut answers = Vec::new();
        if self.manners.hostile {
            let wrong = hostile::answers(&good);
            let some = wrong.iter().cycle().skip(self.next % wrong.len()).take(AT_ONCE).cloned();
            answers.extend(some);
            self.next += AT_ONCE;
            self.tally.hostile += AT_ONCE as u32;
        }
        answers.push(good);
        answers
    }

    /// How many different wrong answers there are.
    pub fn wrong_answers() -> usize {
        let any = Answer { message: vec![0; FIXED_LEN + 4], destination: plan::GUEST, wrong_port: false };
        hostile::answers(&any).len()
    }

    fn honest(&mut self, request: &[u8], broadcast: bool) -> Option<Answer> {
        let request = Request::parse(request)?;
        let (kind, address) = match request.kind {
            message::DISCOVER => {
                self.tally.offers += 1;
                (message::OFFER, plan::GUEST)
            }
            message::REQUEST if request.for_another_server() => return None,
            message::REQUEST if request.wanted() == plan::GUEST => {
                let more = !request.client.is_unspecified();
                match (more, broadcast) {
                    (true, true) => self.tally.rebindings += 1,
                    (true, false) => self.tally.renewals += 1,
                    _ => {}
                }
                if more && self.manners.deaf && !broadcast {
                    return None;
                }
                if more && self.manners.refuse {
                    self.tally.refusals += 1;
                    (message::NAK, Ipv4Addr::UNSPECIFIED)
                } else {
                    self.tally.grants += 1;
                    (message::ACK, plan::GUEST)
                }
            }
            message::REQUEST => {
                self.tally.refusals += 1;
                (message::NAK, Ipv4Addr::UNSPECIFIED)
            }
            message::RELEASE => {
                self.tally.releases += 1;
                return None;
            }
            message::DECLINE => {
                self.tally.declines += 1;
                return None;
            }
            message::INFORM => (message::ACK, Ipv4Addr::UNSPECIFIED),
            _ => return None,
        };
        // RFC 2131 §4.1: to ciaddr if set, except a NAK, which is always broadcast.
        let destination = match request.client {
            Ipv4Addr::UNSPECIFIED => Ipv4Addr::BROADCAST,
            _ if kind == message::NAK => Ipv4Addr::BROADCAST,
            client => client,
        };
        let message = request.reply(kind, address, &self.manners);
        Some(Answer { message, destination, wrong_port: false })
    }
}

/// What matters of a client's message.
struct Request<'a> {
    /// Up to and without the magic cookie.
    fixed: &'a [u8],
    kind: u8,
    client: Ipv4Addr,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
}

impl<'a> Request<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Request<'a>> {
        let fixed = bytes.get(..FIXED_LEN)?;
        let (cookie, mut options) = bytes[FIXED_LEN..].split_at_checked(MAGIC_COOKIE.len())?;
        // Ethernet with 6 bytes of address is the only hardware here.
        if fixed[..3] != [BOOT_REQUEST, 1, 6] || cookie != MAGIC_COOKIE {
            return None;
        }
        let mut request =
            Request { fixed, kind: 0, client: address(&fixed[12..16])?, requested: None, server: None };
        loop {
            let (&code, rest) = options.split_first()?;
            match code {
                option::END => break,
                option::PAD => options = rest,
                _ => {
                    let (&len, rest) = rest.split_first()?;
                    let (value, rest) = rest.split_at_checked(usize::from(len))?;
                    match code {
                        option::MESSAGE_TYPE => request.kind = *value.first()?,
                        option::REQUESTED_ADDRESS => request.requested = Some(address(value)?),
                        option::SERVER => request.server = Some(address(value)?),
                        _ => {}
                    }
                    options = rest;
                }
            }
        }
        Some(request)
    }

    /// RFC 2131 §4.3.2: a client that chose another server says so with its identifier.
    fn for_another_server(&self) -> bool {
        self.server.is_some_and(|server| server != plan::GATEWAY)
    }

    /// RFC 2131 §4.3.2: in the option when selecting or rebooting, in ciaddr when renewing.
    fn wanted(&self) -> Ipv4Addr {
        self.requested.unwrap_or(self.client)
    }

    fn reply(&self, kind: u8, granted: Ipv4Addr, manners: &Manners) -> Vec<u8> {
        let mut out = vec![0; FIXED_LEN];
        out[..3].copy_from_slice(&[BOOT_REPLY, 1, 6]);
        out[4..8].copy_from_slice(&self.fixed[4..8]); // xid
        out[10..12].copy_from_slice(&self.fixed[10..12]); // flags
        if kind == message::ACK {
            out[12..16].copy_from_slice(&self.client.octets());
        }
        out[16..20].copy_from_slice(&granted.octets());
        out[24..28].copy_from_slice(&self.fixed[24..28]); // giaddr
        out[28..44].copy_from_slice(&self.fixed[28..44]); // chaddr
        out.extend(MAGIC_COOKIE);

        put(&mut out, option::MESSAGE_TYPE, &[kind]);
        put(&mut out, option::SERVER, &plan::GATEWAY.octets());
        if kind != message::NAK {
            if !granted.is_unspecified() {
                put(&mut out, option::LEASE_TIME, &manners.lease.to_be_bytes());
                if let Some((renew, rebind)) = manners.times {
                    put(&mut out, option::RENEWAL_TIME, &renew.to_be_bytes());
                    put(&mut out, option::REBINDING_TIME, &rebind.to_be_bytes());
                }
            }
            put(&mut out, option::SUBNET_MASK, &plan::NETMASK.octets());
            put(&mut out, option::BROADCAST, &plan::BROADCAST.octets());
            put(&mut out, option::ROUTER, &plan::GATEWAY.octets());
            put(&mut out, option::DNS, &plan::GATEWAY.octets());
            put(&mut out, option::DOMAIN, plan::DOMAIN.as_bytes());
        }
        out.push(option::END);
        out.resize(out.len().max(MESSAGE_MIN), option::PAD);
        out
    }
}

fn put(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    out.extend([code, value.len() as u8]);
    out.extend_from_slice(value);
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const XID: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];

    fn request(client: Ipv4Addr, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED_LEN];
        bytes[..3].copy_from_slice(&[BOOT_REQUEST, 1, 6]);
        bytes[4..8].copy_from_slice(&XID);
        bytes[12..16].copy_from_slice(&client.octets());
        bytes[28..34].copy_from_slice(&[0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(options);
        bytes
    }

    /// The answer of a server with good manners.
    fn only(server: &mut Server, request: &[u8]) -> Option<Answer> {
        let mut answers = server.answer(request, true);
        assert!(answers.len() <= 1);
        answers.pop()
    }

    #[test]
    fn bad_manners() {
        let renewal = request(plan::GUEST, &[53, 1, 3, 255]);
        let kind = |answer: &Answer| value(&answer.message, 53).unwrap()[0];
        let deaf = Manners { deaf: true, ..Manners::default() };
        let mut server = Server { manners: deaf, ..Server::default() };
        assert_eq!(server.answer(&renewal, false), []);
        assert_eq!(server.answer(&renewal, true).len(), 1);
        assert_eq!((server.tally.renewals, server.tally.rebindings, server.tally.grants), (1, 1, 1));

        server.manners = Manners { refuse: true, times: Some((1, 2)), ..Manners::default() };
        assert_eq!(kind(&server.answer(&renewal, false)[0]), message::NAK);
        server.manners.refuse = false;
        let told = server.answer(&renewal, false).remove(0).message;
        assert_eq!(value(&told, 58), Some(&[0, 0, 0, 1][..]));

        server.manners.hostile = true;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..Server::wrong_answers().div_ceil(AT_ONCE) {
            let answers = server.answer(&renewal, false);
            assert_eq!(answers.len(), AT_ONCE + 1);
            assert_eq!(answers.last().unwrap().message, told, "the right one comes last");
            seen.extend(answers.into_iter().map(|answer| (answer.message, answer.wrong_port)));
        }
        assert!(seen.len() > 100, "{} different ones", seen.len());
    }

    /// The value of an option of an answer.
    fn value(message: &[u8], wanted: u8) -> Option<&[u8]> {
        let mut rest = &message[FIXED_LEN + 4..];
        while rest[0] != option::END {
            let (value, after) = rest[2..].split_at(usize::from(rest[1]));
            if rest[0] == wanted {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    #[test]
    fn discover_is_answered_with_an_offer() {
        let mut server = Server::default();
        let answer = only(&mut server, &request(Ipv4Addr::UNSPECIFIED, &[53, 1, 1, 255])).unwrap();
        assert_eq!(answer.destination, Ipv4Addr::BROADCAST);
        let message = answer.message;
        assert!(message.len() >= MESSAGE_MIN);
        assert_eq!(message[..3], [BOOT_REPLY, 1, 6]);
        assert_eq!(message[4..8], XID);
        assert_eq!(message[16..20], plan::GUEST.octets());
        assert_eq!(message[28..34], [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        assert_eq!(message[FIXED_LEN..FIXED_LEN + 4], MAGIC_COOKIE);
        for (name, code, expected) in [
            ("type", 53, &[message::OFFER][..]),
            ("server", 54, &[192, 0, 2, 1]),
            ("lease", 51, &[0, 0, 0x0e, 0x10]),
            ("mask", 1, &[255, 255, 255, 0]),
            ("broadcast", 28, &[192, 0, 2, 255]),
            ("router", 3, &[192, 0, 2, 1]),
            ("dns", 6, &[192, 0, 2, 1]),
            ("domain", 15, b"linnet.test"),
        ] {
            assert_eq!(value(&message, code), Some(expected), "{name}");
        }
    }

    #[test]
    fn requests_by_kind() {
        let guest = plan::GUEST.octets();
        let selecting = [&[53, 1, 3, 50, 4][..], &guest, &[54, 4, 192, 0, 2, 1, 255]].concat();
        let elsewhere = [&[53, 1, 3, 50, 4][..], &guest, &[54, 4, 192, 0, 2, 2, 255]].concat();
        let none = Ipv4Addr::UNSPECIFIED;
        for (name, client, options, expected) in [
            ("selecting", none, &selecting[..], Some((message::ACK, Ipv4Addr::BROADCAST))),
            ("another server", none, &elsewhere, None),
            ("renewing", plan::GUEST, &[53, 1, 3, 255], Some((message::ACK, plan::GUEST))),
            (
                "wrong address",
                none,
                &[53, 1, 3, 50, 4, 10, 0, 0, 9, 255],
                Some((message::NAK, Ipv4Addr::BROADCAST)),
            ),
            ("inform", plan::GUEST, &[53, 1, 8, 255], Some((message::ACK, plan::GUEST))),
            ("release", plan::GUEST, &[53, 1, 7, 255], None),
            ("decline", none, &[53, 1, 4, 255], None),
        ] {
            let answer = only(&mut Server::default(), &request(client, options));
            let got = answer.map(|answer| (value(&answer.message, 53).unwrap()[0], answer.destination));
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn malformed_messages_are_passed_over() {
        let good = request(Ipv4Addr::UNSPECIFIED, &[53, 1, 1, 255]);
        let mut reply = good.clone();
        reply[0] = BOOT_REPLY;
        let mut cookie = good.clone();
        cookie[FIXED_LEN] = 0;
        for (name, bytes) in [
            ("empty", &[][..]),
            ("short", &good[..FIXED_LEN + 3]),
            ("a reply", &reply),
            ("bad cookie", &cookie),
            ("no end", &good[..good.len() - 1]),
            ("option past the end", &request(Ipv4Addr::UNSPECIFIED, &[53, 9, 1])),
            ("no length", &request(Ipv4Addr::UNSPECIFIED, &[53])),
            ("empty type", &request(Ipv4Addr::UNSPECIFIED, &[53, 0, 255])),
            ("bad address", &request(Ipv4Addr::UNSPECIFIED, &[50, 3, 1, 2, 3, 255])),
            ("no type", &request(Ipv4Addr::UNSPECIFIED, &[255])),
        ] {
            assert_eq!(only(&mut Server::default(), bytes), None, "{name}");
        }
    }
}
