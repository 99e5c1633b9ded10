//! `poll` and `epoll`, level and edge, from the stack's readiness and wake-ups.

use super::{Args, done, install};
use crate::packetdrill::script::Value;
use crate::packetdrill::stop::Stop;
use crate::packetdrill::world::{Attempt, File, Interest, World, field};

const ERROR: i64 = 0x08;
const ALWAYS: i64 = 0x18;
const INVALID: i64 = 0x20;
const ONE_SHOT: i64 = 1 << 30;
const EDGE: i64 = 1 << 31;

/// What `fd` is ready for.
fn ready(world: &mut World, fd: i64) -> i64 {
    world.note_wakes();
    match world.sock(fd) {
        Ok(sock) => {
            let (id, water, failed) = (sock.id, sock.low_water, sock.error.is_some());
            i64::from(world.node.stack.readiness_from(id, water as u32).0) | if failed { ERROR } else { 0 }
        }
        Err(_) => INVALID,
    }
}

pub(super) fn poll(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let Value::List(entries) = args.value(0) else { return Err(Stop::skip("poll without a list")) };
    let mut wanted = Vec::new();
    for entry in entries {
        let part = |name| field(entry, name).map_or(Ok(0), |value| world.number(value));
        wanted.push((part("fd")?, part("events")?, part("revents")?));
    }
    let timeout = args.number(world, 2)?;
    let deadline = world.now.saturating_add(timeout.max(0) as u64 * 1000);
    Ok(Box::new(move |world| {
        let mut found: Vec<i64> = Vec::new();
        for (fd, events, _) in &wanted {
            found.push(ready(world, *fd) & (events | ALWAYS | INVALID));
        }
        let count = found.iter().filter(|mask| **mask != 0).count();
        if count == 0 && (timeout < 0 || world.now < deadline) {
            return Ok(None);
        }
        for ((fd, _, expected), found) in wanted.iter().zip(&found) {
            if expected != found {
                let shown = |mask| format!("revents of {fd}: {}", show(mask));
                return Err(Stop::fail(shown(*expected), shown(*found)));
            }
        }
        Ok(Some(Ok(count as i64)))
    }))
}

pub(super) fn create(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let fd = args.new_fd(world);
    done(install(world, fd, File::Epoll(Vec::new())))
}

pub(super) fn control(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let epoll = args.number(world, 0)?;
    let (operation, fd) = (args.number(world, 1)?, args.number(world, 2)?);
    let events = field(args.value(3), "events").map_or(Ok(0), |value| world.number(value))?;
    if !world.files.contains_key(&fd) {
        return done(Err("EBADF"));
    }
    let Some(File::Epoll(interests)) = world.files.get_mut(&epoll) else { return done(Err("EINVAL")) };
    let known = interests.iter().position(|interest| interest.fd == fd);
    let interest = Interest { fd, events, fresh: true, spent: false };
    done(match (operation, known) {
        (1, None) => {
            interests.push(interest);
            Ok(0)
        }
        (1, Some(_)) => Err("EEXIST"),
        (2, Some(at)) => {
            interests.remove(at);
            Ok(0)
        }
        (3, Some(at)) => {
            interests[at] = interest;
            Ok(0)
        }
        (2 | 3, None) => Err("ENOENT"),
        _ => Err("EINVAL"),
    })
}

pub(super) fn wait(world: &mut World, args: &Args) -> Result<Attempt, Stop> {
    let epoll = args.number(world, 0)?;
    // One event, as the language writes them, or a list of them.
    let expected: Vec<Value> = match args.value(1) {
        Value::List(events) => events.clone(),
        one @ Value::Fields(_) => vec![one.clone()],
        _ => Vec::new(),
    };
    let most = args.number(world, 2)?.max(1) as usize;
    let timeout = args.number(world, 3)?;
    let deadline = world.now.saturating_add(timeout.max(0) as u64 * 1000);
    Ok(Box::new(move |world| {
        world.note_wakes();
        let Some(File::Epoll(interests)) = world.files.get(&epoll) else { return Ok(Some(Err("EBADF"))) };
        let mut interests = interests.clone();
        let mut found = Vec::new();
        for interest in &mut interests {
            let watched = !interest.spent && (interest.events & EDGE == 0 || interest.fresh);
            let mask = ready(world, interest.fd) & (interest.events | ALWAYS) & 0xffff;
            if found.len() < most && watched && mask != 0 {
                interest.fresh = false;
                interest.spent = interest.events & ONE_SHOT != 0;
                found.push((interest.fd, mask));
            }
        }
        if found.is_empty() && (timeout < 0 || world.now < deadline) {
            return Ok(None);
        }
        world.files.insert(epoll, File::Epoll(interests));
        for (event, (fd, mask)) in expected.iter().zip(&found) {
            let wanted = field(event, "events").map_or(Ok(0), |value| world.number(value))?;
            let of = field(event, "fd").map_or(Ok(*fd), |value| world.number(value))?;
            if (wanted, of) != (*mask, *fd) {
                let shown = |mask, fd| format!("events of {fd}: {}", show(mask));
                return Err(Stop::fail(shown(wanted, of), shown(*mask, *fd)));
            }
        }
        Ok(Some(Ok(found.len() as i64)))
    }))
}

/// A mask by names.
fn show(mask: i64) -> String {
    let names = [
        (0x001, "POLLIN"),
        (0x002, "POLLPRI"),
        (0x004, "POLLOUT"),
        (0x008, "POLLERR"),
        (0x010, "POLLHUP"),
        (0x020, "POLLNVAL"),
        (0x040, "POLLRDNORM"),
        (0x100, "POLLWRNORM"),
        (0x200, "POLLWRBAND"),
        (0x2000, "POLLRDHUP"),
    ];
    let names: Vec<&str> = names.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { "0".into() } else { names.join("|") }
}
