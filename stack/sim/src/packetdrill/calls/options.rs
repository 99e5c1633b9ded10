//! `setsockopt`, `getsockopt`, `fcntl`, `ioctl`: by Linux's numbers, within its ranges.

use super::{Args, done};
use crate::packetdrill::script::{Expected, Value};
use crate::packetdrill::stop::Stop;
use crate::packetdrill::world::{Attempt, File, Sock, World, field, named};
use linnet_core::socket::{Common, MtuDiscovery, Opt, OptName};

const SOL_IP: i64 = 0;
const SOL_SOCKET: i64 = 1;
const SOL_TCP: i64 = 6;

pub(super) fn set(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let level = args.number(world, 1)?;
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    if level == SOL_TCP && args.value(2) == &Value::Symbol("TCP_CONGESTION".into()) {
        return Ok(Box::new(|_| Ok(Some(Ok(0)))));
    }
    let name = args.number(world, 2)?;
    if level == SOL_SOCKET {
        return set_socket(world, args, fd, sock, name);
    }
    let value = args.number(world, 3)?;
    if value > i64::from(u32::MAX) {
        return Err(Stop::skip("an option's value beyond 32 bits"));
    }
    let option = match level {
        SOL_IP => ip_option(name, value),
        SOL_TCP if !sock.stream => Err("ENOPROTOOPT"),
        SOL_TCP => tcp_option(name, value),
        _ => return Err(Stop::skip(format!("options at level {level}"))),
    };
    // What the kernel host does not have a script cannot test.
    if option == Err("ENOPROTOOPT") && args.call.result == Expected::Number(0) {
        return Err(Stop::skip(format!("the socket option {:?}", args.value(2))));
    }
    done(match option {
        Ok(Some(option)) => {
            named(world.node.with(|stack, cx| stack.set_option(cx, sock.id, option)).map(|()| 0))
        }
        Ok(None) => Ok(0),
        Err(error) => Err(error),
    })
}

fn set_socket(world: &mut World, args: &Args, fd: i64, sock: Sock, name: i64) -> Result<Attempt, Stop> {
    let value = args.value(3);
    let mut sock = Sock { common: sock.common, ..sock };
    let common = &mut sock.common;
    match name {
        // SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO.
        13 => {
            let part = |part| field(value, part).map_or(Ok(0), |value| world.number(value));
            let (on, seconds) = (part("onoff")? + part("l_onoff")?, part("linger")? + part("l_linger")?);
            sock.linger = (on != 0).then_some(seconds.max(0) as u32);
        }
        20 | 21 => {
            let part = |part| field(value, part).map_or(Ok(0), |value| world.number(value));
            let micros = part("tv_sec")?.max(0) as u64 * 1_000_000 + part("tv_usec")?.max(0) as u64;
            sock.timeouts[(name - 20) as usize] = (micros > 0).then_some(micros);
        }
        _ => {
            let number = world.number(value)?;
            let on = number != 0;
            match name {
                2 => common.reuse_address = on,
                5 => common.dont_route = on,
                6 => common.broadcast = on,
                // Linux doubles what is asked for, and keeps a minimum.
                7 | 32 => common.send_buffer = (number.clamp(0, 1 << 29) as u32 * 2).max(4608),
                8 | 33 => common.receive_buffer = (number.clamp(0, 1 << 29) as u32 * 2).max(2304),
                9 => common.keepalive = on,
                10 => common.urgent_inline = on,
                12 | 36 => {}
                15 => common.reuse_port = on,
                18 => sock.low_water = number.clamp(1, i64::from(i32::MAX)) as usize,
                _ => return done(Err("ENOPROTOOPT")),
            }
        }
    }
    world.node.set_common(sock.id, sock.common);
    world.files.insert(fd, File::Socket(sock));
    done(Ok(0))
}

fn ip_option(name: i64, value: i64) -> Result<Option<Opt>, &'static str> {
    Ok(Some(match name {
        1 => Opt::Tos(value as u8),
        2 if value == -1 => Opt::Ttl(None),
        2 => Opt::Ttl(Some(ranged(value, 1, 255)? as u8)),
        10 => Opt::MtuDiscover(MtuDiscovery::from_number(value as i32).ok_or("EINVAL")?),
        11 => Opt::ReceiveErrors(value != 0),
        _ => return Err("ENOPROTOOPT"),
    }))
}

fn tcp_option(name: i64, value: i64) -> Result<Option<Opt>, &'static str> {
    Ok(Some(match name {
        1 => Opt::NoDelay(value != 0),
        2 if value == 0 => Opt::MaxSegment(0),
        2 => Opt::MaxSegment(ranged(value, 88, 32_767)? as u16),
        3 => Opt::Cork(value != 0),
        4 => Opt::KeepIdle(ranged(value, 1, 32_767)? as u32),
        5 => Opt::KeepInterval(ranged(value, 1, 32_767)? as u32),
        6 => Opt::KeepCount(ranged(value, 1, 127)? as u8),
        7 => Opt::SynCount(ranged(value, 1, 127)? as u8),
        8 => Opt::LingerTwo(value as i32),
        9 => Opt::DeferAccept(value.max(0) as u32),
        10 => Opt::WindowClamp(value.max(0) as u32),
        12 => Opt::QuickAck(value != 0),
        18 => Opt::UserTimeout(ranged(value, 0, i64::from(i32::MAX))? as u32),
        _ => return Err("ENOPROTOOPT"),
    }))
}

