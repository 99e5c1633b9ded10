//! The C shim as Rust sees it: `c/linnet.h`, declared once more.
//!
//! Every pointer that crosses is valid for the call, and only for it, unless the declaration
//! says otherwise. Addresses and ports are in network byte order. A call that C makes takes the
//! stack's lock for itself (`global.rs`); what Rust calls here is called with the lock held.

use core::ffi::c_void;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ptr::NonNull;
use linnet_core::socket::TcpInfo;

/// `struct sk_buff`, of which only C knows the layout.
#[repr(C)]
pub struct RawSkb {
    opaque: [u8; 0],
}

/// `struct sock`: an owner in the core's terms.
#[repr(C)]
pub struct Sock {
    opaque: [u8; 0],
}

unsafe extern "C" {
    /// `kmalloc` that does not sleep; null when there is no memory.
    pub fn linnet_mem_alloc(size: usize) -> *mut u8;
    /// `krealloc` that does not sleep; null, and the old block as it was, without memory.
    pub fn linnet_mem_resize(old: *mut u8, size: usize) -> *mut u8;
    /// `kfree`.
    pub fn linnet_mem_free(old: *mut u8);
    /// An empty buffer with `HEADROOM` in front of `room`; null when there is no memory.
    pub fn linnet_skb_alloc(room: u32) -> Option<NonNull<RawSkb>>;
    /// A clone, or a copy while an earlier clone lives; null when there is no memory.
    pub fn linnet_skb_share(skb: NonNull<RawSkb>) -> Option<NonNull<RawSkb>>;
    /// Charges the socket that pays for `other`, if one does, with `skb`.
    pub fn linnet_skb_bill(skb: NonNull<RawSkb>, other: NonNull<RawSkb>);
    /// One more reference on the buffer.
    pub fn linnet_skb_hold(skb: NonNull<RawSkb>);
    /// Gives a reference back.
    pub fn linnet_skb_free(skb: NonNull<RawSkb>);
    /// The folded sum of big-endian words, not complemented.
    pub fn linnet_checksum(bytes: *const u8, len: u32) -> u32;
    /// Takes the buffer and queues it on the device.
    pub fn linnet_transmit(ifindex: u32, skb: NonNull<RawSkb>);
    /// Starts (`join` not zero) or stops the device's reception of a multicast address.
    pub fn linnet_membership(ifindex: u32, mac: *const u8, join: u32);
    /// Takes the lock.
    pub fn linnet_lock_stack();
    /// What time it is, in milliseconds, for who has the lock.
    pub fn linnet_now() -> u32;
    /// Sets the timer if `armed` is not zero, and gives the lock back.
    pub fn linnet_unlock_stack(armed: u32, deadline: u32);
    /// Notes that a socket is to be woken when the lock is given back.
    pub fn linnet_wake(sock: *mut Sock, why: u32);
    /// Takes a socket that is to be woken, and its id.
    pub fn linnet_next_woken(id: &mut u32) -> Option<NonNull<Sock>>;
    /// Sets the socket's error if there is one (negative), and wakes who waits.
    pub fn linnet_deliver(sock: *mut Sock, error: i32);
    /// The user and inode of a socket.
    pub fn linnet_owner(sock: *mut Sock, uid: &mut u32, inode: &mut usize);
    /// Tells listeners to addresses of one that came, or is `gone`.
    #[cfg(feature = "rtnetlink")]
    pub fn linnet_tell_address(row: &LinkAddress, gone: u32);
    /// Tells listeners to routes.
    #[cfg(feature = "rtnetlink")]
    pub fn linnet_tell_route(row: &Way, gone: u32);
    /// Tells listeners to neighbours.
    #[cfg(feature = "rtnetlink")]
    pub fn linnet_tell_neighbour(row: &LinkNeighbour, gone: u32);
    /// What a panic would do.
    #[cfg(target_os = "none")]
    pub fn linnet_unreachable() -> !;
}

macro_rules! sk_buff_offsets {
    ($($function:ident = $symbol:ident, $field:literal;)*) => {
        #[cfg(target_os = "none")]
        unsafe extern "C" {
            $(static $symbol: u8;)*
        }

        /// Where the fields of an `sk_buff` lie, in bytes: absolute symbols that C defines and
        /// the linker resolves.
        pub mod offset {
            $(
                #[doc = concat!("Of `", $field, "`.")]
                #[inline(always)]
                pub fn $function() -> usize {
                    #[cfg(target_os = "none")]
                    return (&raw const super::$symbol).addr();
                    #[cfg(not(target_os = "none"))]
                    return core::mem::offset_of!(crate::fake::Skb, $function);
                }
            )*
        }
    };
}

