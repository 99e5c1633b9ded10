//! DHCP messages as bytes (RFC 2131 §2, options of RFC 2132): requests built, replies parsed once, then infallible.
//!
//! What is not a well-formed reply to an Ethernet client is no [`Reply`]; an option that is known has
//! the length that its RFC gives it, or does not exist.

use core::net::Ipv4Addr;

/// Where servers and relays send from, and listen.
pub const SERVER_PORT: u16 = 67;
/// Where clients listen.
pub const CLIENT_PORT: u16 = 68;
/// Length of a request: RFC 951 wants at least 300 bytes, and no request of ours needs more.
pub const REQUEST_LEN: usize = 300;

/// An Ethernet address.
pub type Mac = [u8; 6];

const FIXED_LEN: usize = 236;
const OPTIONS: usize = FIXED_LEN + 4;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
const BOOT_REQUEST: u8 = 1;
const BOOT_REPLY: u8 = 2;
const ETHERNET: [u8; 2] = [1, 6];
/// RFC 2131 §2: the leftmost bit of `flags`: answer by broadcast.
const BROADCAST: [u8; 2] = [0x80, 0];

/// Codes of options (RFC 2132).
pub mod option {
    #![allow(missing_docs)]
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const DOMAIN: u8 = 15;
    pub const BROADCAST: u8 = 28;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const WANTED: u8 = 55;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const CLIENT: u8 = 61;
    pub const END: u8 = 255;
}

/// What we ask the server to tell.
const WANTED: [u8; 8] = [
    option::SUBNET_MASK,
    option::ROUTER,
    option::DNS,
    option::DOMAIN,
    option::BROADCAST,
    option::LEASE_TIME,
    option::RENEWAL_TIME,
    option::REBINDING_TIME,
];

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ask {
    /// Who has an address for me?
    Discover = 1,
    /// I take this one, or keep it.
    Request = 3,
    /// Somebody else uses it.
    Decline = 4,
    /// I need it no more.
    Release = 7,
}

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// Take this one.
    Offer,
    /// It is yours.
    Ack,
    /// It is not.
    Nak,
}

/// Everything that a request of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub ask: Ask,
    /// Which conversation.
    pub xid: u32,
    /// How long we have been trying, in seconds.
    pub seconds: u16,
    /// Who asks.
    pub mac: Mac,
    /// The address that we have, if any (`ciaddr`). Without one the answer is to be broadcast.
    pub client: Option<Ipv4Addr>,
    /// The address that we would like.
    pub requested: Option<Ipv4Addr>,
    /// The server that is meant.
    pub server: Option<Ipv4Addr>,
}

impl Request {
    /// The UDP payload.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; REQUEST_LEN] {
        let mut bytes = [0; REQUEST_LEN];
        let mut out = Writer(bytes.iter_mut());
        out.put(&[BOOT_REQUEST]);
        out.put(&ETHERNET);
        out.put(&[0]);
        out.put(&self.xid.to_be_bytes());
        out.put(&self.seconds.to_be_bytes());
        // RFC 2131 §4.1: who cannot receive unicast before it is configured says so.
        out.put(if self.client.is_none() { &BROADCAST } else { &[0; 2] });
        out.put(&self.client.map_or([0; 4], |address| address.octets()));
        out.put(&[0; 12]); // yiaddr, siaddr, giaddr
        out.put(&self.mac);
        out.put(&[0; FIXED_LEN - 34]); // the rest of chaddr, sname, file
        out.put(&MAGIC_COOKIE);
        out.put(&[option::MESSAGE_TYPE, 1, self.ask as u8]);
        out.put(&[option::CLIENT, 7, ETHERNET[0]]);
        out.put(&self.mac);
        for (code, address) in [(option::REQUESTED_ADDRESS, self.requested), (option::SERVER, self.server)] {
            if let Some(address) = address {
                out.put(&[code, 4]);
                out.put(&address.octets());
            }
        }
        // RFC 2131 §4.4.1, table 5: not when giving an address back.
        if matches!(self.ask, Ask::Discover | Ask::Request) {
            out.put(&[option::WANTED, WANTED.len() as u8]);
            out.put(&WANTED);
        }
        out.put(&[option::END]);
        bytes
    }
}

