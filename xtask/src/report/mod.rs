//! What the user sees: progress and errors on standard error, results on standard output.
//!
//! Invariant: nothing but a verb's [`Outcome`] is ever written to standard output.

mod failure;
mod outcome;
mod progress;
mod space;

pub use failure::{describe, is_disk_full, is_interrupt};
pub use outcome::Outcome;
pub use progress::{Reporter, Task};
pub use space::{FullDisk, name_full_disk};

use std::time::Duration;

/// `1,234,567`: digits in groups of three.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size for people: `812 bytes`, `14.2 KiB`, `3.1 MiB`, `1.2 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let scaled = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{:.1} KiB", scaled(1 << 10)),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", scaled(1 << 20)),
        _ => format!("{:.1} GiB", scaled(1 << 30)),
    }
}

/// A time for people: `0.08 s`, `12.4 s`, `3 min 20 s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..120 => format!("{:.1} s", time.as_secs_f64()),
        s => format!("{} min {} s", s / 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let groups =
            [(0, "0"), (999, "999"), (1000, "1,000"), (309_975, "309,975"), (1_511_745, "1,511,745")];
        for (number, text) in groups {
            assert_eq!(grouped(number), text);
        }
        let sizes = [
            (812, "812 bytes"),
            (1024, "1.0 KiB"),
            (3 << 19, "1.5 MiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
        let times = [(80, "0.08 s"), (12_400, "12.4 s"), (200_000, "3 min 20 s")];
        for (ms, text) in times {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }
}