sk_buff_offsets! {
    next = LINNET_SKB_NEXT, "next";
    prev = LINNET_SKB_PREV, "prev";
    cb = LINNET_SKB_CB, "cb";
    len = LINNET_SKB_LEN, "len";
    tail = LINNET_SKB_TAIL, "tail";
    end = LINNET_SKB_END, "end";
    head = LINNET_SKB_HEAD, "head";
    data = LINNET_SKB_DATA, "data";
    truesize = LINNET_SKB_TRUESIZE, "truesize";
}

/// The place of the field at `offset`.
///
/// # Safety
/// `skb` is live, and `T` is what C has there.
#[inline(always)]
pub unsafe fn field<T>(skb: NonNull<RawSkb>, offset: usize) -> *mut T {
    skb.as_ptr().cast::<u8>().wrapping_add(offset).cast::<T>()
}

/// `struct sockaddr_in`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SockAddrIn {
    /// `AF_INET`, or zero for none.
    pub family: u16,
    /// Port, big-endian.
    pub port: [u8; 2],
    /// Address, big-endian.
    pub address: [u8; 4],
    /// Padding.
    pub zero: [u8; 8],
}

impl SockAddrIn {
    /// `AF_INET`.
    pub const FAMILY: u16 = 2;

    /// The address in C's form.
    pub const fn new(address: SocketAddrV4) -> Self {
        Self {
            family: Self::FAMILY,
            port: address.port().to_be_bytes(),
            address: address.ip().octets(),
            zero: [0; 8],
        }
    }

    /// The address in Rust's form, whatever the family says.
    pub fn socket_address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.ip(), u16::from_be_bytes(self.port))
    }

    /// Its IP address.
    pub fn ip(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.address)
    }
}

/// `struct linnet_config`.
#[repr(C)]
pub struct Config {
    /// Random bytes.
    pub secret: [u8; 16],
    /// Bytes that queues may take.
    pub memory: u32,
}

/// `struct linnet_link`.
#[repr(C)]
pub struct Link {
    /// Interface number.
    pub ifindex: u32,
    /// Bytes that fit a frame, without the Ethernet header.
    pub mtu: u32,
    /// Machine address.
    pub mac: [u8; 6],
    /// Whether it is a loopback device.
    pub loopback: bool,
    /// `IFF_UP`.
    pub up: bool,
    /// Whether it has a carrier.
    pub running: bool,
}

/// `struct linnet_send`.
#[repr(C)]
pub struct Send {
    /// Where to; family zero for the peer.
    pub to: SockAddrIn,
    /// `IP_PKTINFO`'s interface, or zero.
    pub ifindex: u32,
    /// `IP_PKTINFO`'s source address, or zeros.
    pub source: [u8; 4],
    /// Time to live, or -1.
    pub ttl: i16,
    /// Type of service, or -1.
    pub tos: i16,
    /// `MSG_*` flags.
    pub flags: u32,
}

/// `struct linnet_room`.
#[repr(C)]
pub struct Room {
    /// Bytes that fit now.
    pub bytes: u32,
    /// Bytes of one buffer.
    pub segment: u32,
}

/// `struct linnet_front`.
#[repr(C)]
pub struct Front {
    /// The buffer; the reader gets a reference.
    pub skb: Option<NonNull<RawSkb>>,
    /// Where its data starts.
    pub data: *const u8,
    /// How much there is.
    pub len: u32,
    /// Where a datagram came from.
    pub source: SockAddrIn,
    /// Where a datagram went to.
    pub destination: [u8; 4],
    /// Our address on the interface.
    pub local: [u8; 4],
    /// The interface it came in on.
    pub ifindex: u32,
    /// Its time to live.
    pub ttl: u8,
    /// Its type of service.
    pub tos: u8,
}

/// `struct linnet_arp`.
#[repr(C)]
pub struct Arp {
    /// The neighbour's address.
    pub address: [u8; 4],
    /// Its interface, or zero for any.
    pub ifindex: u32,
    /// Its machine address.
    pub mac: [u8; 6],
    /// `ATF_*`.
    pub flags: u16,
}

/// `struct linnet_route`.
#[repr(C)]
pub struct Route {
    /// Network.
    pub destination: [u8; 4],
    /// Gateway or zeros.
    pub gateway: [u8; 4],
    /// Mask.
    pub mask: [u8; 4],
    /// Interface.
    pub ifindex: u32,
    /// Metric.
    pub metric: u32,
    /// Path MTU set with the route, or zero.
    pub mtu: u32,
    /// `RTF_*`.
    pub flags: u16,
}

