//! How packets are written: tcpdump's way, with the options of TCP and the errors of ICMP.

use super::cursor::{Cursor, Malformed};
use super::script::{Body, FLAG_LETTERS, IcmpSpec, OptionsSpec, Packet, TcpOption, TcpSpec};

/// Reads a packet, from its `<` or `>`.
pub(super) fn packet(cursor: &mut Cursor) -> Result<Packet, Malformed> {
    let inbound = cursor.eat("<");
    if !inbound {
        cursor.expect(">")?;
    }
    let mut ip = Vec::new();
    let mut quoted = None;
    while cursor.eat("[") {
        // FreeBSD's scripts quote a segment before the error, Linux's after it.
        if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
            quoted = Some(numbers(cursor)?);
            cursor.expect("]")?;
            continue;
        }
        ip.extend(cursor.until("]")?.split(',').map(|item| item.trim().to_owned()));
    }
    let mut body = body(cursor)?;
    if let Body::Icmp(spec) = &mut body {
        spec.quoted = spec.quoted.or(quoted);
    }
    Ok(Packet { inbound, ip, body })
}

fn body(cursor: &mut Cursor) -> Result<Body, Malformed> {
    for outer in ["ipv4", "ipv6", "gre", "mpls", "(flowlabel", "psp"] {
        if cursor.sees(outer) {
            let line = cursor.while_of(|c| c != '\n');
            return Ok(Body::Unsupported(format!("a packet inside of another (`{}`)", line.trim())));
        }
    }
    if cursor.keyword("icmp") {
        return icmp(cursor);
    }
    let ports = ports(cursor)?;
    if cursor.keyword("udp") {
        cursor.expect("(")?;
        let len = cursor.unsigned("the length of a datagram")?;
        cursor.expect(")")?;
        return Ok(Body::Udp(ports, len));
    }
    cursor.skip();
    let letters = cursor.while_of(|c| !c.is_whitespace());
    let mut spec = TcpSpec { ports, ..TcpSpec::default() };
    for letter in letters.chars() {
        match FLAG_LETTERS.iter().position(|known| *known == letter) {
            Some(bit) => spec.flags |= 1 << bit,
            None if letter == 'C' => spec.flags |= 0x80,
            None if letter == '-' => {}
            None if letter == 'A' || letter.is_ascii_digit() => {
                cursor.while_of(|c| c != '\n');
                return Ok(Body::Unsupported("the AE bit (accurate ECN)".into()));
            }
            None => return Err(cursor.wrong(&format!("flags of `FSRP.UEW` before this, not `{letter}`"))),
        }
    }
    tcp(cursor, &mut spec)?;
    Ok(Body::Tcp(spec))
}

/// `12345 > 8080`, which only some scripts say.
fn ports(cursor: &mut Cursor) -> Result<Option<(u16, u16)>, Malformed> {
    cursor.skip();
    if !cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        return Ok(None);
    }
    let source = cursor.unsigned("a port")?;
    cursor.expect(">")?;
    let destination = cursor.unsigned("a port")?;
    cursor.eat(":");
    Ok(Some((source, destination)))
}

fn tcp(cursor: &mut Cursor, spec: &mut TcpSpec) -> Result<(), Malformed> {
    (spec.seq, spec.len) = numbers(cursor)?;
    loop {
        cursor.eat(",");
        if cursor.keyword("ack") {
            spec.ack = Some(cursor.unsigned("an acknowledgment number")?);
        } else if cursor.keyword("win") {
            spec.window = Some(cursor.unsigned("a window")?);
        } else if cursor.keyword("urg") {
            spec.urgent = Some(cursor.unsigned("an urgent pointer")?);
        } else if cursor.eat("<") {
            spec.options = options(cursor)?;
        } else {
            return Ok(());
        }
    }
}

