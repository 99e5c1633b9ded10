//! `TCP_INFO` by the names that scripts use.

use linnet_core::socket::TcpInfo;

/// The field `name`, with its prefix `tcpi_`; `None` for one that the stack does not report.
pub(super) fn field(info: &TcpInfo, name: &str) -> Option<u32> {
    Some(match name.strip_prefix("tcpi_")? {
        "state" => info.state.into(),
        "ca_state" => info.ca_state.into(),
        "retransmits" => info.retransmits.into(),
        "probes" => info.probes.into(),
        "backoff" => info.backoff.into(),
        "options" => info.options.into(),
        "snd_wscale" => (info.window_scales & 0xf).into(),
        "rcv_wscale" => (info.window_scales >> 4).into(),
        "rto" => info.rto,
        "ato" => info.ato,
        "snd_mss" => info.snd_mss,
        "rcv_mss" => info.rcv_mss,
        "unacked" => info.unacked,
        "sacked" => info.sacked,
        "lost" => info.lost,
        "retrans" => info.retrans,
        "fackets" => info.fackets,
        "last_data_sent" => info.last_data_sent,
        "last_ack_sent" => info.last_ack_sent,
        "last_data_recv" => info.last_data_recv,
        "last_ack_recv" => info.last_ack_recv,
        "pmtu" => info.pmtu,
        "rcv_ssthresh" => info.rcv_ssthresh,
        "rtt" => info.rtt,
        "rttvar" => info.rttvar,
        "snd_ssthresh" => info.snd_ssthresh,
        "snd_cwnd" => info.snd_cwnd,
        "advmss" => info.advmss,
        "reordering" => info.reordering,
        "rcv_rtt" => info.rcv_rtt,
        "rcv_space" => info.rcv_space,
        "total_retrans" => info.total_retrans,
        _ => return None,
    })
}
