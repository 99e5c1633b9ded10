//! Sockets from birth to death, and their data: what `socket.c`, `stream.c` and `dgram.c` ask.

use crate::buf::SkBuf;
use crate::ffi::{self, Front, RawSkb, Room, Sock, SockAddrIn};
use crate::global::{ask, ask_socket, deliver_error, locked, with_socket};
use crate::host::{owner, sock};
use crate::net::iface;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ptr::NonNull;
use linnet_core::drop::DropReason;
use linnet_core::errno::Errno;
use linnet_core::host::{Buf, Meta};
use linnet_core::socket::{
    self, Close, Connect, How, Kind, Linger, OptName, Readiness, SendOptions, SocketId,
};
use linnet_core::time::Duration;

/// Makes a socket that wakes `sk`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_socket(kind: u32, sk: *mut Sock, id: &mut u32) -> i32 {
    let made = locked(|stack, _| stack.socket(kind_of(kind), owner(sk)));
    made.map_or_else(Errno::code, |made| {
        *id = made.to_bits();
        0
    })
}

/// `bind`, after C has checked the family and the privilege.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_bind(id: u32, address: &SockAddrIn) -> i32 {
    with_socket(id, |stack, cx, id| stack.bind(cx, id, address.socket_address()).map(|()| 0))
}

/// `connect`: `EINPROGRESS` if the peer must answer first.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_connect(id: u32, address: &SockAddrIn) -> i32 {
    with_socket(id, |stack, cx, id| match stack.connect(cx, id, address.socket_address())? {
        Connect::Done => Ok(0),
        Connect::InProgress => Err(Errno::EINPROGRESS),
    })
}

/// `connect` to `AF_UNSPEC`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_disconnect(id: u32) -> i32 {
    with_socket(id, |stack, cx, id| stack.disconnect(cx, id).map(|()| 0))
}

/// `listen`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_listen(id: u32, backlog: u32) -> i32 {
    // A negative one is a large one, as in Linux.
    let backlog = backlog.min(SOMAXCONN) as u16;
    with_socket(id, |stack, cx, id| stack.listen(cx, id, backlog).map(|()| 0))
}

/// `accept`: the connection becomes that of `sk`; `EAGAIN` when none waits. `id` is set before
/// anyone can wake `sk`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_accept(id: u32, sk: NonNull<Sock>, new: &mut u32) -> i32 {
    with_socket(id, |stack, cx, id| {
        let (accepted, _) = stack.accept(cx, id, owner(sk.as_ptr()))?;
        *new = accepted.to_bits();
        // What went wrong while nobody owned it.
        deliver_error(stack, sk, *new);
        Ok(0)
    })
}

/// `shutdown`; `how` is `SHUT_*`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_shutdown(id: u32, how: u32) -> i32 {
    let how = match how {
        0 => How::Read,
        1 => How::Write,
        _ => How::Both,
    };
    with_socket(id, |stack, cx, id| stack.shutdown(cx, id, how).map(|()| 0))
}

/// `close`: 1 if data is still to be acknowledged and the socket must be disowned later, with
/// `linger` and `wait` milliseconds from `SO_LINGER`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_close(id: u32, linger: u32, wait: u32) -> i32 {
    let linger = match linger {
        0 => Linger::Background,
        1 => Linger::Abort,
        _ => Linger::Wait(Duration::from_millis(wait)),
    };
    with_socket(id, |stack, cx, id| match stack.close(cx, id, linger) {
        Close::Done => Ok(0),
        Close::Lingering => Ok(1),
    })
}

/// Ends the wait of a lingering socket: its owner goes, the rest happens in the background.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_disown(id: u32) {
    with_socket(id, |stack, cx, id| {
        stack.set_owner(cx, id, None);
        Ok(0)
    });
}

/// `getsockname`, or with `peer` not zero `getpeername`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_name(id: u32, peer: u32, address: &mut SockAddrIn) -> i32 {
    with_socket(id, |stack, _, id| {
        let name = if peer == 0 { stack.local(id) } else { stack.peer(id)? };
        *address = SockAddrIn::new(name);
        Ok(0)
    })
}

/// `POLL*` bits; a stream is readable with at least `lowat` bytes, when full, or at the end.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_readiness(id: u32, lowat: u32) -> u32 {
    let Some(id) = SocketId::from_bits(id) else { return Readiness::HUP.0.into() };
    ask(|stack| stack.readiness_from(id, lowat).0.into())
}

/// How much of a stream, or how large a datagram, the socket takes now.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_send_room(id: u32, room: &mut Room) -> i32 {
    ask_socket(id, |stack, id| {
        let found = stack.send_room(id)?;
        *room = Room { bytes: found.bytes as u32, segment: found.segment as u32 };
        Ok(0)
    })
}

