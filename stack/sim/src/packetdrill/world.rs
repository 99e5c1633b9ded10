//! The program under a script: its descriptors, and the stack that they belong to.

use super::constants;
use super::script::Value;
use super::shell::Settings;
use super::stop::Stop;
use crate::node::Node;
use linnet_core::errno::Errno;
use linnet_core::host::{Owner, Wake};
use linnet_core::socket::{Common, SocketId};
use std::collections::BTreeMap;

/// What a call returns: a number, or the name of an error.
pub(super) type Returned = Result<i64, &'static str>;

/// Tries a call to its end: `None` while it would block. It is asked again whenever something
/// has happened.
pub(super) type Attempt = Box<dyn FnMut(&mut World) -> Result<Option<Returned>, Stop>>;

/// The stack, and the program that uses it.
pub(super) struct World {
    /// The stack on its host.
    pub node: Node,
    /// Microseconds since the script began.
    pub now: u64,
    /// Descriptors, by the script's numbers.
    pub files: BTreeMap<i64, File>,
    /// What shell commands have set.
    pub settings: Settings,
    /// Constants that the command line defines: name and expression.
    pub defines: BTreeMap<String, String>,
    /// The last owner given out.
    owners: usize,
    /// The next port for who does not care.
    pub next_port: u16,
}

/// What a descriptor stands for.
pub(super) enum File {
    /// A socket.
    Socket(Sock),
    /// An epoll instance.
    Epoll(Vec<Interest>),
}

/// A socket as the kernel host keeps it beside the stack's.
#[derive(Clone, Debug)]
pub(super) struct Sock {
    /// The stack's.
    pub id: SocketId,
    /// Whom the stack wakes.
    pub owner: Owner,
    /// TCP, not UDP.
    pub stream: bool,
    /// `struct socket`'s state.
    pub state: State,
    /// `O_NONBLOCK`.
    pub nonblocking: bool,
    /// The options at `SOL_SOCKET` that the stack heeds.
    pub common: Common,
    /// `SO_LINGER` in seconds.
    pub linger: Option<u32>,
    /// `SO_RCVTIMEO` and `SO_SNDTIMEO`, in microseconds.
    pub timeouts: [Option<u64>; 2],
    /// `SO_RCVLOWAT`.
    pub low_water: usize,
    /// `sk_err`: the stack's error of the socket is moved here when it wakes its owner.
    pub error: Option<&'static str>,
}

/// `struct socket`'s state, and whether it listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// New, or disconnected.
    Unconnected,
    /// `listen` was called.
    Listening,
    /// `connect` was called.
    Connecting,
    /// Connected.
    Connected,
}

/// A descriptor in an epoll instance.
#[derive(Clone, Debug)]
pub(super) struct Interest {
    /// Which one.
    pub fd: i64,
    /// What is waited for, with the flags.
    pub events: i64,
    /// Something happened since it was last reported: what edges are made of.
    pub fresh: bool,
    /// `EPOLLONESHOT` has fired.
    pub spent: bool,
}

impl World {
    /// A program without descriptors on `node`.
    pub fn new(node: Node) -> Self {
        Self {
            node,
            now: 0,
            files: BTreeMap::new(),
            settings: Settings::default(),
            defines: BTreeMap::new(),
            owners: 0,
            next_port: 8080,
        }
    }

    /// An owner nobody has.
    pub fn new_owner(&mut self) -> Owner {
        self.owners += 1;
        Owner(self.owners)
    }

    /// The socket behind `fd`.
    pub fn sock(&mut self, fd: i64) -> Result<&mut Sock, &'static str> {
        match self.files.get_mut(&fd) {
            Some(File::Socket(sock)) => Ok(sock),
            Some(_) => Err("ENOTSOCK"),
            None => Err("EBADF"),
        }
    }

    /// Sets the clocks.
    pub fn set_time(&mut self, micros: u64) {
        self.now = self.now.max(micros);
        self.node.now = self.now / 1000;
    }

    /// Takes a socket's error (`sock_error`).
    pub fn take_error(&mut self, fd: i64) -> Option<&'static str> {
        self.note_wakes();
        self.sock(fd).ok()?.error.take()
    }

    /// Hands the stack's errors to the sockets, and its wake-ups to those who watch for edges.
    pub fn note_wakes(&mut self) {
        for (owner, why) in std::mem::take(&mut self.node.host.wakes) {
            let of = |file: &File| matches!(file, File::Socket(sock) if sock.owner == owner);
            let Some(woken) = self.files.iter().find(|(_, file)| of(file)).map(|(fd, _)| *fd) else {
                continue;
            };
            if let Some(File::Socket(sock)) = self.files.get_mut(&woken)
                && let Some(error) = self.node.error(sock.id)
            {
                sock.error = Some(error.name());
            }
            let wanted = match why {
                Wake::Readable => 0x2041,
                Wake::Writable => 0x104,
                Wake::Urgent => 0x2,
                Wake::State => 0xffff,
            };
            for file in self.files.values_mut() {
                let File::Epoll(interests) = file else { continue };
                for interest in interests.iter_mut().filter(|interest| interest.fd == woken) {
                    interest.fresh |= wanted & (interest.events | 0x18) != 0;
                }
            }
        }
    }

    /// The number that `value` stands for.
    ///
    /// # Errors
    /// Skips at a name that nobody knows.
    pub fn number(&self, value: &Value) -> Result<i64, Stop> {
        match value {
            Value::Number(number) => Ok(*number),
            Value::Symbol(name) => {
                let defined = self.defines.get(name).map_or(name.as_str(), String::as_str);
                let known = constants::number(defined).or_else(|| defined.parse().ok());
                known.ok_or_else(|| Stop::skip(format!("`{name}`")))
            }
            Value::Or(parts) => parts.iter().try_fold(0, |sum, part| Ok(sum | self.number(part)?)),
            Value::List(parts) => match parts.as_slice() {
                [one] => self.number(one),
                _ => Err(Stop::skip("a list where there should be one number")),
            },
            Value::Apply(name, parts) if name == "htons" || name == "htonl" => match parts.as_slice() {
                [one] => self.number(one),
                _ => Err(Stop::skip(format!("`{name}` of several"))),
            },
            Value::Any => Ok(0),
            other => Err(Stop::skip(format!("a number written as {other:?}"))),
        }
    }
}

/// The field `name` of a structure.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Fields(fields) = value else { return None };
    fields.iter().find(|(field, _)| field.as_deref() == Some(name)).map(|(_, value)| value)
}

/// An error of the stack by name.
pub(super) fn named<T>(result: Result<T, Errno>) -> Result<T, &'static str> {
    result.map_err(Errno::name)
}
