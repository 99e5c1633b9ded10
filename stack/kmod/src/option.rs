//! Socket options: names, forms and ranges as Linux has them, for `option.c`.

use crate::ffi;
use crate::global::{locked, with_socket};
use crate::net::iface;
use core::net::Ipv4Addr;
use linnet_core::errno::Errno;
#[cfg(feature = "raw")]
use linnet_core::socket::RawOption;
use linnet_core::socket::{Common, Grouping, Membership, OptName, SocketId, TcpInfo};

/// Whether `struct sock` may take the option at `SOL_SOCKET`: zero, or `ENOPROTOOPT`.
///
/// Refused is what would have the kernel look into a TCP socket of its own (time stamps with
/// identifiers), or what the stack would not heed (filters, zero copy, queue overflow counts).
#[unsafe(no_mangle)]
pub extern "C" fn linnet_option_allowed(name: u32) -> i32 {
    match name {
        SO_DEBUG | SO_REUSEADDR | SO_DONTROUTE..=SO_PASSCRED => 0,
        SO_RCVLOWAT..=SO_SNDTIMEO | SO_BINDTODEVICE | SO_TIMESTAMP | SO_SNDBUFFORCE | SO_RCVBUFFORCE => 0,
        SO_TIMESTAMPNS | SO_MARK | SO_BINDTOIFINDEX | SO_TIMESTAMP_NEW | SO_TIMESTAMPNS_NEW => 0,
        SO_RCVTIMEO_NEW | SO_SNDTIMEO_NEW => 0,
        _ => Errno::ENOPROTOOPT.code(),
    }
}

// LINNET_BUFFER of linnet.h.
const _: () = assert!(Common::DEFAULT.receive_buffer == 32768 && Common::DEFAULT.send_buffer == 32768);

/// Hands in all of the `SOL_SOCKET` options that the core heeds.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_set_common(id: u32, common: &Common) {
    with_socket(id, |stack, cx, id| {
        stack.set_common(cx, id, common);
        Ok(0)
    });
}

/// `setsockopt` at `IPPROTO_IP` and `IPPROTO_TCP`. What ancillary data a receiver wants lives
/// in `cmsg`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_set_option(
    id: u32,
    cmsg: &mut u8,
    level: u32,
    name: u32,
    value: &[u8; VALUE_MAX],
    len: u32,
) -> i32 {
    let value = value.get(..len as usize).unwrap_or(value);
    if let Some(bit) = ancillary(level, name) {
        *cmsg = if number(value) != 0 { *cmsg | bit } else { *cmsg & !bit };
        return 0;
    }
    with_socket(id, |stack, cx, id| {
        let stream = matches!(id, SocketId::Tcp(_));
        let name = match (level, name) {
            (SOL_IP, IP_ADD_MEMBERSHIP | IP_DROP_MEMBERSHIP) => {
                let what = if name == IP_ADD_MEMBERSHIP { Grouping::Join } else { Grouping::Leave };
                return stack.group(cx, id, what, membership(value)?).map(|()| 0);
            }
            // Streams have one peer.
            (SOL_IP, IP_MULTICAST_IF | IP_MULTICAST_TTL) if stream => return Err(Errno::EINVAL),
            (SOL_IP, IP_MULTICAST_IF) => {
                return stack.group(cx, id, Grouping::SendBy, interface(value)?).map(|()| 0);
            }
            (SOL_IP, IP_MULTICAST_TTL | IP_MULTICAST_LOOP) if value.is_empty() => return Err(Errno::EINVAL),
            // Whatever this says, a socket hears the groups that anybody here has joined.
            (SOL_IP, IP_MULTICAST_ALL) => return Ok(0),
            // Nobody sends options any more that could be shown: `ping` asks all the same.
            #[cfg(feature = "raw")]
            (SOL_IP, IP_RECVOPTS | IP_RETOPTS) => return Ok(0),
            #[cfg(feature = "raw")]
            (SOL_IP, IP_HDRINCL) | (SOL_RAW, ICMP_FILTER) => {
                return stack.set_raw_option(id, raw_option(level), number(value)).map(|()| 0);
            }
            // There is one algorithm, and it may be asked for.
            (SOL_TCP, TCP_CONGESTION) if stream && value.starts_with(b"reno") => return Ok(0),
            (SOL_TCP, _) if stream && value.len() < 4 => return Err(Errno::EINVAL),
            _ => option(level, name, stream)?,
        };
        let value = match number(value) {
            // The two bits of ECN are TCP's own.
            value if stream && name == OptName::Tos => value & !0x03,
            value => value,
        };
        stack.set_value(cx, id, name, value).map(|()| 0)
    })
}

