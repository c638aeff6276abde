//! The RFC's own examples (RFC 7541, appendix C), faults, bounds and what stays unknown.

pub(super) mod encoder;
mod properties;

use super::*;

fn octets(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}

/// Decodes one block, a field a line.
fn decode(decoder: &mut Decoder, hex: &str) -> (Vec<String>, Option<Fault>) {
    let mut block = HeaderBlock::default();
    let fault = decoder.decode(&octets(hex), &mut block);
    (
        block.fields().map(|field| format!("{field:?}")).collect(),
        fault,
    )
}

/// Decodes one block without fault.
fn fields(decoder: &mut Decoder, hex: &str) -> Vec<String> {
    let (fields, fault) = decode(decoder, hex);
    assert_eq!(fault, None, "{hex}");
    fields
}

fn fault(decoder: &mut Decoder, hex: &str) -> (usize, FaultKind) {
    let fault = decode(decoder, hex).1.expect(hex);
    (fault.at, fault.kind)
}

/// The entries of the dynamic table, newest first, each as a reference to it decodes.
fn table(decoder: &Decoder) -> Vec<String> {
    let entry = |index: u8| match decode(&mut decoder.clone(), &format!("{index:02x}")) {
        (fields, None) => fields.into_iter().next(),
        (_, Some(_)) => None,
    };
    (0x80 | 62..0xff).map_while(entry).collect()
}

/// Decodes the blocks of an example from appendix C and checks the dynamic table after each: how
/// many of the inserted entries are left, the newest of them first.
fn check_example(decoder: &mut Decoder, blocks: &[(&str, &[&str], &[&str])]) {
    let without_number = |field: &String| field.split(" (entry").next().unwrap_or("").to_owned();
    for (hex, expected, left) in blocks {
        let quote = |lines: &[&str]| -> Vec<String> {
            let parts = lines.iter().map(|line| line.split_once(": ").unwrap());
            parts
                .map(|(name, value)| format!("\"{name}\": \"{value}\""))
                .collect()
        };
        let decoded = fields(decoder, hex);
        assert_eq!(
            decoded.iter().map(without_number).collect::<Vec<_>>(),
            quote(expected)
        );
        let table = table(decoder);
        assert_eq!(
            table.iter().map(without_number).collect::<Vec<_>>(),
            quote(left)
        );
    }
}