/// `struct linnet_address`: an address as rtnetlink has it.
#[cfg(feature = "rtnetlink")]
#[repr(C)]
pub struct LinkAddress {
    /// Its interface.
    pub ifindex: u32,
    /// The address.
    pub address: [u8; 4],
    /// The broadcast address, or zeros.
    pub broadcast: [u8; 4],
    /// `IFA_F_*`.
    pub flags: u32,
    /// Metric of the route to its network.
    pub metric: u32,
    /// Seconds that it is valid; all ones for ever.
    pub valid: u32,
    /// Seconds that it is preferred; all ones for ever.
    pub preferred: u32,
    /// Bits of its network.
    pub prefix_len: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `IFAPROT_*`.
    pub protocol: u8,
}

/// `struct linnet_way`: a route as rtnetlink has it.
#[cfg(feature = "rtnetlink")]
#[repr(C)]
pub struct Way {
    /// Network.
    pub destination: [u8; 4],
    /// Gateway or zeros.
    pub gateway: [u8; 4],
    /// Preferred source or zeros.
    pub source: [u8; 4],
    /// Interface or zero.
    pub ifindex: u32,
    /// Metric.
    pub metric: u32,
    /// Path MTU set with the route, or zero.
    pub mtu: u32,
    /// `RT_TABLE_*`.
    pub table: u32,
    /// `RTNH_F_*` and `RTM_F_*`.
    pub flags: u32,
    /// Bits of the network.
    pub prefix_len: u8,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `RTN_*`.
    pub kind: u8,
}

/// `struct linnet_neighbour`: a neighbour as rtnetlink has it.
#[cfg(feature = "rtnetlink")]
#[repr(C)]
pub struct LinkNeighbour {
    /// Its address.
    pub address: [u8; 4],
    /// Its interface.
    pub ifindex: u32,
    /// Its link address.
    pub mac: [u8; 6],
    /// `NUD_*`.
    pub state: u16,
}

/// `struct linnet_row`.
#[repr(C)]
pub struct Row {
    /// Own address.
    pub local: SockAddrIn,
    /// The peer's.
    pub peer: SockAddrIn,
    /// Bytes to send or to be acknowledged.
    pub send_queue: u32,
    /// Bytes or connections waiting.
    pub receive_queue: u32,
    /// Milliseconds until the timer goes off.
    pub timer_in: u32,
    /// Datagrams dropped.
    pub drops: u32,
    /// The owner's user.
    pub uid: u32,
    /// The owner's inode.
    pub inode: usize,
    /// Linux's number of the state.
    pub state: u8,
    /// Which timer runs.
    pub timer: u8,
    /// Retransmissions.
    pub retransmits: u8,
}

/// `struct rtentry` of `<linux/route.h>`.
#[repr(C)]
pub struct RtEntry {
    pub(crate) pad1: usize,
    /// Network or host.
    pub destination: SockAddrIn,
    /// Gateway, with `RTF_GATEWAY`.
    pub gateway: SockAddrIn,
    /// Mask, where the flags do not say host.
    pub mask: SockAddrIn,
    /// `RTF_*`.
    pub flags: u16,
    pub(crate) pad2: i16,
    pub(crate) pad3: usize,
    pub(crate) pad4: *const c_void,
    /// Metric plus one, or zero.
    pub metric: i16,
    /// The device's name, in user memory: C has made it an interface number.
    pub(crate) device: *const u8,
    /// Path MTU, with `RTF_MTU`.
    pub mtu: usize,
    pub(crate) window: usize,
    pub(crate) irtt: u16,
}

#[cfg(test)]
impl Default for RtEntry {
    fn default() -> Self {
        let none = SockAddrIn { family: 0, port: [0; 2], address: [0; 4], zero: [0; 8] };
        Self {
            pad1: 0,
            destination: none,
            gateway: none,
            mask: none,
            flags: 0,
            pad2: 0,
            pad3: 0,
            pad4: core::ptr::null(),
            metric: 0,
            device: core::ptr::null(),
            mtu: 0,
            window: 0,
            irtt: 0,
        }
    }
}

/// `struct tcp_info` as bytes.
pub const fn tcp_info_bytes(info: &TcpInfo) -> &[u8; size_of::<TcpInfo>()] {
    // SAFETY: a TcpInfo is plain numbers in C's layout, eight bytes and then words: no padding.
    unsafe { &*core::ptr::from_ref(info).cast() }
}