/// `1:11(10)`: the first number, the one after the last, the length between them. Gives first and length.
fn numbers(cursor: &mut Cursor) -> Result<(u32, u32), Malformed> {
    let seq: u32 = cursor.unsigned("a sequence number")?;
    cursor.expect(":")?;
    let end: u32 = cursor.unsigned("the sequence number after the segment")?;
    cursor.expect("(")?;
    let len = cursor.unsigned("the length of the payload")?;
    if end.wrapping_sub(seq) != len {
        return Err(cursor.wrong(&format!("a length of {} before this", end.wrapping_sub(seq))));
    }
    cursor.expect(")")?;
    Ok((seq, len))
}

fn options(cursor: &mut Cursor) -> Result<OptionsSpec, Malformed> {
    if cursor.eat("...") {
        cursor.expect(">")?;
        return Ok(OptionsSpec::Any);
    }
    let mut options = Vec::new();
    while !cursor.eat(">") {
        options.push(option(cursor)?);
        if !cursor.eat(",") && !cursor.sees(">") {
            return Err(cursor.wrong("`,` or `>`"));
        }
    }
    Ok(OptionsSpec::These(options))
}

fn option(cursor: &mut Cursor) -> Result<TcpOption, Malformed> {
    let name = cursor.word().ok_or_else(|| cursor.wrong("an option of TCP"))?;
    Ok(match name {
        "nop" => TcpOption::Nop,
        "eol" => TcpOption::End,
        "mss" => TcpOption::Mss(cursor.unsigned("a segment size")?),
        "wscale" => TcpOption::WindowScale(cursor.unsigned("a shift")?),
        "sackOK" => TcpOption::SackPermitted,
        "sack" => {
            let mut blocks = Vec::new();
            while let Some(start) = cursor.number() {
                cursor.expect(":")?;
                blocks.push((start as u32, cursor.unsigned("the end of a block")?));
            }
            TcpOption::Sack(blocks)
        }
        "TS" => {
            if !cursor.keyword("val") {
                return Err(cursor.wrong("`val`"));
            }
            let value = cursor.unsigned("a timestamp")?;
            if !cursor.keyword("ecr") {
                return Err(cursor.wrong("`ecr`"));
            }
            TcpOption::Timestamps(value, cursor.unsigned("a timestamp")?)
        }
        "md5" => TcpOption::Other(name.into(), 19, hex(cursor)),
        "FO" => TcpOption::Other(name.into(), 34, hex(cursor)),
        "FOEXP" => TcpOption::Other(name.into(), 254, [0xf9, 0x89].into_iter().chain(hex(cursor)).collect()),
        // The rest is skipped to the end of the option: whoever sends or expects it is told by name.
        other => {
            cursor.while_of(|c| !matches!(c, ',' | '>' | '\n'));
            TcpOption::Other(other.into(), 0, Vec::new())
        }
    })
}

/// The content of an option; a name that stands for it has none.
fn hex(cursor: &mut Cursor) -> Vec<u8> {
    cursor.skip();
    let word = cursor.while_of(|c| c.is_ascii_alphanumeric() || c == '_');
    if !word.chars().all(|c| c.is_ascii_hexdigit()) {
        return Vec::new();
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    word.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |sum, byte| sum << 4 | digit(*byte))).collect()
}

fn icmp(cursor: &mut Cursor) -> Result<Body, Malformed> {
    let mut spec = IcmpSpec { icmp_type: 0, code: 0, mtu: 0, quoted: None, udp: false };
    let name = cursor.word().ok_or_else(|| cursor.wrong("a type of ICMP"))?;
    let known = TYPES.iter().find(|(known, _)| *known == name);
    spec.icmp_type =
        known.ok_or_else(|| cursor.wrong(&format!("after a known type of ICMP, not `{name}`,")))?.1;
    cursor.skip();
    if !cursor.sees("mtu")
        && let Some(code) = cursor.word()
    {
        // A name that is none of a code is one of the command line's (`-D`), where every code takes its turn.
        let Some(known) = CODES.iter().position(|known| *known == code) else {
            let what = format!("the ICMP code `{code}`");
            cursor.while_of(|c| c != '\n');
            return Ok(Body::Unsupported(what));
        };
        spec.code = known as u8;
    }
    if cursor.keyword("mtu") {
        spec.mtu = cursor.unsigned("an MTU")?;
    }
    if cursor.eat("[") {
        spec.udp = cursor.keyword("udp");
        if spec.udp {
            cursor.until("]")?;
            return Ok(Body::Icmp(spec));
        }
        spec.quoted = Some(numbers(cursor)?);
        cursor.expect("]")?;
    }
    Ok(Body::Icmp(spec))
}