#[test]
fn representations() {
    // Appendix C.2.
    let mut decoder = Decoder::new();
    let literal = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
    assert_eq!(
        fields(&mut decoder, literal),
        [r#""custom-key": "custom-header""#]
    );
    assert_eq!(
        table(&decoder),
        [r#""custom-key": "custom-header" (entry 0)"#]
    );

    let mut decoder = Decoder::new();
    let plain = "040c 2f73 616d 706c 652f 7061 7468";
    assert_eq!(fields(&mut decoder, plain), [r#"":path": "/sample/path""#]);
    let never = "1008 7061 7373 776f 7264 0673 6563 7265 74";
    assert_eq!(
        fields(&mut decoder, never),
        [r#""password": "secret" (sensitive)"#]
    );
    assert_eq!(fields(&mut decoder, "82"), [r#"":method": "GET""#]);
    assert_eq!(table(&decoder), [""; 0]);
}

const REQUESTS: [(&[&str], &[&str]); 3] = [
    (
        &[
            ":method: GET",
            ":scheme: http",
            ":path: /",
            ":authority: www.example.com",
        ],
        &[":authority: www.example.com"],
    ),
    (
        &[
            ":method: GET",
            ":scheme: http",
            ":path: /",
            ":authority: www.example.com",
            "cache-control: no-cache",
        ],
        &["cache-control: no-cache", ":authority: www.example.com"],
    ),
    (
        &[
            ":method: GET",
            ":scheme: https",
            ":path: /index.html",
            ":authority: www.example.com",
            "custom-key: custom-value",
        ],
        &[
            "custom-key: custom-value",
            "cache-control: no-cache",
            ":authority: www.example.com",
        ],
    ),
];

#[test]
fn requests() {
    // Appendix C.3, and C.4 with Huffman coding.
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new();
        for (hex, (expected, left)) in blocks.iter().zip(REQUESTS) {
            check_example(&mut decoder, &[(hex, expected, left)]);
        }
    }
}

const DATE: &str = "date: Mon, 21 Oct 2013 20:13:21 GMT";
const LATER: &str = "date: Mon, 21 Oct 2013 20:13:22 GMT";
const LOCATION: &str = "location: https://www.example.com";
const PRIVATE: &str = "cache-control: private";
const COOKIE: &str = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

#[test]
fn responses_with_eviction() {
    // Appendix C.5, and C.6 with Huffman coding: a table of 256 bytes.
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new();
        assert_eq!(fields(&mut decoder, "3fe1 01"), [""; 0]);
        check_example(
            &mut decoder,
            &[
                (
                    blocks[0],
                    &[":status: 302", PRIVATE, DATE, LOCATION],
                    &[LOCATION, DATE, PRIVATE, ":status: 302"],
                ),
                (
                    blocks[1],
                    &[":status: 307", PRIVATE, DATE, LOCATION],
                    &[":status: 307", LOCATION, DATE, PRIVATE],
                ),
                (
                    blocks[2],
                    &[
                        ":status: 200",
                        PRIVATE,
                        LATER,
                        LOCATION,
                        "content-encoding: gzip",
                        COOKIE,
                    ],
                    &[COOKIE, "content-encoding: gzip", LATER],
                ),
            ],
        );
    }
}

#[test]
fn unseen_entries_are_unknown_and_told_apart() {
    let mut decoder = Decoder::unseen();
    assert_eq!(
        fields(&mut decoder, "be bf be"),
        [
            "unknown: unknown (entry -1)",
            "unknown: unknown (entry -2)",
            "unknown: unknown (entry -1)",
        ]
    );
    // A literal with an unseen name, inserted: what was 62 is now 63, with the same number.
    assert_eq!(
        fields(&mut decoder, "7e 01 61 be bf 82"),
        [
            "unknown: \"a\" (entry -1)",
            "unknown: \"a\" (entry 0)",
            "unknown: unknown (entry -1)",
            "\":method\": \"GET\"",
        ]
    );
    // One with its name spelled out, and its name used by a literal.
    assert_eq!(
        fields(&mut decoder, "40 01 6e 01 76 be 7e 01 77"),
        [
            "\"n\": \"v\"",
            "\"n\": \"v\" (entry 1)",
            "\"n\": \"w\" (entry 1)",
        ]
    );
}

#[test]
fn forgotten_entries_are_not_taken_for_others() {
    let mut decoder = Decoder::new();
    let mut before = HeaderBlock::default();
    let mut after = HeaderBlock::default();
    assert_eq!(
        decoder.decode(&octets("40 01 6e 01 76 be"), &mut before),
        None
    );
    decoder.forget();
    assert_eq!(decoder.decode(&octets("be bf c0"), &mut after), None);
    let numbers = |block: &HeaderBlock| block.fields().filter_map(|field| field.entry).max();
    assert_eq!(numbers(&before), Some(0));
    assert!(
        after
            .fields()
            .all(|field| field.name.is_none() && field.value.is_none())
    );
    assert!(
        after.fields().all(|field| field.entry > Some(0)),
        "{after:?}"
    );
    assert_eq!(fields(&mut decoder, "40 01 6e 01 76")[0], "\"n\": \"v\"");
    assert!(fields(&mut decoder, "be")[0].starts_with("\"n\": \"v\" (entry"));
}

#[test]
fn emptied_table_is_known_again() {
    let mut decoder = Decoder::unseen();
    assert_eq!(fields(&mut decoder, "20 3f e1 1f"), [""; 0]);
    assert_eq!(
        fault(&mut decoder, "be"),
        (0, FaultKind::IndexBeyondTables { index: 62 })
    );
    // The fault made the decoder forget.
    assert_eq!(fields(&mut decoder, "be").len(), 1);
}

#[test]
fn entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new();
    // A table of 64 bytes: 32 of text at most.
    assert_eq!(fields(&mut decoder, "3f 21 40 01 6e 01 76").len(), 1);
    assert_eq!(table(&decoder).len(), 1);
    let large = format!("40 01 6e 20 {}", "61".repeat(32));
    assert_eq!(fields(&mut decoder, &large).len(), 1);
    assert_eq!(table(&decoder), [""; 0]);
    let fitting = format!("40 01 6e 1f {}", "61".repeat(31));
    assert_eq!(fields(&mut decoder, &fitting).len(), 1);
    assert_eq!(table(&decoder).len(), 1);
}

#[test]
fn name_may_come_from_the_entry_it_evicts() {
    let mut decoder = Decoder::new();
    assert_eq!(fields(&mut decoder, "3f 03 40 01 6e 01 76").len(), 1);
    assert_eq!(fields(&mut decoder, "7e 01 77"), ["\"n\": \"w\" (entry 0)"]);
    assert_eq!(table(&decoder), ["\"n\": \"w\" (entry 1)"]);
}

#[test]
fn sizes_are_followed_even_where_not_allowed() {
    let mut decoder = Decoder::new();
    assert_eq!(
        fault(&mut decoder, "82 3f 03"),
        (1, FaultKind::SizeUpdateLate)
    );
    let above = FaultKind::SizeUpdateAboveLimit {
        size: 5000,
        limit: 4096,
    };
    let (fields, noted) = decode(&mut decoder, "3f e9 26 40 01 6e 01 76 be");
    assert_eq!(noted, Some(Fault { at: 0, kind: above }));
    assert!(!noted.unwrap().stops_block());
    assert_eq!(fields, ["\"n\": \"v\"", "\"n\": \"v\" (entry 0)"]);
    decoder.set_limit(5000);
    assert_eq!(decode(&mut decoder, "3f e9 26"), (vec![], None));
}

#[test]
fn faults_say_what_and_where() {
    use FaultKind::*;
    let cases = [
        ("82 80", (1, IndexZero)),
        ("be", (0, IndexBeyondTables { index: 62 })),
        ("82 7e 01 61", (1, IndexBeyondTables { index: 62 })),
        ("ff", (0, Truncated)),
        ("82 40", (2, Truncated)),
        ("40 01 6e", (3, Truncated)),
        ("40 05 6e", (1, Truncated)),
        (
            "ff 80 ff ff ff 0f",
            (0, IndexBeyondTables { index: u32::MAX }),
        ),
        ("ff 80 80 80 80 10", (0, IntegerOverflow)),
        ("ff 80 80 80 80 80 00", (0, IntegerOverflow)),
        ("3f ff ff ff ff ff", (0, IntegerOverflow)),
        ("00 01 6e 84 ff ff ff ff", (3, EndOfString)),
        ("00 01 6e 81 18", (3, Padding)),
    ];
    for (hex, expected) in cases {
        assert_eq!(fault(&mut Decoder::new(), hex), expected, "{hex}");
    }
    // The integer of appendix C.1.2 with needless zeros, which section 5.1 allows.
    assert_eq!(
        fault(&mut Decoder::new(), "ff 9a 8a 80 00").1,
        IndexBeyondTables { index: 1433 }
    );
}

#[test]
fn index_that_no_table_reaches_is_a_fault_even_unseen() {
    let mut decoder = Decoder::unseen();
    assert_eq!(fields(&mut decoder, "ff ff 07").len(), 1);
    assert!(matches!(
        fault(&mut decoder, "ff ff ff ff 7f"),
        (0, FaultKind::IndexBeyondTables { .. })
    ));
    // Of a size once announced, 64 bytes, the third entry from the newest lies beyond.
    assert_eq!(fields(&mut decoder, "3f 21 bf").len(), 1);
    assert_eq!(
        fault(&mut decoder, "c0"),
        (0, FaultKind::IndexBeyondTables { index: 64 })
    );
}

#[test]
fn fields_before_a_fault_stay_and_unfinished_ones_go() {
    let mut decoder = Decoder::new();
    let mut block = HeaderBlock::default();
    assert!(
        decoder
            .decode(&octets("82 40 01 6e 05 61"), &mut block)
            .unwrap()
            .stops_block()
    );
    assert_eq!(decoder.decode(&octets("87"), &mut block), None);
    let expected = r#"[":method": "GET", ":scheme": "https"]"#;
    assert_eq!(format!("{block:?}"), expected);
}

#[test]
fn repeated_large_entry_does_not_fill_memory() {
    let mut decoder = Decoder::new();
    let mut block = HeaderBlock::default();
    // One entry of 4,000 bytes, then a million references of a byte each.
    let mut bomb = octets("40 01 6e 7f a1 1e");
    bomb.extend(std::iter::repeat_n(b'x', 4000));
    bomb.extend(std::iter::repeat_n(0xbe, 1_000_000));
    let fault = decoder.decode(&bomb, &mut block).unwrap();
    assert_eq!(fault.kind, FaultKind::BlockTooLarge);
    assert_eq!(block.len(), MAX_BYTES / 4001);

    // Fields of a few bytes are bounded by their number.
    block.clear();
    let fault = Decoder::new()
        .decode(&vec![0x82; 1_000_000], &mut block)
        .unwrap();
    assert_eq!(
        (fault.at, fault.kind),
        (MAX_FIELDS, FaultKind::BlockTooLarge)
    );
    assert_eq!(block.len(), MAX_FIELDS);
}

#[test]
fn values_are_known_unknown_or_absent() {
    let mut block = HeaderBlock::default();
    assert!(block.push(Some(b"a"), Some(b"1")));
    assert!(block.push(Some(b"b"), None));
    assert!(block.push(Some(b"a"), Some(b"2")));
    assert_eq!(block.value(b"a"), Value::Known(b"1"));
    assert_eq!(block.value(b"b"), Value::Unknown);
    assert_eq!(block.value(b"c"), Value::Absent);
    assert!(block.push(None, Some(b"3")));
    assert_eq!(block.value(b"c"), Value::Unknown);
    assert_eq!(block.value(b"a"), Value::Known(b"1"));
    assert_eq!(block.fields().len(), 4);
    assert!(!block.push(Some(b"d"), Some(&[b'x'; MAX_BYTES])));
    assert_eq!(block.len(), 4);
}