/// `getsockopt` at `IPPROTO_IP` and `IPPROTO_TCP`: fills `value`, of `room` bytes; how many bytes
/// it wrote.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_get_option(
    id: u32,
    cmsg: u8,
    level: u32,
    name: u32,
    value: &mut [u8; size_of::<TcpInfo>()],
    room: u32,
) -> i32 {
    let Some(value) = value.get_mut(..room as usize) else { return Errno::EINVAL.code() };
    if let Some(bit) = ancillary(level, name) {
        return put_number(value, level, i32::from(cmsg & bit != 0));
    }
    with_socket(id, |stack, cx, id| {
        let stream = matches!(id, SocketId::Tcp(_));
        let name = match (level, name) {
            (SOL_TCP, TCP_INFO) if stream => {
                return Ok(put(value, ffi::tcp_info_bytes(&stack.tcp_info(cx.now, id)?)));
            }
            (SOL_TCP, TCP_CONGESTION) if stream => return Ok(put(value, b"reno\0\0\0\0\0\0\0\0\0\0\0\0")),
            #[cfg(feature = "raw")]
            (SOL_IP, IP_HDRINCL) | (SOL_RAW, ICMP_FILTER) => {
                return Ok(put_number(value, level, stack.raw_option(id, raw_option(level))?));
            }
            _ if level != SOL_IP && !(stream && level == SOL_TCP) => return Err(Errno::EOPNOTSUPP),
            _ => option(level, name, stream)?,
        };
        Ok(put_number(value, level, stack.option(id, name)?))
    })
}

/// `SIOCINQ`, `SIOCOUTQ`, `SIOCATMARK`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_queued(id: u32, cmd: u32) -> i32 {
    let Some(id) = SocketId::from_bits(id) else { return Errno::EINVAL.code() };
    let name = match cmd {
        SIOCINQ => OptName::ReceiveQueued,
        SIOCOUTQ => OptName::SendQueued,
        _ => OptName::AtMark,
    };
    locked(|stack, _| stack.option(id, name)).unwrap_or_else(Errno::code)
}

/// The bit in `cmsg` of an option that asks for ancillary data.
const fn ancillary(level: u32, name: u32) -> Option<u8> {
    match (level, name) {
        (SOL_IP, IP_PKTINFO) => Some(0x01),
        (SOL_IP, IP_RECVTTL) => Some(0x02),
        (SOL_IP, IP_RECVTOS) => Some(0x04),
        _ => None,
    }
}

