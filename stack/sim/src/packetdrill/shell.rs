//! The shell commands of scripts: settings of the system, honoured or named.
//!
//! Nothing is executed. Linux's scripts prepare a system with `sysctl`, `tc` and shell files of
//! settings; what these ask for is mapped to the stack, is so already, or is noted as wanted.

use super::python;
use super::stop::Stop;
use std::path::Path;

/// The settings that commands change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The receive buffer of new sockets: `tcp_rmem`'s maximum, because the stack has no automatic tuning
    /// and a socket has from the start what it would get. Doubled, as `SO_RCVBUF` is.
    pub receive_buffer: u32,
    /// The send buffer of new sockets: `tcp_wmem`'s maximum.
    pub send_buffer: u32,
    /// `tcp_syn_retries`.
    pub syn_retries: u8,
    /// `tcp_keepalive_time` in seconds.
    pub keep_idle: u32,
    /// `tcp_keepalive_intvl` in seconds.
    pub keep_interval: u32,
    /// `tcp_keepalive_probes`.
    pub keep_count: u8,
    /// The MTU of the link, where it was set.
    pub mtu: Option<u16>,
    /// What was asked for and is not there: a script may pass without it.
    pub wanted: Vec<String>,
    /// What would have to be looked up outside of the stack, and was not.
    pub unchecked: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            receive_buffer: 2 * (6 << 20),
            send_buffer: 4 << 20,
            syn_retries: 6,
            keep_idle: 7200,
            keep_interval: 75,
            keep_count: 9,
            mtu: None,
            wanted: Vec::new(),
            unchecked: Vec::new(),
        }
    }
}

impl Settings {
    /// Runs `commands`; files of settings are looked for from `folder` on.
    ///
    /// # Errors
    /// Skips at a command whose effect cannot be had.
    pub fn run(&mut self, commands: &str, folder: &Path) -> Result<(), Stop> {
        for line in commands.replace("\\\n", " ").lines() {
            let line = line.split(" #").next().unwrap_or(line);
            if line.trim_start().starts_with('#') {
                continue;
            }
            for command in line.split(';').map(str::trim).filter(|command| !command.is_empty()) {
                self.command(command, folder)?;
            }
        }
        Ok(())
    }

    fn command(&mut self, command: &str, folder: &Path) -> Result<(), Stop> {
        let words = words(command);
        let Some(program) = words.first().map(|word| word.rsplit('/').next().unwrap_or(word).to_owned())
        else {
            return Ok(());
        };
        let args = &words[1..];
        match program.as_str() {
            "sysctl" | "set_sysctls.py" => {
                let pairs =
                    args.iter().filter(|word| !word.starts_with('-')).filter_map(|word| word.split_once('='));
                for (name, value) in pairs {
                    self.set(name, value);
                }
                Ok(())
            }
            // Their effects are undone with the stack that had them.
            restore if restore.starts_with("sysctl_restore") => Ok(()),
            file if file.ends_with(".sh") => {
                let path = folder.join(&words[0]);
                // Elsewhere than in its tree, a script gets what Linux's file of that name says.
                let text = std::fs::read_to_string(path).unwrap_or_else(|_| DEFAULTS.to_owned());
                self.run(&text, folder)
            }
            "true" | ":" | "echo" | "rm" | "dd" | "cat" | "exit" | "chmod" | "sync" => Ok(()),
            // The link has no offloads, and segments that continue each other are joined anyway.
            "ethtool" => Ok(()),
            "ip" if args.first().is_some_and(|word| word == "link")
                && args.iter().any(|word| word == "mtu") =>
            {
                self.mtu = args.last().and_then(|mtu| mtu.parse().ok());
                Ok(())
            }
            "ip" if args.iter().any(|word| word == "tcp_metrics") => Ok(()),
            // Queues that neither drop nor delay.
            "tc" if (args.iter().any(|word| word == "fq" || word == "pfifo")
                || args.iter().any(|word| word == "delete"))
                && !args.iter().any(|word| word == "limit") =>
            {
                Ok(())
            }
            "nstat" if !command.contains('|') => Ok(()),
            "nstat" => {
                self.unchecked.push(command.to_owned());
                Ok(())
            }
            _ => Err(Stop::skip(format!("the command `{command}`"))),
        }
    }