/// Writes from the front; what does not fit is left out (nothing is: see the tests).
struct Writer<'a>(core::slice::IterMut<'a, u8>);

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        // In this order: `zip` takes of the first before it sees that the second is at its end.
        for (byte, place) in bytes.iter().zip(self.0.by_ref()) {
            *place = *byte;
        }
    }
}

/// A well-formed message of a server.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// What it says.
    pub say: Say,
    /// Which conversation.
    pub xid: u32,
    /// To whom.
    pub mac: Mac,
    /// The address that is granted (`yiaddr`).
    pub yours: Ipv4Addr,
    /// Which server, if it says.
    pub server: Option<Ipv4Addr>,
    bytes: &'a [u8],
    overload: u8,
}

impl<'a> Reply<'a> {
    /// Reads a UDP payload. `None` for what is not a reply, is cut off, or has an option that goes past
    /// the end of its field.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Reply<'a>> {
        let fixed: &[u8; OPTIONS] = bytes.first_chunk()?;
        let ethernet = fixed[0] == BOOT_REPLY && fixed[1] == ETHERNET[0] && fixed[2] == ETHERNET[1];
        if !ethernet || fixed[FIXED_LEN..] != MAGIC_COOKIE {
            return None;
        }
        let mut reply = Reply {
            say: Say::Nak,
            xid: u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?),
            mac: *bytes.get(28..)?.first_chunk()?,
            yours: Ipv4Addr::from(*bytes.get(16..)?.first_chunk::<4>()?),
            server: None,
            bytes,
            overload: 0,
        };
        if let Some(&[overload]) = find(bytes.get(OPTIONS..)?, option::OVERLOAD)? {
            reply.overload = overload;
        }
        // Walked to the end once, so that no later look meets anything malformed.
        for field in reply.fields() {
            find(field, option::END)?;
        }
        reply.say = match reply.option(option::MESSAGE_TYPE)? {
            [2] => Say::Offer,
            [5] => Say::Ack,
            [6] => Say::Nak,
            _ => return None,
        };
        reply.server = reply.address(option::SERVER).filter(|server| is_host(*server));
        Some(reply)
    }

    /// The value of an option: its first occurrence.
    #[must_use]
    pub fn option(&self, code: u8) -> Option<&'a [u8]> {
        self.fields().find_map(|field| find(field, code)?)
    }

    /// The value of an option that is one address.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.word(code).map(Ipv4Addr::from_bits)
    }

    /// The value of an option that has 32 bits.
    #[must_use]
    pub fn word(&self, code: u8) -> Option<u32> {
        let bytes: [u8; 4] = self.option(code)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }

    /// The addresses of an option that is a list of them; none if its length is wrong.
    pub fn addresses(&self, code: u8) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        let (list, rest) = self.option(code).unwrap_or(&[]).as_chunks::<4>();
        let list = if rest.is_empty() { list } else { &[] };
        list.iter().map(|octets| Ipv4Addr::from(*octets))
    }

    /// Where options are, in the order in which they are read (RFC 2131 §4.1).
    fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, overload) = (self.bytes, self.overload);
        let field = move |wanted: bool, from: usize, to: usize| bytes.get(from..to).filter(|_| wanted);
        [
            field(true, OPTIONS, bytes.len()),
            field(overload & 1 != 0, 108, FIXED_LEN),
            field(overload & 2 != 0, 44, 108),
        ]
        .into_iter()
        .flatten()
    }
}

/// Whether an address can be that of one host.
#[must_use]
pub fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first != 127 && first < 224
}

/// Looks for an option in a field: `None` when an option goes past the end, `Some(None)` when the field
/// does not have it.
fn find(mut field: &[u8], wanted: u8) -> Option<Option<&[u8]>> {
    loop {
        let Some((&code, rest)) = field.split_first() else { return Some(None) };
        field = rest;
        if code == option::END {
            return Some(None);
        }
        if code == option::PAD {
            continue;
        }
        let (&len, rest) = field.split_first()?;
        let (value, rest) = rest.split_at_checked(len as usize)?;
        if code == wanted {
            return Some(Some(value));
        }
        field = rest;
    }
}
