//! Socket options: names, forms and ranges as Linux has them, for `option.c`.

use crate::ffi;
use crate::global::{locked, with_socket};
use crate::net::iface;
use core::net::Ipv4Addr;
use linnet_core::errno::Errno;
use linnet_core::socket::{Common, Membership, MtuDiscovery, Opt, OptName, SocketId, TcpInfo};

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
        let Ok(wanted) = number(value) else { return Errno::EINVAL.code() };
        *cmsg = if wanted != 0 { *cmsg | bit } else { *cmsg & !bit };
        return 0;
    }
    with_socket(id, |stack, cx, id| {
        let option = match level {
            // Streams have one peer, says Linux of this one alone.
            SOL_IP if name == IP_MULTICAST_TTL && matches!(id, SocketId::Tcp(_)) => {
                return Err(Errno::EINVAL);
            }
            SOL_IP => ip_option(name, value)?,
            SOL_TCP if !matches!(id, SocketId::Tcp(_)) => return Err(Errno::ENOPROTOOPT),
            // There is one algorithm, and it may be asked for.
            SOL_TCP if name == TCP_CONGESTION && value.starts_with(b"reno") => None,
            SOL_TCP => Some(tcp_option(name, value)?),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        option.map_or(Ok(()), |option| stack.set_option(cx, id, option)).map(|()| 0)
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
        let name = match (level, name) {
            (SOL_IP, _) => ip_name(name)?,
            (SOL_TCP, _) if !matches!(id, SocketId::Tcp(_)) => return Err(Errno::ENOPROTOOPT),
            (SOL_TCP, TCP_INFO) => return Ok(put(value, ffi::tcp_info_bytes(&stack.tcp_info(cx.now, id)?))),
            (SOL_TCP, TCP_CONGESTION) => return Ok(put(value, b"reno\0\0\0\0\0\0\0\0\0\0\0\0")),
            (SOL_TCP, _) => tcp_name(name)?,
            _ => return Err(Errno::ENOPROTOOPT),
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

/// What to set at `IPPROTO_IP`; `None` for what is taken and needs nothing done.
fn ip_option(name: u32, value: &[u8]) -> Result<Option<Opt>, Errno> {
    Ok(Some(match name {
        IP_TTL => Opt::Ttl(match number(value)? {
            -1 => None,
            ttl => Some(ranged(ttl, 1, 255)? as u8),
        }),
        IP_TOS => Opt::Tos(number(value)? as u8),
        IP_MTU_DISCOVER => Opt::MtuDiscover(MtuDiscovery::from_number(number(value)?).ok_or(Errno::EINVAL)?),
        IP_RECVERR => Opt::ReceiveErrors(number(value)? != 0),
        IP_MULTICAST_TTL => Opt::MulticastTtl(match number(value)? {
            -1 => None,
            ttl => Some(ranged(ttl, 0, 255)? as u8),
        }),
        IP_MULTICAST_LOOP => Opt::MulticastLoop(number(value)? != 0),
        IP_MULTICAST_IF => {
            // An address alone, or as in a membership.
            let wanted = match value.len() {
                4..=7 => {
                    Membership { group: Ipv4Addr::UNSPECIFIED, iface: None, address: address(value, 0)? }
                }
                _ => membership(value)?,
            };
            Opt::MulticastIface { iface: wanted.iface, address: wanted.address }
        }
        IP_ADD_MEMBERSHIP => Opt::Join(membership(value)?),
        IP_DROP_MEMBERSHIP => Opt::Leave(membership(value)?),
        // Only groups joined by the socket itself are delivered to it, whatever this says.
        IP_MULTICAST_ALL => return Ok(None),
        _ => return Err(Errno::ENOPROTOOPT),
    }))
}

fn tcp_option(name: u32, value: &[u8]) -> Result<Opt, Errno> {
    if value.len() < 4 {
        return Err(Errno::EINVAL);
    }
    let value = number(value)?;
    let seconds = |limit| ranged(value, 1, limit).map(|value| value as u32);
    Ok(match name {
        TCP_NODELAY => Opt::NoDelay(value != 0),
        TCP_CORK => Opt::Cork(value != 0),
        TCP_QUICKACK => Opt::QuickAck(value != 0),
        TCP_MAXSEG if value == 0 => Opt::MaxSegment(0),
        TCP_MAXSEG => Opt::MaxSegment(ranged(value, 88, 32_767)? as u16),
        TCP_KEEPIDLE => Opt::KeepIdle(seconds(32_767)?),
        TCP_KEEPINTVL => Opt::KeepInterval(seconds(32_767)?),
        TCP_KEEPCNT => Opt::KeepCount(ranged(value, 1, 127)? as u8),
        TCP_SYNCNT => Opt::SynCount(ranged(value, 1, 127)? as u8),
        TCP_LINGER2 => Opt::LingerTwo(value),
        TCP_DEFER_ACCEPT => Opt::DeferAccept(value.max(0) as u32),
        TCP_WINDOW_CLAMP => Opt::WindowClamp(ranged(value, 0, i32::MAX)? as u32),
        TCP_USER_TIMEOUT => Opt::UserTimeout(ranged(value, 0, i32::MAX)? as u32),
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

fn ip_name(name: u32) -> Result<OptName, Errno> {
    Ok(match name {
        IP_TTL => OptName::Ttl,
        IP_TOS => OptName::Tos,
        IP_MTU_DISCOVER => OptName::MtuDiscover,
        IP_MTU => OptName::Mtu,
        IP_RECVERR => OptName::ReceiveErrors,
        IP_MULTICAST_TTL => OptName::MulticastTtl,
        IP_MULTICAST_LOOP => OptName::MulticastLoop,
        IP_MULTICAST_IF => OptName::MulticastIface,
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

fn tcp_name(name: u32) -> Result<OptName, Errno> {
    Ok(match name {
        TCP_NODELAY => OptName::NoDelay,
        TCP_MAXSEG => OptName::MaxSegment,
        TCP_CORK => OptName::Cork,
        TCP_KEEPIDLE => OptName::KeepIdle,
        TCP_KEEPINTVL => OptName::KeepInterval,
        TCP_KEEPCNT => OptName::KeepCount,
        TCP_SYNCNT => OptName::SynCount,
        TCP_LINGER2 => OptName::LingerTwo,
        TCP_DEFER_ACCEPT => OptName::DeferAccept,
        TCP_WINDOW_CLAMP => OptName::WindowClamp,
        TCP_QUICKACK => OptName::QuickAck,
        TCP_USER_TIMEOUT => OptName::UserTimeout,
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

/// A number in an `int`, or in the single byte that IP options may come in.
#[inline(never)]
fn number(value: &[u8]) -> Result<i32, Errno> {
    match *value {
        [a, b, c, d, ..] => Ok(i32::from_ne_bytes([a, b, c, d])),
        [byte, ..] => Ok(byte.into()),
        [] => Err(Errno::EINVAL),
    }
}

fn ranged(value: i32, low: i32, high: i32) -> Result<i32, Errno> {
    if (low..=high).contains(&value) { Ok(value) } else { Err(Errno::EINVAL) }
}

/// `struct ip_mreq`, or the longer `struct ip_mreqn`.
fn membership(value: &[u8]) -> Result<Membership, Errno> {
    let ifindex = match value.get(8..12) {
        Some(bytes) => number(bytes)? as u32,
        None => 0,
    };
    Ok(Membership { group: address(value, 0)?, address: address(value, 4)?, iface: iface(ifindex) })
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
    fn ip_options_have_linux_ranges() {
        let int = |value: i32| value.to_ne_bytes();
        for (name, option, value, expected) in [
            ("ttl", IP_TTL, &int(64)[..], Ok(Some(Opt::Ttl(Some(64))))),
            ("ttl as a byte", IP_TTL, &[64], Ok(Some(Opt::Ttl(Some(64))))),
            ("ttl back to the default", IP_TTL, &int(-1), Ok(Some(Opt::Ttl(None)))),
            ("ttl of zero", IP_TTL, &int(0), Err(Errno::EINVAL)),
            ("ttl too large", IP_TTL, &int(256), Err(Errno::EINVAL)),
            ("nothing", IP_TTL, &[], Err(Errno::EINVAL)),
            ("multicast ttl of zero", IP_MULTICAST_TTL, &int(0), Ok(Some(Opt::MulticastTtl(Some(0))))),
            ("unknown discovery", IP_MTU_DISCOVER, &int(9), Err(Errno::EINVAL)),
            ("all groups", IP_MULTICAST_ALL, &int(0), Ok(None)),
            ("IP_OPTIONS", 4, &[], Err(Errno::ENOPROTOOPT)),
        ] {
            assert_eq!(ip_option(option, value), expected, "{name}");
        }
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
        let by_address = Opt::MulticastIface { iface: None, address: group };
        assert_eq!(ip_option(IP_MULTICAST_IF, &long[..4]), Ok(Some(by_address)));
    }

    #[test]
    fn tcp_options_have_linux_ranges() {
        let int = |value: i32| value.to_ne_bytes();
        for (name, option, value, expected) in [
            ("nodelay", TCP_NODELAY, &int(1)[..], Ok(Opt::NoDelay(true))),
            ("a byte is too short", TCP_NODELAY, &[1], Err(Errno::EINVAL)),
            ("mss too small", TCP_MAXSEG, &int(87), Err(Errno::EINVAL)),
            ("mss back to the default", TCP_MAXSEG, &int(0), Ok(Opt::MaxSegment(0))),
            ("keepalive of no time", TCP_KEEPIDLE, &int(0), Err(Errno::EINVAL)),
            ("too many probes", TCP_KEEPCNT, &int(128), Err(Errno::EINVAL)),
            ("negative timeout", TCP_USER_TIMEOUT, &int(-1), Err(Errno::EINVAL)),
            ("unknown", 99, &int(1), Err(Errno::ENOPROTOOPT)),
        ] {
            assert_eq!(tcp_option(option, value), expected, "{name}");
        }
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
