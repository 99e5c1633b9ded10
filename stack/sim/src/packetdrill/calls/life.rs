//! `socket`, `bind`, `listen`, `accept`, `shutdown`, `close`.

use super::{Args, done, install};
use crate::packetdrill::machine::{LOCAL, REMOTE};
use crate::packetdrill::stop::Stop;
use crate::packetdrill::world::{Attempt, File, Sock, State, World, named};
use linnet_core::errno::Errno;
use linnet_core::socket::{Close, Common, How, Kind, Linger, Opt, OptName, Readiness, SocketId};
use linnet_core::time::Duration;
use std::net::SocketAddrV4;

const NONBLOCKING: i64 = 0o4000;

pub(super) fn socket(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    if args.number(world, 0)? == 10 {
        return Err(Stop::skip("IPv6"));
    }
    let kind = args.number(world, 1)?;
    let protocol = args.number(world, 2)?;
    let stream = match (kind & 0xf, protocol) {
        (1, 0 | 6) => true,
        (2, 0 | 17) => false,
        (1 | 2, _) => return done(Err("EPROTONOSUPPORT")),
        _ => return Err(Stop::skip("a socket that is neither TCP nor UDP")),
    };
    let owner = world.new_owner();
    let kind_of = if stream { Kind::Stream } else { Kind::Datagram };
    let id = world.node.stack.socket(kind_of, owner).map_err(|error| Stop::fail("a socket", error.name()))?;
    let (receive_buffer, send_buffer) = match stream {
        true => (world.settings.receive_buffer, world.settings.send_buffer),
        false => (Common::DEFAULT.receive_buffer, Common::DEFAULT.send_buffer),
    };
    let common = Common { receive_buffer, send_buffer, ..Common::DEFAULT };
    world.node.set_common(id, common);
    if stream {
        world.node.set(id, Opt::SynCount(world.settings.syn_retries));
        world.node.set(id, Opt::KeepIdle(world.settings.keep_idle));
        world.node.set(id, Opt::KeepInterval(world.settings.keep_interval));
        world.node.set(id, Opt::KeepCount(world.settings.keep_count));
    }
    let sock = Sock {
        id,
        owner,
        stream,
        state: State::Unconnected,
        nonblocking: kind & NONBLOCKING != 0,
        common,
        linger: None,
        timeouts: [None; 2],
        low_water: 1,
        error: None,
    };
    let fd = args.new_fd(world);
    done(install(world, fd, File::Socket(sock)))
}

pub(super) fn bind(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    let address = args.address(world, 1, SocketAddrV4::new(LOCAL, world.next_port))?;
    let mut bound = world.node.with(|stack, cx| stack.bind(cx, sock.id, address));
    // Who does not care gets another port, as the script is not to know of those that came before.
    while bound == Err(Errno::EADDRINUSE) && address.port() == world.next_port && world.next_port < 8180 {
        world.next_port += 1;
        let address = SocketAddrV4::new(*address.ip(), world.next_port);
        bound = world.node.with(|stack, cx| stack.bind(cx, sock.id, address));
    }
    done(named(bound.map(|()| 0)))
}

pub(super) fn listen(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    // A negative one is a large one, as in Linux.
    let backlog = args.number(world, 1)? as u32;
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    if !matches!(sock.state, State::Unconnected | State::Listening) {
        return done(Err("EINVAL"));
    }
    let listening = world.node.with(|stack, cx| stack.listen(cx, sock.id, backlog.min(4096) as u16));
    if let (Ok(()), Ok(sock)) = (listening, world.sock(fd)) {
        sock.state = State::Listening;
    }
    done(named(listening.map(|()| 0)))
}

pub(super) fn accept(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let flags = args.number(world, 3)?;
    let new = args.new_fd(world);
    Ok(Box::new(move |world| {
        let sock = match world.sock(fd) {
            Ok(sock) => sock.clone(),
            Err(error) => return Ok(Some(Err(error))),
        };
        if sock.state != State::Listening {
            return Ok(Some(Err("EINVAL")));
        }
        let owner = world.new_owner();
        match world.node.with(|stack, cx| stack.accept(cx, sock.id, owner)) {
            Ok((id, _)) => {
                let nonblocking = flags & NONBLOCKING != 0;
                // What went wrong while nobody owned it.
                let error = world.node.error(id).map(|error| error.name());
                let child = Sock { id, owner, nonblocking, error, state: State::Connected, ..sock };
                Ok(Some(install(world, new, File::Socket(child))))
            }
            Err(Errno::EAGAIN) if !sock.nonblocking => Ok(None),
            Err(error) => Ok(Some(Err(error.name()))),
        }
    }))
}

pub(super) fn shutdown(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let how = match args.number(world, 1)? {
        0 => How::Read,
        1 => How::Write,
        2 => How::Both,
        _ => return done(Err("EINVAL")),
    };
    let sock = match world.sock(fd) {
        Ok(sock) => sock.clone(),
        Err(error) => return done(Err(error)),
    };
    // What takes back a listen or a connect makes the socket as new.
    let undone = match sock.state {
        State::Listening => how.reads(),
        State::Connecting => !world.node.readiness(sock.id).contains(Readiness::OUT),
        _ => false,
    };
    let shut = match undone {
        true => world.node.with(|stack, cx| stack.disconnect(cx, sock.id)),
        false => world.node.shutdown(sock.id, how),
    };
    if let (true, Ok(sock)) = (undone, world.sock(fd)) {
        sock.state = State::Unconnected;
    }
    done(named(shut.map(|()| 0)))
}

pub(super) fn close(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.number(world, 0)?;
    let Some(file) = world.files.remove(&fd) else { return done(Err("EBADF")) };
    for other in world.files.values_mut() {
        if let File::Epoll(interests) = other {
            interests.retain(|interest| interest.fd != fd);
        }
    }
    let File::Socket(sock) = file else { return done(Ok(0)) };
    let linger = match sock.linger {
        None => Linger::Background,
        Some(0) => Linger::Abort,
        Some(seconds) => Linger::Wait(Duration::from_secs(seconds)),
    };
    if world.node.close(sock.id, linger) == Close::Done {
        return done(Ok(0));
    }
    let deadline = world.now + u64::from(sock.linger.unwrap_or(0)) * 1_000_000;
    Ok(Box::new(move |world| {
        let over = world.now >= deadline || queued(world, sock.id) <= 0;
        if over {
            world.node.with(|stack, cx| stack.set_owner(cx, sock.id, None));
        }
        Ok(over.then_some(Ok(0)))
    }))
}

/// Bytes not yet acknowledged.
fn queued(world: &World, id: SocketId) -> i32 {
    world.node.stack.option(id, OptName::SendQueued).unwrap_or(-1)
}

/// Where `connect` goes when the script does not care.
pub(super) const PEER: SocketAddrV4 = SocketAddrV4::new(REMOTE, 8080);
