//! What is masked, what is not, and what that costs.
#![expect(clippy::print_stdout, reason = "measurements are printed")]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::api;
use crate::logs::{LineBatch, LineSplitter, LogStream, MAX_LINE_BYTES};

fn masker(change: impl FnOnce(&mut api::Masking)) -> Masker {
    let mut settings = api::Masking { tokens: false, emails: false, cards: false, patterns: Vec::new() };
    change(&mut settings);
    Masker::new(&settings).unwrap()
}

fn masked(masker: &Masker, text: &str) -> String {
    masker.mask_text(text.to_owned())
}

#[test]
fn tokens_are_masked_and_what_stands_around_them_is_not() {
    let masker = masker(|settings| settings.tokens = true);
    let jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJl";
    assert_eq!(
        masked(&masker, "Authorization: Bearer abcdef123456=="),
        "Authorization: Bearer **************"
    );
    assert_eq!(masked(&masker, "BEARER  abcdefgh;"), "BEARER  ********;");
    assert_eq!(masked(&masker, &format!("t={jwt} x")), format!("t={} x", "*".repeat(jwt.len())));
    assert_eq!(masked(&masker, "key clo_0123456789abcdef0"), "key *********************");
    for plain in ["the bearer of this", "eyJust a word", "a.b.c", ""] {
        assert_eq!(masked(&masker, plain), plain);
    }
}

#[test]
fn addresses_cards_and_own_patterns_are_masked_when_asked_for() {
    let text = "ann@example.com paid 4111 1111 1111 1111 for order AB-1234";
    assert_eq!(masked(&masker(|_| ()), text), text);
    let emails = masker(|settings| settings.emails = true);
    assert_eq!(masked(&emails, text), "*************** paid 4111 1111 1111 1111 for order AB-1234");
    let cards = masker(|settings| settings.cards = true);
    assert_eq!(masked(&cards, text), "ann@example.com paid ******************* for order AB-1234");
    let own =
        masker(|settings| settings.patterns = vec![r"order ([A-Z]+-\d+)".to_owned(), "pa.d".to_owned()]);
    assert_eq!(masked(&own, text), "ann@example.com **** 4111 1111 1111 1111 for order *******");
}

#[test]
fn patterns_that_cost_too_much_or_match_nothing_are_refused() {
    for bad in ["", "(", "a{1000}{1000}", "x*", r"(?-u)\xff{0,2}", &"a".repeat(513), &"(".repeat(100)] {
        let settings = api::Masking { patterns: vec![bad.to_owned()], ..api::Masking::default() };
        assert_eq!(Masker::new(&settings).err().map(|error| error.code()), Some("masking_invalid"), "{bad}");
    }
    let many = api::Masking { patterns: vec!["a".to_owned(); MAX_PATTERNS + 1], ..api::Masking::default() };
    assert!(Masker::new(&many).is_err());
}

#[test]
fn a_hostile_line_and_pattern_end() {
    let masker = masker(|settings| {
        settings.emails = true;
        settings.cards = true;
        settings.patterns = vec!["(a|aa)+$".to_owned(), ".*.*.*=x".to_owned(), "b".to_owned()];
    });
    for byte in [b"a", b"@", b"4", b"b"] {
        let mut line = byte.repeat(MAX_LINE_BYTES);
        masker.mask(&mut line);
    }
    let mut hits = b"b ".repeat(MAX_LINE_BYTES / 2);
    masker.mask(&mut hits);
    // More hits than are counted: the rest is masked whole.
    assert!(hits.ends_with(b"****") && !hits.contains(&b'b'));
}

/// The lines of what is written in these pieces.
fn lines(masker: Masker, pieces: &[&[u8]], flush: bool) -> Vec<u8> {
    let mut splitter = LineSplitter::new(LogStream::Stdout).masked(Some(Arc::new(masker)));
    let mut batch = LineBatch::default();
    for piece in pieces {
        splitter.push(piece, 1, &mut batch);
        if flush {
            splitter.flush_partial(1, &mut batch);
        }
    }
    splitter.finish(1, &mut batch);
    batch.raw_for_test()
}

