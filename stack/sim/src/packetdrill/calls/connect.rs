//! `connect`, with the states of Linux's `struct socket`.

use super::life::PEER;
use super::{Args, done};
use crate::packetdrill::script::Value;
use crate::packetdrill::stop::Stop;
use crate::packetdrill::world::{Attempt, Returned, State, World, field, named};
use linnet_core::socket::{Connect, Readiness, SocketId};

pub(super) fn connect(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let peer = match field(args.value(1), "sa_family") {
        Some(Value::Symbol(family)) if family == "AF_UNSPEC" => None,
        _ => Some(args.address(world, 1, PEER)?),
    };
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    let Some(peer) = peer else {
        set_state(world, fd, State::Unconnected);
        return done(named(world.node.with(|stack, cx| stack.disconnect(cx, sock.id)).map(|()| 0)));
    };
    if !sock.stream {
        return done(named(world.node.connect(sock.id, peer).map(|_| 0)));
    }
    let started = match sock.state {
        State::Unconnected => {
            world.take_error(fd);
            match world.node.connect(sock.id, peer) {
                Ok(Connect::Done | Connect::InProgress) => "EINPROGRESS",
                Err(error) => return done(Err(error.name())),
            }
        }
        State::Connecting => "EALREADY",
        State::Connected => return done(Err("EISCONN")),
        State::Listening => return done(Err("EISCONN")),
    };
    set_state(world, fd, State::Connecting);
    if sock.nonblocking && started == "EINPROGRESS" {
        return done(Err(started));
    }
    let deadline = sock.timeouts[1].map(|wait| world.now + wait);
    Ok(Box::new(move |world| {
        world.note_wakes();
        let failed = world.sock(fd).is_ok_and(|sock| sock.error.is_some());
        if !failed && is_handshaking(world, sock.id) {
            let late = sock.nonblocking || deadline.is_some_and(|deadline| world.now >= deadline);
            return Ok(late.then_some(Err(started)));
        }
        Ok(Some(finish(world, fd, sock.id)))
    }))
}

/// Whether the peer has not yet answered.
pub(super) fn is_handshaking(world: &World, id: SocketId) -> bool {
    world.node.readiness(id).0 & (Readiness::OUT | Readiness::ERR | Readiness::HUP).0 == 0
}

fn finish(world: &mut World, fd: i64, id: SocketId) -> Returned {
    if world.node.stack.peer(id).is_ok() {
        set_state(world, fd, State::Connected);
        return Ok(0);
    }
    let error = world.take_error(fd).unwrap_or("ECONNABORTED");
    let _ = world.node.with(|stack, cx| stack.disconnect(cx, id));
    set_state(world, fd, State::Unconnected);
    Err(error)
}

fn set_state(world: &mut World, fd: i64, state: State) {
    if let Ok(sock) = world.sock(fd) {
        sock.state = state;
    }
}
