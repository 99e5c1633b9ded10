//! Reading and writing: how much, when to wait, when to give up, and what to say then.

use super::life::PEER;
use super::{Args, done};
use crate::packetdrill::script::Value;
use crate::packetdrill::stop::Stop;
use crate::packetdrill::world::{Attempt, Sock, World, field, named};
use linnet_core::errno::Errno;
use linnet_core::host::Buf;
use linnet_core::host::Host;
use linnet_core::socket::{Front, OptName, Readiness, SendOptions, SendRoom};

const OOB: i64 = 0x1;
const PEEK: i64 = 0x2;
const DONTROUTE: i64 = 0x4;
const DONTWAIT: i64 = 0x40;
const WAITALL: i64 = 0x100;
const ERRQUEUE: i64 = 0x2000;
const MORE: i64 = 0x8000;

/// What a call moves, and how.
struct Transfer {
    fd: i64,
    bytes: usize,
    flags: i64,
    /// The program has no memory there.
    bad: bool,
}

impl Transfer {
    /// `read(fd, buffer, bytes)`, `send(fd, buffer, bytes, flags)`, `readv(fd, pieces, count)`,
    /// `recvmsg(fd, message, flags)` and their like.
    fn of(world: &World, args: &Args) -> Result<Self, Stop> {
        let fd = args.number(world, 0)?;
        let null = |value: &Value| matches!(value, Value::Symbol(name) if name == "NULL");
        match args.call.name.as_str() {
            "readv" | "writev" => {
                let bytes = pieces(world, args.value(1))?;
                Ok(Self { fd, bytes, flags: 0, bad: false })
            }
            "recvmsg" | "sendmsg" => {
                let message = args.value(1);
                if field(message, "msg_control").is_some() {
                    return Err(Stop::skip("ancillary data (`msg_control`)"));
                }
                let bytes = pieces(world, field(message, "msg_iov").unwrap_or(&Value::Any))?;
                Ok(Self { fd, bytes, flags: args.number(world, 2)?, bad: false })
            }
            _ => {
                let bytes = args.number(world, 2)?.max(0) as usize;
                let bad = bytes > 0 && null(args.value(1));
                Ok(Self { fd, bytes, flags: args.number(world, 3)?, bad })
            }
        }
    }

    /// Takes a flag that is not there for what it is.
    fn check(&self) -> Result<(), Stop> {
        for (flag, name) in [(0x400_0000, "MSG_ZEROCOPY"), (0x2000_0000, "MSG_FASTOPEN"), (0x80, "MSG_EOR")] {
            if self.flags & flag != 0 {
                return Err(Stop::skip(name));
            }
        }
        Ok(())
    }
}

/// The bytes of `[{..., 40}, {..., 20}]`.
fn pieces(world: &World, value: &Value) -> Result<usize, Stop> {
    let Value::List(pieces) = value else { return Ok(0) };
    pieces.iter().try_fold(0, |sum, piece| {
        let len = match piece {
            Value::Fields(fields) => match fields.as_slice() {
                [_, (_, len)] => world.number(len)?,
                _ => 0,
            },
            _ => 0,
        };
        Ok(sum + len.max(0) as usize)
    })
}

pub(super) fn send(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let transfer = Transfer::of(world, args)?;
    transfer.check()?;
    let sock = match world.sock(transfer.fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    if !sock.stream {
        return send_datagram(world, args, &sock, &transfer);
    }
    let mut sent = 0;
    let mut waiting = false;
    let deadline = sock.timeouts[1].map(|wait| world.now + wait);
    Ok(Box::new(move |world| {
        let waits = !sock.nonblocking && transfer.flags & DONTWAIT == 0;
        // Who has waited waits for the room that poll tells of, not for any.
        if let (0, Some(error)) = (sent, world.take_error(transfer.fd)) {
            return Ok(Some(Err(error)));
        }
        let ready = Readiness::OUT | Readiness::ERR | Readiness::HUP;
        let late = deadline.is_some_and(|deadline| world.now >= deadline);
        if waiting && !late && world.node.readiness(sock.id).0 & ready.0 == 0 {
            return Ok(None);
        }
        loop {
            let outcome = piece(world, &sock, &transfer, sent);
            match outcome {
                Ok(len) => sent += len,
                Err("EAGAIN") if waits && !late => {
                    waiting = true;
                    return Ok(None);
                }
                Err(_) if sent > 0 => return Ok(Some(Ok(sent as i64))),
                Err(error) => return Ok(Some(Err(error))),
            }
            if sent >= transfer.bytes {
                return Ok(Some(Ok(sent as i64)));
            }
        }
    }))
}

/// Hands one buffer over, as the kernel host does: of a segment at most.
fn piece(world: &mut World, sock: &Sock, transfer: &Transfer, sent: usize) -> Result<usize, &'static str> {
    let SendRoom { bytes, segment } = named(world.node.stack.send_room(sock.id))?;
    let left = transfer.bytes - sent;
    let len = bytes.min(segment).min(left);
    if len == 0 {
        return if left == 0 { Ok(0) } else { Err("EAGAIN") };
    }
    if transfer.bad {
        return Err("EFAULT");
    }
    let options = SendOptions {
        more: transfer.flags & MORE != 0 || len == segment && len < left,
        urgent: transfer.flags & OOB != 0 && len == left,
        dont_route: transfer.flags & DONTROUTE != 0,
        ..SendOptions::default()
    };
    let mut buf = world.node.host.allocate(len).ok_or("ENOBUFS")?;
    let written: Vec<u8> = (sent..sent + len).map(|at| at as u8).collect();
    if !buf.append(&written) {
        return Err("ENOBUFS");
    }
    named(world.node.with(|stack, cx| stack.send(cx, sock.id, buf, options)))?;
    Ok(len)
}