/// The option that a socket, of a stream or not, has by this number.
fn option(level: u32, name: u32, stream: bool) -> Result<OptName, Errno> {
    Ok(match (level, name) {
        (SOL_IP, IP_TTL) => OptName::Ttl,
        (SOL_IP, IP_TOS) => OptName::Tos,
        (SOL_IP, IP_MTU_DISCOVER) => OptName::MtuDiscover,
        (SOL_IP, IP_MTU) => OptName::Mtu,
        (SOL_IP, IP_RECVERR) => OptName::ReceiveErrors,
        (SOL_IP, IP_MULTICAST_TTL) => OptName::MulticastTtl,
        (SOL_IP, IP_MULTICAST_LOOP) => OptName::MulticastLoop,
        (SOL_IP, IP_MULTICAST_IF) => OptName::MulticastIface,
        (SOL_TCP, _) if !stream => return Err(Errno::ENOPROTOOPT),
        (SOL_TCP, TCP_NODELAY) => OptName::NoDelay,
        (SOL_TCP, TCP_MAXSEG) => OptName::MaxSegment,
        (SOL_TCP, TCP_CORK) => OptName::Cork,
        (SOL_TCP, TCP_KEEPIDLE) => OptName::KeepIdle,
        (SOL_TCP, TCP_KEEPINTVL) => OptName::KeepInterval,
        (SOL_TCP, TCP_KEEPCNT) => OptName::KeepCount,
        (SOL_TCP, TCP_SYNCNT) => OptName::SynCount,
        (SOL_TCP, TCP_LINGER2) => OptName::LingerTwo,
        (SOL_TCP, TCP_DEFER_ACCEPT) => OptName::DeferAccept,
        (SOL_TCP, TCP_WINDOW_CLAMP) => OptName::WindowClamp,
        (SOL_TCP, TCP_QUICKACK) => OptName::QuickAck,
        (SOL_TCP, TCP_USER_TIMEOUT) => OptName::UserTimeout,
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

/// Which option of raw sockets it is: each level has one.
#[cfg(feature = "raw")]
fn raw_option(level: u32) -> RawOption {
    if level == SOL_IP { RawOption::HeaderIncluded } else { RawOption::IcmpFilter }
}

/// A number in an `int`, or in the single byte that IP options may come in; nothing at all is zero.
#[inline(never)]
fn number(value: &[u8]) -> i32 {
    match *value {
        [a, b, c, d, ..] => i32::from_ne_bytes([a, b, c, d]),
        [byte, ..] => byte.into(),
        [] => 0,
    }
}

/// `struct ip_mreq`, or the longer `struct ip_mreqn`.
fn membership(value: &[u8]) -> Result<Membership, Errno> {
    let ifindex = match value.get(8..12) {
        Some(bytes) => number(bytes) as u32,
        None => 0,
    };
    Ok(Membership { group: address(value, 0)?, address: address(value, 4)?, iface: iface(ifindex) })
}

/// `IP_MULTICAST_IF`: an address alone, or as in a membership.
fn interface(value: &[u8]) -> Result<Membership, Errno> {
    if value.len() >= 8 {
        return membership(value);
    }
    Ok(Membership { group: Ipv4Addr::UNSPECIFIED, iface: None, address: address(value, 0)? })
}

fn address(value: &[u8], at: usize) -> Result<Ipv4Addr, Errno> {
    match value.get(at..) {
        Some(&[a, b, c, d, ..]) => Ok(Ipv4Addr::new(a, b, c, d)),
        _ => Err(Errno::EINVAL),
    }
}

/// Writes as much of `bytes` as fits.
fn put(value: &mut [u8], bytes: &[u8]) -> i32 {
    value.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    value.len().min(bytes.len()) as i32
}

/// Writes a number: as an `int`, or as one byte where a program asks for less of an IP option.
fn put_number(value: &mut [u8], level: u32, number: i32) -> i32 {
    let byte = level == SOL_IP && (1..4).contains(&value.len()) && (0..=255).contains(&number);
    put(value, number.to_ne_bytes().get(..if byte { 1 } else { 4 }).unwrap_or(&[]))
}

/// Bytes that `setsockopt` hands over at most.
const VALUE_MAX: usize = 16;

// <linux/sockios.h>
const SIOCINQ: u32 = 0x541b;
const SIOCOUTQ: u32 = 0x5411;

// <asm-generic/socket.h>
const SO_DEBUG: u32 = 1;
const SO_REUSEADDR: u32 = 2;
const SO_DONTROUTE: u32 = 5;
const SO_PASSCRED: u32 = 16;
const SO_RCVLOWAT: u32 = 18;
const SO_SNDTIMEO: u32 = 21;
const SO_BINDTODEVICE: u32 = 25;
const SO_TIMESTAMP: u32 = 29;
const SO_SNDBUFFORCE: u32 = 32;
const SO_RCVBUFFORCE: u32 = 33;
const SO_TIMESTAMPNS: u32 = 35;
const SO_MARK: u32 = 36;
const SO_BINDTOIFINDEX: u32 = 62;
const SO_TIMESTAMP_NEW: u32 = 63;
const SO_TIMESTAMPNS_NEW: u32 = 64;
const SO_RCVTIMEO_NEW: u32 = 66;
const SO_SNDTIMEO_NEW: u32 = 67;

// <linux/in.h>
const SOL_IP: u32 = 0;
const SOL_TCP: u32 = 6;
const IP_TOS: u32 = 1;
const IP_TTL: u32 = 2;
#[cfg(feature = "raw")]
const IP_HDRINCL: u32 = 3;
#[cfg(feature = "raw")]
const IP_RECVOPTS: u32 = 6;
#[cfg(feature = "raw")]
const IP_RETOPTS: u32 = 7;
const IP_PKTINFO: u32 = 8;
const IP_MTU_DISCOVER: u32 = 10;
const IP_RECVERR: u32 = 11;
const IP_RECVTTL: u32 = 12;
const IP_RECVTOS: u32 = 13;
const IP_MTU: u32 = 14;
const IP_MULTICAST_IF: u32 = 32;
const IP_MULTICAST_TTL: u32 = 33;
const IP_MULTICAST_LOOP: u32 = 34;
const IP_ADD_MEMBERSHIP: u32 = 35;
const IP_DROP_MEMBERSHIP: u32 = 36;
const IP_MULTICAST_ALL: u32 = 49;

// <linux/icmp.h>
#[cfg(feature = "raw")]
const SOL_RAW: u32 = 255;
#[cfg(feature = "raw")]
const ICMP_FILTER: u32 = 1;

// <linux/tcp.h>
const TCP_NODELAY: u32 = 1;
const TCP_MAXSEG: u32 = 2;
const TCP_CORK: u32 = 3;
const TCP_KEEPIDLE: u32 = 4;
const TCP_KEEPINTVL: u32 = 5;
const TCP_KEEPCNT: u32 = 6;
const TCP_SYNCNT: u32 = 7;
const TCP_LINGER2: u32 = 8;
const TCP_DEFER_ACCEPT: u32 = 9;
const TCP_WINDOW_CLAMP: u32 = 10;
const TCP_INFO: u32 = 11;
const TCP_QUICKACK: u32 = 12;
const TCP_CONGESTION: u32 = 13;
const TCP_USER_TIMEOUT: u32 = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_level_and_the_socket() {
        for (name, level, option_name, stream, expected) in [
            ("ttl", SOL_IP, 2, false, Ok(OptName::Ttl)),
            ("type of service", SOL_IP, 1, true, Ok(OptName::Tos)),
            ("nodelay", SOL_TCP, 1, true, Ok(OptName::NoDelay)),
            ("nodelay of a datagram socket", SOL_TCP, 1, false, Err(Errno::ENOPROTOOPT)),
            ("user timeout", SOL_TCP, 18, true, Ok(OptName::UserTimeout)),
            ("unknown to TCP", SOL_TCP, 99, true, Err(Errno::ENOPROTOOPT)),
            ("IP_OPTIONS", SOL_IP, 4, false, Err(Errno::ENOPROTOOPT)),
            ("another level", 17, 1, false, Err(Errno::ENOPROTOOPT)),
        ] {
            assert_eq!(option(level, option_name, stream), expected, "{name}");
        }
        assert_eq!((number(&[64]), number(&64_i32.to_ne_bytes()), number(&[])), (64, 64, 0));
    }

    #[test]
    fn memberships_in_both_forms() {
        let group = Ipv4Addr::new(224, 0, 0, 251);
        let own = Ipv4Addr::new(10, 0, 2, 15);
        let mut long = [224, 0, 0, 251, 10, 0, 2, 15, 0, 0, 0, 0];
        long[8..].copy_from_slice(&3_u32.to_ne_bytes());
        let expected = |index| Ok(Membership { group, address: own, iface: iface(index) });
        assert_eq!(membership(&long[..8]), expected(0));
        assert_eq!(membership(&long), expected(3));
        assert_eq!(membership(&long[..7]), Err(Errno::EINVAL));
        let by_address = Membership { group: Ipv4Addr::UNSPECIFIED, iface: None, address: group };
        assert_eq!((interface(&long[..4]), interface(&long)), (Ok(by_address), expected(3)));
    }

    #[test]
    fn numbers_come_back_as_asked_for() {
        for (name, level, room, number, expected) in [
            ("an int", SOL_IP, 4, 64, &64_i32.to_ne_bytes()[..]),
            ("a byte", SOL_IP, 1, 64, &[64]),
            ("no byte of what does not fit one", SOL_IP, 1, -1, &[0xff]),
            ("part of an int", SOL_TCP, 2, 0x0102, &0x0102_i32.to_ne_bytes()[..2]),
            ("no room", SOL_IP, 0, 64, &[]),
        ] {
            let mut value = [0; 4];
            let len = put_number(&mut value[..room], level, number);
            assert_eq!(&value[..len as usize], expected, "{name}");
        }
    }

    #[test]
    fn dangerous_socket_options_are_refused() {
        for (name, option, allowed) in [
            ("SO_REUSEADDR", 2, true),
            ("SO_LINGER", 13, true),
            ("SO_BINDTODEVICE", 25, true),
            ("SO_RCVTIMEO_NEW", 66, true),
            ("SO_ATTACH_FILTER", 26, false),
            ("SO_TIMESTAMPING", 37, false),
            ("SO_RXQ_OVFL", 40, false),
            ("SO_ZEROCOPY", 60, false),
        ] {
            assert_eq!(linnet_option_allowed(option) == 0, allowed, "{name}");
        }
    }
}
