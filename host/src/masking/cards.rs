//! Numbers of payment cards (ISO/IEC 7812): 13 to 19 digits, in groups or not, with a check digit that is right.

use std::ops::Range;

const MIN_DIGITS: usize = 13;
const MAX_DIGITS: usize = 19;

/// Calls `found` with each card number in a text.
pub(super) fn find(text: &[u8], mut found: impl FnMut(Range<usize>)) {
    let mut at = 0;
    while let Some(start) = text[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) {
        match card_at(text, start) {
            Some(end) => {
                found(start..end);
                at = end;
            }
            // A number begins where a group of digits does.
            None => at = start + text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count(),
        }
    }
}

/// The end of the card number that begins here, whole groups of digits.
fn card_at(text: &[u8], start: usize) -> Option<usize> {
    // Networks of cards issue numbers that begin so; times in milliseconds begin with 1.
    if !matches!(text[start], b'2'..=b'6') {
        return None;
    }
    let (mut digits, mut count, mut at, mut end) = ([0_u8; MAX_DIGITS], 0, start, None);
    loop {
        match text.get(at) {
            Some(digit @ b'0'..=b'9') => {
                *digits.get_mut(count)? = digit - b'0';
                count += 1;
                at += 1;
                let group_ends = !text.get(at).is_some_and(u8::is_ascii_digit);
                if group_ends && count >= MIN_DIGITS && check_digit_is_right(&digits[..count]) {
                    end = Some(at);
                }
            }
            Some(b' ' | b'-')
                if count > 0 && text.get(at + 1).is_some_and(u8::is_ascii_digit) && end.is_none() =>
            {
                at += 1;
            }
            _ => return end,
        }
    }
}

/// Luhn's check (ISO/IEC 7812-1, annex B).
fn check_digit_is_right(digits: &[u8]) -> bool {
    let weigh = |(index, digit): (usize, &u8)| match (index % 2, *digit) {
        (0, digit) => u32::from(digit),
        (_, digit) if digit > 4 => u32::from(digit) * 2 - 9,
        (_, digit) => u32::from(digit) * 2,
    };
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut all = Vec::new();
        find(text.as_bytes(), |range| all.push(&text[range]));
        all
    }

    #[test]
    fn numbers_of_cards_are_found_however_they_are_grouped() {
        assert_eq!(found("pay 4111111111111111 now"), ["4111111111111111"]);
        assert_eq!(found("4111 1111 1111 1111"), ["4111 1111 1111 1111"]);
        assert_eq!(found("x=5500-0000-0000-0004;"), ["5500-0000-0000-0004"]);
        assert_eq!(found("12 4111 1111 1111 1111 9"), ["4111 1111 1111 1111"]);
        assert_eq!(found("378282246310005, 2223003122003222"), ["378282246310005", "2223003122003222"]);
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "4111111111111112",
            "1763678400000",
            "2026-11-20 22:13:20.123456",
            "41111111111111110000000000",
            "4111",
            "4-1-1-1",
            "",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