/// Takes a buffer that C filled, with `HEADROOM` in front.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_send(id: u32, skb: NonNull<RawSkb>, how: &ffi::Send) -> i32 {
    // SAFETY: C has just made the buffer, linear, and gives it away.
    let buf = unsafe { SkBuf::adopt(skb) };
    let byte = |value: i16| u8::try_from(value).ok();
    let source = Ipv4Addr::from(how.source);
    let options = SendOptions {
        to: (how.to.family != 0).then(|| how.to.socket_address()),
        iface: iface(how.ifindex),
        source: (!source.is_unspecified()).then_some(source),
        ttl: byte(how.ttl),
        tos: byte(how.tos),
        more: how.flags & MSG_MORE != 0,
        urgent: how.flags & MSG_OOB != 0,
        dont_route: how.flags & MSG_DONTROUTE != 0,
    };
    with_socket(id, |stack, cx, id| stack.send(cx, id, buf, options).map(|()| 0))
}

/// What is next to be read, `offset` bytes on: 1 and a reference on its buffer, 0 at the end, and
/// at the urgent mark for who has `copied` something already; 2 where nothing more is read for
/// another reason, before which an error of the socket comes.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_recv_front(id: u32, offset: u32, copied: u32, front: &mut Front) -> i32 {
    ask_socket(id, |stack, id| {
        if copied > 0 && stack.option(id, OptName::AtMark) == Ok(1) {
            return Ok(END);
        }
        let (buf, at, len) = match stack.recv_front(id, offset as usize)? {
            socket::Front::Data { buf, at, len } => (buf, at, len),
            socket::Front::Eof => return Ok(END),
            socket::Front::Shut => return Ok(SHUT),
        };
        let data = buf.bytes().get(at..).and_then(|data| data.get(..len)).ok_or(Errno::EINVAL)?;
        (front.data, front.len) = (data.as_ptr(), data.len() as u32);
        front.skb = Some(buf.hold());
        if let Meta::Datagram(meta) = buf.meta() {
            let own = stack.address(meta.iface).map(|own| own.address);
            front.source = SockAddrIn::new(SocketAddrV4::new(meta.source, meta.source_port));
            front.destination = meta.destination.octets();
            front.local = own.unwrap_or(meta.destination).octets();
            front.ifindex = meta.iface.0.get();
            (front.ttl, front.tos) = (meta.ttl, meta.tos);
        }
        Ok(DATA)
    })
}

/// The urgent byte.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_recv_urgent(id: u32, peek: u32) -> i32 {
    with_socket(id, |stack, _, id| stack.recv_urgent(id, peek != 0).map(i32::from))
}

/// So many bytes were read.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_recv_done(id: u32, bytes: u32) {
    with_socket(id, |stack, cx, id| {
        stack.recv_done(cx, id, bytes as usize);
        Ok(0)
    });
}

/// The line `index` of `/proc/net/tcp` or, for any other kind, `/proc/net/udp`; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_socket_row(kind: u32, index: u32, row: &mut ffi::Row) -> i32 {
    locked(|stack, cx| {
        let found = match kind_of(kind) {
            Kind::Stream => stack.tcp_rows(cx.now).nth(index as usize),
            #[cfg(feature = "raw")]
            Kind::Raw(_) => stack.raw_rows().nth(index as usize),
            _ => stack.udp_rows().nth(index as usize),
        };
        let Some(found) = found else { return Errno::ENXIO.code() };
        *row = ffi::Row {
            local: SockAddrIn::new(found.local),
            peer: SockAddrIn::new(found.peer),
            send_queue: found.send_queue,
            receive_queue: found.receive_queue,
            timer_in: found.timer_in,
            drops: found.drops,
            uid: 0,
            inode: 0,
            state: found.state,
            timer: found.timer,
            retransmits: found.retransmits,
        };
        if let Some(owner) = found.owner {
            // SAFETY: the lock is held, and an owner is alive.
            unsafe { ffi::linnet_owner(sock(owner), &mut row.uid, &mut row.inode) };
        }
        0
    })
}

/// The line `index` of `/proc/net/linnet`: a reason to drop, and how often; null at the end.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_drop_row(index: u32, name_len: &mut u32, count: &mut u32) -> *const u8 {
    let Some(name) = DropReason::NAMES.get(index as usize) else { return core::ptr::null() };
    *name_len = name.len() as u32;
    *count = locked(|stack, _| stack.drops().get(index as usize).copied().unwrap_or(0));
    name.as_ptr()
}

fn kind_of(kind: u32) -> Kind {
    match kind {
        0 => Kind::Stream,
        1 => Kind::Datagram,
        // LINNET_RAW, with the protocol above.
        #[cfg(feature = "raw")]
        3.. => Kind::Raw((kind >> 8) as u8),
        _ => Kind::Ping,
    }
}

/// `enum linnet_found`.
const END: i32 = 0;
const DATA: i32 = 1;
const SHUT: i32 = 2;

/// The longest backlog.
const SOMAXCONN: u32 = 4096;

// <linux/socket.h>
const MSG_OOB: u32 = 0x1;
const MSG_DONTROUTE: u32 = 0x4;
const MSG_MORE: u32 = 0x8000;
