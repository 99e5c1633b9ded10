//! What a script says: options of the command line, then events in order, each with its line.

/// A script.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// The options at its head: name without dashes, and value if there is one.
    pub options: Vec<(String, String)>,
    /// What happens, in order.
    pub events: Vec<Event>,
}

/// Something that is done, or that the stack is expected to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Where in the script it begins, counted from one.
    pub line: usize,
    /// When.
    pub when: When,
    /// What.
    pub action: Action,
}

/// A time, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Any time.
    Any,
    /// From the beginning of the script: the earliest and the latest.
    Absolute(u64, u64),
    /// From the end of the event before: the earliest and the latest.
    Relative(u64, u64),
}

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Commands for a shell.
    Shell(String),
    /// Python statements.
    Code(String),
    /// A system call.
    Call(Call),
    /// A packet to the stack (`<`) or from it (`>`).
    Packet(Packet),
}

/// A system call and its outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The call's name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Value>,
    /// What it must return.
    pub result: Expected,
    /// When a call that blocks must end, in microseconds, counted like its beginning.
    pub end: Option<u64>,
}

/// What a call must return.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Anything.
    Any,
    /// This number.
    Number(i64),
    /// -1 with this error, or with any.
    Error(Option<String>),
}

/// An argument, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `...` or `_`: whatever suits.
    Any,
    /// A number.
    Number(i64),
    /// A text in quotes.
    Text(String),
    /// A name of a constant.
    Symbol(String),
    /// Values joined by `|`.
    Or(Vec<Value>),
    /// `[a, b]`.
    List(Vec<Value>),
    /// `{a = b, c}`.
    Fields(Vec<(Option<String>, Value)>),
    /// `f(a)`.
    Apply(String, Vec<Value>),
}

/// A packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// To the stack.
    pub inbound: bool,
    /// What the brackets before it say of the IP header: `noecn`, `ect0`, `ect1`, `ce`, `tos 0x10`, `ttl 5`.
    pub ip: Vec<String>,
    /// What is in it.
    pub body: Body,
}

/// What is in a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// A TCP segment.
    Tcp(TcpSpec),
    /// A UDP datagram: ports, if given, and bytes of payload.
    Udp(Option<(u16, u16)>, usize),
    /// An ICMP error.
    Icmp(IcmpSpec),
    /// What the interpreter has a name for, but no more.
    Unsupported(String),
}

/// A TCP segment; numbers are relative to the initial ones, but on a SYN absolute.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpSpec {
    /// Source and destination port, if given.
    pub ports: Option<(u16, u16)>,
    /// The bits of the header: FIN is 1, SYN 2, …, CWR 128.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Bytes of payload.
    pub len: u32,
    /// Acknowledgment number.
    pub ack: Option<u32>,
    /// Window as in the header.
    pub window: Option<u32>,
    /// Urgent pointer as in the header.
    pub urgent: Option<u16>,
    /// Options.
    pub options: OptionsSpec,
}

/// The options of a segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum OptionsSpec {
    /// None.
    #[default]
    None,
    /// `<...>`: any.
    Any,
    /// These.
    These(Vec<TcpOption>),
}

/// A TCP option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// One byte of padding.
    Nop,
    /// End of the list.
    End,
    /// Largest segment.
    Mss(u16),
    /// Window shift.
    WindowScale(u8),
    /// SACK permitted.
    SackPermitted,
    /// SACK blocks: first and after last.
    Sack(Vec<(u32, u32)>),
    /// Value and echo.
    Timestamps(u32, u32),
    /// Another one: its name in the script, its number and its content.
    Other(String, u8, Vec<u8>),
}

/// An ICMP error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpSpec {
    /// Its type.
    pub icmp_type: u8,
    /// Its code.
    pub code: u8,
    /// The MTU of the next hop.
    pub mtu: u16,
    /// The quoted segment: sequence number and payload length.
    pub quoted: Option<(u32, u32)>,
    /// The quoted packet is a UDP datagram.
    pub udp: bool,
}

/// The bits of a TCP header by their letters, from the lowest; `.` is ACK.
pub const FLAG_LETTERS: [char; 8] = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W'];