    /// A `sysctl`.
    fn set(&mut self, name: &str, value: &str) {
        let name = name.trim_start_matches("/proc/sys/").replace('/', ".");
        let numbers: Vec<i64> = value.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let first = numbers.first().copied();
        let largest = numbers.last().map_or(0, |&number| number.clamp(0, 1 << 30) as u32);
        let short = name.strip_prefix("net.ipv4.").unwrap_or(&name);
        match short {
            "tcp_rmem" => self.receive_buffer = largest.saturating_mul(2),
            "tcp_wmem" => self.send_buffer = largest,
            "tcp_syn_retries" => self.syn_retries = first.unwrap_or(6).clamp(1, 127) as u8,
            "tcp_keepalive_time" => self.keep_idle = largest,
            "tcp_keepalive_intvl" => self.keep_interval = largest,
            "tcp_keepalive_probes" => self.keep_count = largest.min(127) as u8,
            _ if OF_NO_EFFECT.contains(&short) => {}
            _ if AS_THEY_ARE.iter().any(|(known, values)| *known == short && values.contains(&value)) => {}
            _ => self.wanted.push(format!("{short}={value}")),
        }
    }
}

/// Words, with quotes taken off and arithmetic done.
fn words(command: &str) -> Vec<String> {
    let mut text = command.to_owned();
    while let Some(start) = text.find("$((") {
        let Some(len) = text[start..].find("))") else { break };
        let value = python::constant(&text[start + 3..start + len]).unwrap_or(0);
        text.replace_range(start..start + len + 2, &value.to_string());
    }
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match c {
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            c if c.is_whitespace() && quote.is_none() => words.push(String::new()),
            c => {
                if let Some(last) = words.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Settings of what does not exist here, so that they change nothing: sizes of bursts to a card
/// that cuts them up, automatic tuning, caches, algorithms that are chosen by name.
const OF_NO_EFFECT: &[&str] = &[
    "tcp_autocorking",
    "tcp_congestion_control",
    "tcp_early_retrans",
    "tcp_fack",
    "tcp_fastopen",
    "tcp_fastopen_key",
    "tcp_frto",
    "tcp_limit_output_bytes",
    "tcp_min_tso_segs",
    "tcp_moderate_rcvbuf",
    "tcp_no_metrics_save",
    "tcp_notsent_lowat",
    "tcp_pacing_ca_ratio",
    "tcp_pacing_ss_ratio",
    "tcp_recovery",
    "tcp_reordering",
    "tcp_slow_start_after_idle",
    "tcp_tso_win_divisor",
    "net.core.rmem_max",
    "net.core.wmem_max",
];

/// Settings and the values that the stack has of them.
const AS_THEY_ARE: &[(&str, &[&str])] = &[
    ("tcp_abort_on_overflow", &["0"]),
    ("tcp_adv_win_scale", &["1"]),
    ("tcp_dsack", &["1"]),
    ("tcp_ecn", &["0", "2"]),
    ("tcp_fin_timeout", &["60"]),
    ("tcp_mtu_probing", &["0"]),
    ("tcp_retries2", &["15"]),
    ("tcp_sack", &["1"]),
    ("tcp_shrink_window", &["0"]),
    ("tcp_stdurg", &["0"]),
    ("tcp_synack_retries", &["5"]),
    ("tcp_syncookies", &["0", "1"]),
    ("tcp_timestamps", &["1"]),
    ("tcp_window_scaling", &["1"]),
];

/// What Linux's selftests set first, where their file is not at hand.
const DEFAULTS: &str =
    "sysctl tcp_rmem='4096 540000 15728640' tcp_wmem='4096 262144 4194304' tcp_syn_retries=5";

#[cfg(test)]
mod tests {
    use super::*;

    fn after(commands: &str) -> Result<Settings, Stop> {
        let mut settings = Settings::default();
        settings.run(commands, Path::new("/nowhere")).map(|()| settings)
    }

    #[test]
    fn settings_are_taken_over_or_noted() {
        let commands = "./defaults.sh\nsysctl -q net.ipv4.tcp_rmem=\"4096 131072 $((32*1024*1024))\" # big\n\
             ./set_sysctls.py /proc/sys/net/ipv4/tcp_syn_retries=3 \\\n /proc/sys/net/ipv4/tcp_timestamps=0";
        let settings = after(commands).expect("known commands");
        assert_eq!((settings.receive_buffer, settings.syn_retries), (64 << 20, 3));
        assert_eq!(settings.wanted, ["tcp_timestamps=0"]);
    }

    #[test]
    fn a_file_of_settings_that_is_not_there_is_linuxs() {
        let settings = after("../common/defaults.sh").expect("known commands");
        assert_eq!((settings.receive_buffer, settings.send_buffer), (30 << 20, 4 << 20));
        assert_eq!((settings.syn_retries, settings.wanted.len()), (5, 0));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        assert_eq!(
            after("iptables -A INPUT -j DROP"),
            Err(Stop::skip("the command `iptables -A INPUT -j DROP`"))
        );
        assert!(after("tc qdisc add dev tun0 root pfifo limit 0").is_err());
        assert!(after("tc qdisc add dev tun0 root fq").is_ok());
        let settings = after("nstat -n\nnstat | grep -q ' 3 '").expect("noted");
        assert_eq!(settings.unchecked.len(), 1);
    }
}