#[test]
fn a_secret_in_two_writes_is_masked() {
    let masker = masker(|_| ()).with_secrets(&[b"hunter2-hunter2".to_vec()]);
    let text = b"password=hunter2-hunter2 ok\n";
    for cut in 0..text.len() {
        for flush in [false, true] {
            let all = lines(masker.clone(), &[&text[..cut], &text[cut..]], flush);
            assert_eq!(all, b"password=*************** ok\n", "cut at {cut}");
        }
    }
}

#[test]
fn a_secret_where_a_long_line_is_cut_is_masked() {
    let secret = b"0123456789abcdef".to_vec();
    let masker = masker(|_| ()).with_secrets(std::slice::from_ref(&secret));
    for before in MAX_LINE_BYTES - 20..=MAX_LINE_BYTES + 2 {
        let text = [&vec![b'x'; before][..], &secret, b"tail\n"].concat();
        let all = lines(masker.clone(), &[&text], false);
        assert_eq!(all.len(), text.len());
        assert!(!all.windows(secret.len()).any(|part| part == secret), "after {before} bytes");
        assert!(all.ends_with(b"****tail\n"));
    }
}

#[test]
fn each_line_of_a_secret_is_masked_and_short_ones_are_not() {
    let key = b"-----BEGIN KEY-----\r\nMIIEvQIBADAN\nabc\n-----END KEY-----".to_vec();
    let masker = masker(|_| ()).with_secrets(&[key, b"abc".to_vec(), Vec::new()]);
    assert_eq!(masked(&masker, "MIIEvQIBADAN abc"), "************ abc");
    assert!(Masker::default().with_secrets(&[b"abc".to_vec()]).is_idle());
}

proptest! {
    #[test]
    fn however_it_is_written_no_secret_is_kept_and_no_byte_moves(
        secrets in proptest::collection::vec("[ab]{4,9}", 1..4),
        text in proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c"), Just("\n")], 0..200),
        cuts in proptest::collection::vec(0_usize..200, 0..8),
        flush in any::<bool>(),
    ) {
        let text = text.concat().into_bytes();
        let secrets: Vec<Vec<u8>> = secrets.into_iter().map(String::into_bytes).collect();
        let masker = Masker::default().with_secrets(&secrets);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let all = lines(masker, &pieces, flush);
        prop_assert_eq!(all.len(), text.len());
        prop_assert!(all.iter().zip(&text).all(|(kept, written)| kept == written || *kept == b'*'));
        for secret in &secrets {
            prop_assert!(!all.windows(secret.len()).any(|part| part == &secret[..]));
        }
    }
}

/// `cargo test --lib measure_masking -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn measure_masking() {
    let line = "2025-01-01T00:00:00.123456Z  INFO request{id=0123456789abcdef peer=10.0.1.2}: handled GET /v1/items/4242 in 991 us status=200 bytes=65521 trace=0123456789abcdef0123456789abcdef user=ann ok ok";
    let block = format!("{line:<199}\n").repeat(1_000).into_bytes();
    let secrets: Vec<Vec<u8>> =
        (0..20).map(|number| format!("secret-value-{number:04}").into_bytes()).collect();
    let all = api::Masking {
        tokens: true,
        emails: true,
        cards: true,
        patterns: vec![r"order-\d{6}".to_owned(), r"ssn=(\d{3}-\d{2}-\d{4})".to_owned()],
    };
    let rows = [
        ("no masker", None),
        ("tokens (the default)", Some(Masker::new(&api::Masking::default()).unwrap())),
        ("20 secrets", Some(Masker::default().with_secrets(&secrets))),
        ("everything, 2 patterns, 20 secrets", Some(Masker::new(&all).unwrap().with_secrets(&secrets))),
    ];
    for (name, masker) in rows {
        let mut splitter = LineSplitter::new(LogStream::Stdout).masked(masker.map(Arc::new));
        let (started, mut count) = (std::time::Instant::now(), 0_u32);
        while started.elapsed() < std::time::Duration::from_secs(2) {
            let mut batch = LineBatch::default();
            splitter.push(&block, 1, &mut batch);
            count += 1_000;
        }
        println!("{name}: {:.0} lines/s", f64::from(count) / started.elapsed().as_secs_f64());
    }
}
