//! What a refused socket call reports: Linux's error numbers, by their names.
//!
//! One type for the whole socket surface, because that is what a program sees; the numbers are
//! those of `asm-generic/errno.h`, which i386 shares.

use core::num::NonZeroU8;

/// A Linux error number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(NonZeroU8);

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Errno {
            $($(#[$doc])* pub const $name: Self = Self(NonZeroU8::new($number).expect("not zero"));)*

            /// The symbol's name, for tests and logs of the hosts.
            pub const fn name(self) -> &'static str {
                match self.0.get() {
                    $($number => stringify!($name),)*
                    _ => "E?",
                }
            }
        }
    };
}

errnos! {
    /// Operation not permitted.
    EPERM = 1;
    /// No such file or directory: no such route to replace.
    ENOENT = 2;
    /// No such process: no such route to delete.
    ESRCH = 3;
    /// No such device or address: no such ARP entry.
    ENXIO = 6;
    /// Try again (also EWOULDBLOCK).
    EAGAIN = 11;
    /// Out of memory.
    ENOMEM = 12;
    /// Permission denied.
    EACCES = 13;
    /// Already exists.
    EEXIST = 17;
    /// No such device.
    ENODEV = 19;
    /// Invalid argument.
    EINVAL = 22;
    /// Broken pipe.
    EPIPE = 32;
    /// Numerical argument out of domain.
    EDOM = 33;
    /// Machine is not on the network.
    ENONET = 64;
    /// Protocol error.
    EPROTO = 71;
    /// Destination address required.
    EDESTADDRREQ = 89;
    /// Message too long.
    EMSGSIZE = 90;
    /// Protocol not available.
    ENOPROTOOPT = 92;
    /// Protocol not supported.
    EPROTONOSUPPORT = 93;
    /// Socket type not supported.
    ESOCKTNOSUPPORT = 94;
    /// Operation not supported.
    EOPNOTSUPP = 95;
    /// Address family not supported.
    EAFNOSUPPORT = 97;
    /// Address already in use.
    EADDRINUSE = 98;
    /// Cannot assign the requested address.
    EADDRNOTAVAIL = 99;
    /// Network is down.
    ENETDOWN = 100;
    /// Network is unreachable.
    ENETUNREACH = 101;
    /// Software caused the connection to abort.
    ECONNABORTED = 103;
    /// Connection reset by peer.
    ECONNRESET = 104;
    /// No buffer space available.
    ENOBUFS = 105;
    /// The socket is connected already.
    EISCONN = 106;
    /// The socket is not connected.
    ENOTCONN = 107;
    /// Connection timed out.
    ETIMEDOUT = 110;
    /// Connection refused.
    ECONNREFUSED = 111;
    /// Host is down.
    EHOSTDOWN = 112;
    /// No route to host.
    EHOSTUNREACH = 113;
    /// Operation already in progress.
    EALREADY = 114;
    /// Operation now in progress.
    EINPROGRESS = 115;
}

impl Errno {
    /// The number as the system call returns it, negated.
    pub const fn code(self) -> i32 {
        -(self.0.get() as i32)
    }
}

impl core::fmt::Debug for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