fn send_datagram(world: &mut World, args: &Args, sock: &Sock, transfer: &Transfer) -> Result<Attempt, Stop> {
    let to = match (args.call.name.as_str(), args.value(4)) {
        ("sendto", Value::Fields(_) | Value::Any) => Some(args.address(world, 4, PEER)?),
        _ => None,
    };
    let options = SendOptions { to, more: transfer.flags & MORE != 0, ..SendOptions::default() };
    let Some(mut buf) = world.node.host.allocate(transfer.bytes) else { return done(Err("ENOBUFS")) };
    if !buf.append(&vec![0; transfer.bytes]) {
        return done(Err("ENOBUFS"));
    }
    let sent = world.node.with(|stack, cx| stack.send(cx, sock.id, buf, options));
    done(named(sent.map(|()| transfer.bytes as i64)))
}

pub(super) fn receive(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let transfer = Transfer::of(world, args)?;
    transfer.check()?;
    let sock = match world.sock(transfer.fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    if transfer.flags & ERRQUEUE != 0 {
        return done(Err("EAGAIN"));
    }
    if transfer.flags & OOB != 0 {
        let byte = world.node.stack.recv_urgent(sock.id, transfer.flags & PEEK != 0);
        return done(named(byte.map(|_| 1)));
    }
    let target =
        if transfer.flags & WAITALL != 0 { transfer.bytes } else { sock.low_water.min(transfer.bytes) };
    let deadline = sock.timeouts[0].map(|wait| world.now + wait);
    let mut copied = 0;
    Ok(Box::new(move |world| {
        let waits = !sock.nonblocking && transfer.flags & DONTWAIT == 0;
        loop {
            // Before the stack is asked, which would give its error away.
            world.note_wakes();
            let offset = if transfer.flags & PEEK != 0 { copied } else { 0 };
            let at_mark = copied > 0 && world.node.stack.option(sock.id, OptName::AtMark) == Ok(1);
            if at_mark {
                return Ok(Some(Ok(copied as i64)));
            }
            let front = match world.node.stack.recv_front(sock.id, offset) {
                Ok(Front::Data { len, .. }) => Ok(len),
                Ok(Front::Eof) => return Ok(Some(Ok(copied as i64))),
                Ok(Front::Shut) => {
                    let error = if copied == 0 { world.take_error(transfer.fd) } else { None };
                    return Ok(Some(error.map_or(Ok(copied as i64), Err)));
                }
                Err(error) => Err(error),
            };
            match front {
                Ok(_) if transfer.bad => return Ok(Some(Err("EFAULT"))),
                Ok(len) => {
                    let len = len.min(transfer.bytes - copied);
                    if transfer.flags & PEEK == 0 {
                        world.node.with(|stack, cx| stack.recv_done(cx, sock.id, len));
                    }
                    copied += len;
                    if copied == transfer.bytes || !sock.stream {
                        return Ok(Some(Ok(copied as i64)));
                    }
                }
                Err(_) if copied >= target.max(1) => return Ok(Some(Ok(copied as i64))),
                Err(_) if copied == 0 && failed(world, transfer.fd) => {
                    return Ok(world.take_error(transfer.fd).map(Err));
                }
                Err(Errno::EAGAIN) if waits && deadline.is_none_or(|deadline| world.now < deadline) => {
                    return Ok(None);
                }
                Err(_) if copied > 0 => return Ok(Some(Ok(copied as i64))),
                Err(error) => return Ok(Some(Err(error.name()))),
            }
        }
    }))
}

fn failed(world: &mut World, fd: i64) -> bool {
    world.sock(fd).is_ok_and(|sock| sock.error.is_some())
}