/// RFC 792, by the language's names.
const TYPES: [(&str, u8); 6] = [
    ("unreachable", 3),
    ("source_quench", 4),
    ("redirect", 5),
    ("time_exceeded", 11),
    ("parameter_problem", 12),
    ("echo_request", 8),
];

/// The codes of "unreachable" (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1), from zero.
const CODES: [&str; 16] = [
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "frag_needed",
    "source_route_failed",
    "net_unknown",
    "host_unknown",
    "source_isolated",
    "net_prohibited",
    "host_prohibited",
    "net_unreachable_for_tos",
    "host_unreachable_for_tos",
    "packet_filtered",
    "precedence_violation",
    "precedence_cutoff",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Packet {
        packet(&mut Cursor::new(text)).unwrap_or_else(|error| panic!("{text}: {}", error.what))
    }

    #[test]
    fn segments() {
        let Body::Tcp(spec) = read_one(
            "< [ect0] 1234 > 80 FP.U 1:11(10) ack 5 win 257 urg 3 <mss 1460, sackOK,TS val 1 ecr 2,nop,wscale 7>",
        )
        .body
        else {
            panic!("not TCP")
        };
        let options = vec![
            TcpOption::Mss(1460),
            TcpOption::SackPermitted,
            TcpOption::Timestamps(1, 2),
            TcpOption::Nop,
            TcpOption::WindowScale(7),
        ];
        let expected = TcpSpec {
            ports: Some((1234, 80)),
            flags: 0x39,
            seq: 1,
            len: 10,
            ack: Some(5),
            window: Some(257),
            urgent: Some(3),
            options: OptionsSpec::These(options),
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn options_that_are_seldom() {
        let Body::Tcp(spec) = read_one("> . 1:1(0) ack 1 <sack 1:2 4:5,md5 00ff,FO a1>").body else {
            panic!("not TCP")
        };
        let OptionsSpec::These(options) = spec.options else { panic!("no options") };
        assert_eq!(options[0], TcpOption::Sack(vec![(1, 2), (4, 5)]));
        assert_eq!(options[1], TcpOption::Other("md5".into(), 19, vec![0, 255]));
        assert_eq!(options[2], TcpOption::Other("FO".into(), 34, vec![0xa1]));
    }

    #[test]
    fn errors_of_icmp() {
        let spec = IcmpSpec { icmp_type: 3, code: 4, mtu: 1280, quoted: Some((1, 1460)), udp: false };
        let read = read_one("< icmp unreachable frag_needed mtu 1280 [1:1461(1460)]");
        assert_eq!((read.inbound, read.body), (true, Body::Icmp(spec.clone())));
        let before = read_one("< [1:1461(1460)] icmp unreachable frag_needed mtu 1280");
        assert_eq!(before.body, Body::Icmp(spec));
    }

    #[test]
    fn datagrams() {
        assert_eq!(read_one("> udp (1000)").body, Body::Udp(None, 1000));
    }

    #[test]
    fn a_length_that_contradicts_is_an_error() {
        let error = packet(&mut Cursor::new("< . 1:11(9) ack 1")).expect_err("a contradiction");
        assert!(error.what.contains("a length of 10"), "{}", error.what);
    }
}
