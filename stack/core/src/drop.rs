//! Why a packet was dropped, and how often: silence towards the network is not silence towards
//! the operator.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a packet went no further.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $name,)*
        }

        impl DropReason {
            /// Every reason, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// How many reasons there are.
            pub const COUNT: usize = Self::ALL.len();
            /// Their names for counters that a person reads, in the order of the counters.
            pub const NAMES: [&'static str; Self::COUNT] = [$($text,)*];
        }
    };
}

reasons! {
    /// Shorter than its own headers say, or than the smallest of its kind.
    Truncated = "truncated",
    /// A header that contradicts itself: IHL below 5, total length below the header's.
    BadHeader = "bad_header",
    /// A checksum that does not match.
    BadChecksum = "bad_checksum",
    /// An IP version other than 4, or an ARP for something else than IPv4 over Ethernet.
    UnknownVersion = "unknown_version",
    /// An Ethernet type or IP protocol that nobody here speaks.
    UnknownProtocol = "unknown_protocol",
    /// Source-routed (RFC 7126 §4.3).
    SourceRoute = "source_route",
    /// A source or destination that cannot be on the wire: loopback, multicast, our own.
    Martian = "martian",
    /// Not for us.
    NotForUs = "not_for_us",
    /// A link that is down or unknown.
    LinkDown = "link_down",
    /// Fragments that overlap, exceed 65 535 bytes, or are empty.
    BadFragment = "bad_fragment",
    /// Fragments that were given up: too many, or too long waiting for the rest.
    FragmentTimeout = "fragment_timeout",
    /// No socket wants it.
    NoSocket = "no_socket",
    /// The socket's receive buffer is full.
    ReceiveBufferFull = "receive_buffer_full",
    /// The global cap on memory is reached, or the host has none.
    NoMemory = "no_memory",
    /// No route, or no answer from the next hop.
    Unreachable = "unreachable",
    /// More waits for one neighbour, or in the cache of neighbours, than is allowed.
    NeighbourQueueFull = "neighbour_queue_full",
    /// An ICMP message that is ignored: a redirect, an echo to a broadcast, an unknown type.
    IcmpIgnored = "icmp_ignored",
    /// An error we would have sent, but for the rate limit.
    RateLimited = "rate_limited",
    /// TCP: outside the window, or otherwise not acceptable (RFC 9293 §3.10.7.4).
    NotAcceptable = "not_acceptable",
    /// TCP: an old timestamp (RFC 7323 §5).
    OldTimestamp = "old_timestamp",
    /// TCP: a SYN over the backlog.
    BacklogFull = "backlog_full",
    /// TCP: an acknowledgement of something never sent, or an attack's guess (RFC 5961).
    BlindAttack = "blind_attack",
    /// TCP: out of order, and no memory to keep it.
    OutOfOrderDropped = "out_of_order_dropped",
    /// TCP: data for a connection whose reader has gone.
    Closed = "closed",
}

/// A counter for each reason; they wrap.
#[derive(Clone)]
pub struct Drops([u32; DropReason::COUNT]);

impl Drops {
    /// All zero.
    pub const fn new() -> Self {
        Self([0; DropReason::COUNT])
    }

    /// Counts one drop for `reason`.
    pub fn count(&mut self, reason: DropReason) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter = counter.wrapping_add(1);
        }
    }

    /// The counters, in the order of [`DropReason::NAMES`].
    pub const fn counters(&self) -> &[u32; DropReason::COUNT] {
        &self.0
    }

    /// How often `reason` was counted.
    pub fn of(&self, reason: DropReason) -> u32 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }
}

impl Default for Drops {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        let mut drops = Drops::new();
        for reason in DropReason::ALL {
            drops.count(*reason);
        }
        assert!(drops.counters().iter().all(|&count| count == 1));
        for (index, name) in DropReason::NAMES.iter().enumerate() {
            assert!(!DropReason::NAMES[..index].contains(name), "{name} twice");
        }
    }
}
