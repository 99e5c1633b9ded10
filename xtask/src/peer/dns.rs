//! DNS server for the names of the test (RFC 1035): bytes in, bytes out.
//!
//! Knows the addresses in [`plan::NAMES`]. A known name asked for another type has no data (an
//! empty answer); an unknown one does not exist (NXDOMAIN); a malformed query gets FORMERR.

use std::net::Ipv4Addr;

use super::plan;

/// Where queries arrive.
pub const PORT: u16 = 53;

const HEADER_LEN: usize = 12;
const TTL_SECONDS: u32 = 60;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;
const NAME_MAX: usize = 255;
const LABEL_MAX: u8 = 63;

const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const OPCODE_MASK: u16 = 0x7800;

const NO_ERROR: u16 = 0;
const FORMAT_ERROR: u16 = 1;
const NAME_ERROR: u16 = 3;
const NOT_IMPLEMENTED: u16 = 4;

/// Answers the UDP payload `query`; a response, or less than a header, gets no answer.
pub fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let header = query.get(..HEADER_LEN)?;
    let flags = u16::from_be_bytes([header[2], header[3]]);
    if flags & FLAG_RESPONSE != 0 {
        return None;
    }
    if flags & OPCODE_MASK != 0 {
        return Some(response(header, NOT_IMPLEMENTED, &[], None));
    }
    let questions = u16::from_be_bytes([header[4], header[5]]);
    let question = match Question::parse(&query[HEADER_LEN..]) {
        Some(question) if questions == 1 => question,
        _ => return Some(response(header, FORMAT_ERROR, &[], None)),
    };
    let known = plan::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&question.name));
    Some(match known {
        None => response(header, NAME_ERROR, question.bytes, None),
        Some((_, address)) => {
            let asked = question.kind == TYPE_A && question.class == CLASS_IN;
            response(header, NO_ERROR, question.bytes, asked.then_some(*address))
        }
    })
}

struct Question<'a> {
    name: String,
    kind: u16,
    class: u16,
    /// The whole question as it was asked.
    bytes: &'a [u8],
}

impl<'a> Question<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Question<'a>> {
        let mut name = String::new();
        let mut at = 0;
        loop {
            let len = *bytes.get(at)?;
            at += 1;
            if len == 0 {
                break;
            }
            // RFC 1035 §4.1.4: two high bits mark a compression pointer, senseless in a question.
            if len > LABEL_MAX {
                return None;
            }
            let label = bytes.get(at..at + usize::from(len))?;
            at += usize::from(len);
            if !name.is_empty() {
                name.push('.');
            }
            name.extend(label.iter().map(|&byte| char::from(byte)));
            if at > NAME_MAX {
                return None;
            }
        }
        let tail = bytes.get(at..at + 4)?;
        Some(Question {
            name,
            kind: u16::from_be_bytes([tail[0], tail[1]]),
            class: u16::from_be_bytes([tail[2], tail[3]]),
            bytes: &bytes[..at + 4],
        })
    }
}

fn response(header: &[u8], code: u16, question: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
    let asked = u16::from_be_bytes([header[2], header[3]]);
    let kept = asked & (OPCODE_MASK | FLAG_RECURSION_DESIRED);
    let flags = FLAG_RESPONSE | FLAG_AUTHORITATIVE | FLAG_RECURSION_AVAILABLE | kept | code;

    let mut out = Vec::with_capacity(HEADER_LEN + question.len() + 16);
    out.extend_from_slice(&header[..2]);
    out.extend(flags.to_be_bytes());
    out.extend(u16::from(!question.is_empty()).to_be_bytes());
    out.extend(u16::from(address.is_some()).to_be_bytes());
    out.extend([0; 4]);
    out.extend_from_slice(question);
    if let Some(address) = address {
        out.extend([0xc0, HEADER_LEN as u8]); // the question's name, by pointer
        out.extend(TYPE_A.to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        out.extend(TTL_SECONDS.to_be_bytes());
        out.extend([0, 4]);
        out.extend(address.octets());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        bytes
    }

    #[test]
    fn a_known_name_has_its_address() {
        let asked = query("files.linnet.test", TYPE_A);
        let answer = answer(&asked).unwrap();
        assert_eq!(answer[..12], [0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..asked.len()], asked[12..]);
        assert_eq!(answer[asked.len()..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7]);
    }

    #[test]
    fn codes_and_answer_counts_by_question() {
        for (name, asked, code, answers) in [
            ("known", query("gateway.linnet.test", 1), NO_ERROR, 1),
            ("in capitals", query("GATEWAY.Linnet.TEST", 1), NO_ERROR, 1),
            ("IPv6 of a known name", query("gateway.linnet.test", 28), NO_ERROR, 0),
            ("unknown", query("nobody.linnet.test", 1), NAME_ERROR, 0),
            ("reverse", query("1.2.0.192.in-addr.arpa", 12), NAME_ERROR, 0),
        ] {
            let answer = answer(&asked).unwrap();
            assert_eq!(u16::from(answer[3] & 15), code, "{name}");
            assert_eq!(answer[7], answers, "{name}");
        }
    }

    #[test]
    fn malformed_queries() {
        let good = query("gateway.linnet.test", 1);
        let mut response = good.clone();
        response[2] |= 0x80;
        let mut status = good.clone();
        status[2] |= 0x10;
        let mut pointer = good.clone();
        pointer[12] = 0xc0;
        let mut endless = good[..12].to_vec();
        endless.extend([1, b'a'].repeat(200));
        for (name, bytes, expected) in [
            ("empty", &[][..], None),
            ("short header", &good[..11], None),
            ("a response", &response, None),
            ("another opcode", &status, Some(NOT_IMPLEMENTED)),
            ("no question", &good[..12], Some(FORMAT_ERROR)),
            ("cut in the name", &good[..20], Some(FORMAT_ERROR)),
            ("cut in the type", &good[..good.len() - 1], Some(FORMAT_ERROR)),
            ("pointer to itself", &pointer, Some(FORMAT_ERROR)),
            ("endless name", &endless, Some(FORMAT_ERROR)),
        ] {
            assert_eq!(answer(bytes).map(|answer| u16::from(answer[3] & 15)), expected, "{name}");
        }
    }
}