fn ranged(value: i64, low: i64, high: i64) -> Result<i64, &'static str> {
    if (low..=high).contains(&value) { Ok(value) } else { Err("EINVAL") }
}

pub(super) fn get(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let (level, name) = (args.number(world, 1)?, args.number(world, 2)?);
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    let Common {
        send_buffer,
        receive_buffer,
        keepalive,
        reuse_address,
        reuse_port,
        broadcast,
        urgent_inline,
        ..
    } = sock.common;
    let found = match (level, name) {
        (SOL_SOCKET, 2) => i64::from(reuse_address),
        (SOL_SOCKET, 3) => 2 - i64::from(sock.stream),
        (SOL_SOCKET, 4) => world.take_error(fd).and_then(error_number).unwrap_or(0),
        (SOL_SOCKET, 6) => i64::from(broadcast),
        (SOL_SOCKET, 7) => i64::from(send_buffer),
        (SOL_SOCKET, 8) => i64::from(receive_buffer),
        (SOL_SOCKET, 9) => i64::from(keepalive),
        (SOL_SOCKET, 10) => i64::from(urgent_inline),
        (SOL_SOCKET, 15) => i64::from(reuse_port),
        (SOL_SOCKET, 18) => sock.low_water as i64,
        (SOL_IP | SOL_TCP, _) => {
            let Some(name) = option_name(level, name) else {
                return Err(Stop::skip(format!("getsockopt of option {name} at level {level}")));
            };
            match world.node.stack.option(sock.id, name) {
                Ok(value) => value.into(),
                Err(error) => return done(Err(error.name())),
            }
        }
        _ => return Err(Stop::skip(format!("getsockopt of option {name} at level {level}"))),
    };
    expect(world, args.value(3), found)?;
    done(Ok(0))
}

fn option_name(level: i64, name: i64) -> Option<OptName> {
    Some(match (level, name) {
        (SOL_IP, 1) => OptName::Tos,
        (SOL_IP, 2) => OptName::Ttl,
        (SOL_IP, 10) => OptName::MtuDiscover,
        (SOL_IP, 11) => OptName::ReceiveErrors,
        (SOL_IP, 14) => OptName::Mtu,
        (SOL_TCP, 1) => OptName::NoDelay,
        (SOL_TCP, 2) => OptName::MaxSegment,
        (SOL_TCP, 3) => OptName::Cork,
        (SOL_TCP, 4) => OptName::KeepIdle,
        (SOL_TCP, 5) => OptName::KeepInterval,
        (SOL_TCP, 6) => OptName::KeepCount,
        (SOL_TCP, 7) => OptName::SynCount,
        (SOL_TCP, 8) => OptName::LingerTwo,
        (SOL_TCP, 9) => OptName::DeferAccept,
        (SOL_TCP, 10) => OptName::WindowClamp,
        (SOL_TCP, 12) => OptName::QuickAck,
        (SOL_TCP, 18) => OptName::UserTimeout,
        _ => return None,
    })
}

/// Compares what a call gave with what the script has in brackets.
fn expect(world: &World, value: &Value, found: i64) -> Result<(), Stop> {
    let wanted = match value {
        Value::List(parts) => match parts.first() {
            Some(first) => first,
            None => return Ok(()),
        },
        other => other,
    };
    if let Value::Symbol(name) = wanted
        && name.starts_with('E')
    {
        let named = error_number(name);
        return if named == Some(found) { Ok(()) } else { Err(Stop::fail(name, format!("error {found}"))) };
    }
    if wanted == &Value::Any || world.number(wanted)? == found {
        return Ok(());
    }
    Err(Stop::fail(world.number(wanted)?.to_string(), found.to_string()))
}

fn error_number(name: &str) -> Option<i64> {
    let errors = [
        ("EPIPE", 32),
        ("ECONNABORTED", 103),
        ("ECONNRESET", 104),
        ("ETIMEDOUT", 110),
        ("ECONNREFUSED", 111),
        ("EHOSTUNREACH", 113),
        ("ENETUNREACH", 101),
        ("EINPROGRESS", 115),
        ("EMSGSIZE", 90),
        ("ENOPROTOOPT", 92),
        ("EPROTO", 71),
        ("EAGAIN", 11),
    ];
    errors.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

pub(super) fn fcntl(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let (command, value) = (args.number(world, 1)?, args.number(world, 2)?);
    let sock = match world.sock(fd) {
        Ok(sock) => sock,
        Err(error) => return done(Err(error)),
    };
    match command {
        3 => {
            let flags = 2 | if sock.nonblocking { 0o4000 } else { 0 };
            done(Ok(flags))
        }
        4 => {
            sock.nonblocking = value & 0o4000 != 0;
            done(Ok(0))
        }
        other => Err(Stop::skip(format!("fcntl {other}"))),
    }
}

pub(super) fn ioctl(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let command = args.number(world, 1)?;
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    let name = match command {
        0x541b => OptName::ReceiveQueued,
        0x5411 => OptName::SendQueued,
        0x8905 => OptName::AtMark,
        other => return Err(Stop::skip(format!("ioctl {other:#x}"))),
    };
    match world.node.stack.option(sock.id, name) {
        Ok(found) => {
            expect(world, args.value(2), found.into())?;
            done(Ok(0))
        }
        Err(error) => done(Err(error.name())),
    }
}
