//! The system calls of scripts, on the stack's socket interface: in the order of steps, and with
//! the errors, that the kernel host has.

mod connect;
mod data;
mod epoll;
mod life;
mod options;

use super::script::{Call, Value};
use super::stop::Stop;
use super::world::{Attempt, File, Returned, World, field};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Begins a call.
///
/// # Errors
/// Skips at a call, or an argument, that is not known.
pub(super) fn begin(world: &mut World, call: &Call) -> Result<Attempt, Stop> {
    let args = &Args { call };
    match call.name.as_str() {
        "socket" => life::socket(world, args),
        "bind" => life::bind(world, args),
        "listen" => life::listen(world, args),
        "accept" | "accept4" => life::accept(world, args),
        "shutdown" => life::shutdown(world, args),
        "close" => life::close(world, args),
        "connect" => connect::connect(world, args),
        "read" | "readv" | "recv" | "recvfrom" | "recvmsg" => data::receive(world, args),
        "write" | "writev" | "send" | "sendto" | "sendmsg" => data::send(world, args),
        "setsockopt" => options::set(world, args),
        "getsockopt" => options::get(world, args),
        "fcntl" => options::fcntl(world, args),
        "ioctl" => options::ioctl(world, args),
        "poll" => epoll::poll(world, args),
        "epoll_create" | "epoll_create1" => epoll::create(world, args),
        "epoll_ctl" => epoll::control(world, args),
        "epoll_wait" => epoll::wait(world, args),
        name => Err(Stop::skip(format!("the call `{name}`"))),
    }
}

/// A call's arguments.
struct Args<'a> {
    call: &'a Call,
}

impl Args<'_> {
    /// Argument `index`, or the absence of one, which is like `...`.
    fn value(&self, index: usize) -> &Value {
        self.call.args.get(index).unwrap_or(&Value::Any)
    }

    /// Argument `index` as a number.
    fn number(&self, world: &World, index: usize) -> Result<i64, Stop> {
        world.number(self.value(index))
    }

    /// The number that the call is said to return: that of a new descriptor.
    fn new_fd(&self, world: &World) -> i64 {
        match self.call.result {
            super::script::Expected::Number(fd) => fd,
            _ => world.files.keys().last().map_or(3, |last| last + 1),
        }
    }

    /// Argument `index` as an address, with what stands for `...`.
    fn address(&self, world: &World, index: usize, default: SocketAddrV4) -> Result<SocketAddrV4, Stop> {
        let value = self.value(index);
        if !matches!(value, Value::Fields(_)) {
            return Ok(default);
        }
        if let Some(Value::Symbol(family)) = field(value, "sa_family")
            && family != "AF_INET"
        {
            return Err(Stop::skip(format!("an address of `{family}`")));
        }
        let ip = match field(value, "sin_addr") {
            Some(Value::Apply(_, parts)) => match parts.as_slice() {
                [Value::Text(text)] => {
                    text.parse().map_err(|_| Stop::skip(format!("the address `{text}`")))?
                }
                _ => *default.ip(),
            },
            Some(Value::Symbol(name)) if name == "INADDR_ANY" => Ipv4Addr::UNSPECIFIED,
            _ => *default.ip(),
        };
        let port = match field(value, "sin_port") {
            Some(Value::Any) | None => default.port(),
            Some(Value::Apply(_, parts)) if parts.first() == Some(&Value::Any) => default.port(),
            Some(value) => world.number(value)? as u16,
        };
        Ok(SocketAddrV4::new(ip, port))
    }
}

/// A call that is over at once.
fn done(returned: Returned) -> Result<Attempt, Stop> {
    Ok(Box::new(move |_| Ok(Some(returned))))
}

/// Adds a descriptor.
fn install(world: &mut World, fd: i64, file: File) -> Returned {
    world.files.insert(fd, file);
    Ok(fd)
}
