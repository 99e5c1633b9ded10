//! Whether a segment of the stack is the one that the script expects.

use super::live::{show, show_option};
use super::script::{OptionsSpec, TcpOption, TcpSpec};
use super::stop::Stop;
use linnet_wire::tcp::Flags;

/// Compares, both with the numbers of the script. What the script does not say may be anything.
///
/// Options compare as a set: their order and padding are no part of the protocol. PSH compares on
/// single segments alone (`joined` is false): Linux sets it on every burst for a card to cut up.
pub(super) fn compare(expected: &TcpSpec, seen: &TcpSpec, joined: bool) -> Result<(), Stop> {
    let advisory = if joined { Flags::PSH.bits() } else { 0 };
    let same = expected.flags & !advisory == seen.flags & !advisory
        && expected.seq == seen.seq
        && expected.len == seen.len
        && expected.ack.is_none_or(|ack| seen.ack == Some(ack))
        && expected.window.is_none_or(|window| seen.window == Some(window))
        && expected.urgent.is_none_or(|urgent| seen.urgent == Some(urgent))
        && same_options(&expected.options, &seen.options);
    if same {
        return Ok(());
    }
    // The window is shown only where it was asked for.
    let shown = TcpSpec { window: seen.window.filter(|_| expected.window.is_some()), ..seen.clone() };
    Err(Stop::fail(show(expected), show(&shown)))
}

fn same_options(expected: &OptionsSpec, seen: &OptionsSpec) -> bool {
    let sorted = |options: &OptionsSpec| -> Vec<String> {
        let OptionsSpec::These(options) = options else { return Vec::new() };
        let padding = |option: &&TcpOption| matches!(option, TcpOption::Nop | TcpOption::End);
        let mut shown: Vec<String> =
            options.iter().filter(|option| !padding(option)).map(show_option).collect();
        shown.sort();
        shown
    };
    matches!(expected, OptionsSpec::Any) || sorted(expected) == sorted(seen)
}

/// Joins `next` to `first` if it continues it: what Linux leaves to the card, the stack does itself.
pub(super) fn join(first: &mut TcpSpec, next: &TcpSpec) -> bool {
    let continues = next.seq == first.seq.wrapping_add(first.len)
        && next.len > 0
        && next.ack == first.ack
        && next.flags & !(Flags::PSH.with(Flags::FIN).bits()) == first.flags & !Flags::PSH.bits();
    if continues {
        let len = first.len + next.len;
        *first = TcpSpec { seq: first.seq, len, ..next.clone() };
    }
    continues
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(seq: u32, len: u32) -> TcpSpec {
        TcpSpec { flags: 0x10, seq, len, ack: Some(1), window: Some(9), ..TcpSpec::default() }
    }

    #[test]
    fn what_is_not_said_is_not_compared() {
        let expected = TcpSpec { window: None, ..data(1, 5) };
        assert_eq!(compare(&expected, &data(1, 5), false), Ok(()));
        assert!(compare(&expected, &data(1, 6), false).is_err());
        let pushed = TcpSpec { flags: 0x18, ..data(1, 5) };
        assert!(compare(&expected, &pushed, false).is_err());
        assert_eq!(compare(&expected, &pushed, true), Ok(()));
    }

    #[test]
    fn options_compare_without_order_and_padding() {
        let with = |options| TcpSpec { options: OptionsSpec::These(options), ..data(1, 0) };
        let seen = with(vec![TcpOption::Nop, TcpOption::WindowScale(7), TcpOption::Mss(1460)]);
        let expected = with(vec![TcpOption::Mss(1460), TcpOption::WindowScale(7), TcpOption::End]);
        assert_eq!(compare(&expected, &seen, false), Ok(()));
        assert!(compare(&data(1, 0), &seen, false).is_err());
        assert_eq!(compare(&TcpSpec { options: OptionsSpec::Any, ..data(1, 0) }, &seen, false), Ok(()));
    }

    #[test]
    fn segments_in_a_row_make_one() {
        let mut first = data(1, 5);
        assert!(join(&mut first, &TcpSpec { flags: 0x18, ..data(6, 3) }));
        assert_eq!((first.seq, first.len, first.flags), (1, 8, 0x18));
        assert!(!join(&mut first, &data(1, 5)));
        assert!(!join(&mut first, &TcpSpec { ack: Some(2), ..data(9, 1) }));
    }
}
