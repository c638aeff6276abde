//! Captures cut off, damaged, hostile, or no captures at all.

use proptest::prelude::*;

use super::*;

#[test]
fn a_classic_capture_cut_anywhere_is_read_up_to_there() {
    let file = pcap(Big, MICROSECONDS, 1, &[(1, 0, b"one"), (2, 0, b"two")]);
    let ends = [24, 43, 62];
    cut_everywhere(&file, 24, &ends);
}

#[test]
fn a_pcapng_capture_cut_anywhere_is_read_up_to_there() {
    let file = every_block();
    let mut ends = vec![0];
    while let Some(length) = file
        .get(ends[ends.len() - 1] + 4..)
        .and_then(<[u8]>::first_chunk::<4>)
    {
        // Every block is shorter than 256 bytes, so its length is the sum of the four.
        let length: usize = length.iter().map(|&byte| usize::from(byte)).sum();
        ends.push(ends[ends.len() - 1] + length);
    }
    assert_eq!(ends.last(), Some(&file.len()));
    cut_everywhere(&file, 24, &ends);
}

/// Cuts `file` at every byte. Up to the file header's end that is an error; then it is a note,
/// unless the cut lies between two records.
fn cut_everywhere(file: &[u8], header: usize, ends: &[usize]) {
    let whole = packets(&[file]);
    for length in 0..file.len() {
        let (packets, notes, error) = read(&[&file[..length]]);
        assert_eq!(packets, whole[..packets.len()]);
        assert_eq!(error.is_some(), length < header, "{length}: {error:?}");
        let clean = error.is_some() || ends.contains(&length);
        assert_eq!(notes.is_empty(), clean, "{length}: {notes:?}");
        assert!(
            notes.iter().all(|note| note.contains("is cut off")),
            "{notes:?}"
        );
    }
}

#[test]
fn a_cut_says_which_packet_it_went_through() {
    let file = pcap(Big, MICROSECONDS, 1, &[(1, 0, b"one"), (2, 0, b"two")]);
    let (packets, notes, _) = read(&[&file[..60]]);
    assert_eq!(packets.len(), 1);
    let expected = "the capture is cut off in the middle of packet 2; analysed up to there";
    assert_eq!(notes, [expected]);
}

#[test]
fn a_packed_capture_cut_anywhere_never_fails_after_its_header() {
    let file = pcap(
        Little,
        MICROSECONDS,
        1,
        &[(1, 0, b"one"), (2, 0, b"two"), (3, 0, b"three")],
    );
    let (front, back) = file.split_at(24 + 19 + 19);
    for pack in [gzip, zstd] {
        let packed = [pack(front), pack(back)].concat();
        let boundary = pack(front).len();
        let mut most = 0;
        for length in (0..packed.len()).filter(|length| *length != boundary) {
            let (packets, notes, error) = read(&[&packed[..length]]);
            let noted = notes.len() == 1 && notes[0].contains("cut off");
            assert!(noted || error.is_some(), "{length}: {notes:?}");
            assert!(error.is_none() || packets.is_empty());
            most = most.max(packets.len());
        }
        assert!(most >= 2);
    }
}

#[test]
fn a_damaged_packed_capture_is_read_up_to_there() {
    let records = vec![(1, 0, &b"some packet"[..]); 20_000];
    let file = pcap(Little, MICROSECONDS, 1, &records);
    let (front, back) = file.split_at(file.len() / 2);
    let mut damaged = [gzip(front), gzip(back)].concat();
    let second = gzip(front).len();
    damaged[second + 12..]
        .iter_mut()
        .for_each(|byte| *byte = 0xff);

    let (packets, notes, error) = read(&[&damaged]);
    assert!(error.is_none());
    assert!(packets.len() > 8_000, "{}", packets.len());
    assert!(
        notes[0].starts_with("the compressed capture is damaged after packet "),
        "{notes:?}"
    );
}

#[test]
fn damage_ends_a_file_with_a_note_or_is_an_error_before_the_first_packet() {
    let huge = Little.words(&[2, 0, 0x7fff_ffff, 0x7fff_ffff]);
    let file = [
        pcap(Little, MICROSECONDS, 1, &[(1, 0, b"one")]),
        huge.clone(),
    ]
    .concat();
    let (packets, notes, _) = read(&[&file]);
    assert_eq!(packets.len(), 1);
    assert_eq!(
        notes,
        [
            "the capture is damaged after packet 1: it claims to be 2147483647 bytes long; \
         analysed up to there"
        ]
    );

    let file = [pcap(Little, MICROSECONDS, 1, &[]), huge].concat();
    assert!(matches!(error(&file), CaptureError::Damaged { .. }));

    for length in [0, 8, 13, u32::MAX] {
        let odd = Little.words(&[6, length, 0, 0]);
        let file = [section(Little), interface(Little, 1, 0, &[]), odd].concat();
        let expected = length % 4 != 0 || length < 12;
        let error = read(&[&file]).2;
        assert_eq!(
            matches!(error, Some(CaptureError::Damaged { .. })),
            expected,
            "{length}"
        );
    }

    let mut file = [section(Little), interface(Little, 1, 0, &[])].concat();
    let trailer = file.len() - 4;
    file[trailer] = 99;
    assert!(matches!(error(&file), CaptureError::Damaged { .. }));
}

#[test]
fn what_is_no_capture_is_named() {
    let message = |bytes: &[u8]| error(bytes).to_string();
    assert_eq!(message(b""), "file 0 is empty");
    assert_eq!(message(b"no."), "file 0 is not a capture but text");
    assert_eq!(
        message(&gzip(b"hello, world")),
        "file 0 is not a capture but gzip data with text inside"
    );
    assert_eq!(
        message(&gzip(b"")),
        "file 0 is not a capture but gzip data with nothing inside"
    );
    assert!(message(&gzip(b"hello")[..7]).contains("cut off"));
    assert_eq!(
        message(b"PK\x03\x04...."),
        "file 0 is not a capture but zip data"
    );
}

#[test]
fn an_error_of_the_operating_system_is_one_packed_or_not() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    let file = pcap(
        Little,
        MICROSECONDS,
        1,
        &[(1, 0, b"one"), (2, 0, &[1; 5000])],
    );
    for bytes in [&file[..100], &gzip(&file)[..40]] {
        let reader = Box::new(io::Cursor::new(bytes.to_vec()).chain(Failing));
        let opened = Capture::from_readers(vec![("disk".to_owned(), reader)]);
        let error = opened.and_then(|mut capture| {
            while capture.next_packet()?.is_some() {}
            Ok(())
        });
        let Err(CaptureError::Io { path, source }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((path.as_str(), source.raw_os_error()), ("disk", Some(5)));
    }
}

#[test]
fn paths_that_cannot_be_captures_are_refused_by_name() {
    let open = |paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(std::path::PathBuf::from).collect();
        Capture::open(&paths).err().unwrap()
    };
    assert_eq!(
        open(&["/no/such/file"]).to_string(),
        "/no/such/file does not exist"
    );
    assert_eq!(open(&["/"]).to_string(), "/ is a directory");
    assert!(matches!(
        open(&["-", "-"]),
        CaptureError::StandardInputTwice
    ));
}

#[test]
fn secrets_and_interfaces_are_bounded() {
    let empty = block(Little, 10, &Little.words(&[1, 0]));
    let blocks = 1_000_000;
    let mut file = section(Little);
    file.extend(empty.repeat(blocks));
    for id in 0..70_000_u32 {
        file.extend(interface(Little, 1, id, &[]));
    }
    file.extend(enhanced(Little, 65_535, 1, b"last"));
    file.extend(enhanced(Little, 65_536, 1, b"lost"));

    let mut capture = open(&[&file]).unwrap();
    assert_eq!(capture.next_packet().unwrap().unwrap().data, b"last");
    assert!(capture.next_packet().unwrap().is_none());
    assert!(capture.secrets().len() < blocks);
    assert!(capture.files().next().unwrap().interfaces.len() <= 256);
    assert_eq!(capture.take_notes().len(), 2);
    assert!(capture.take_notes().is_empty(), "notes are given once");
}

#[test]
fn a_bomb_streams_by() {
    // 256 MiB of zeros in one unknown block, packed to some hundred kilobytes.
    let length = 256 << 20;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(&[section(Little), interface(Little, 1, 0, &[])].concat())
        .unwrap();
    encoder
        .write_all(&Little.words(&[0xbad, length + 12]))
        .unwrap();
    io::copy(&mut io::repeat(0).take(length.into()), &mut encoder).unwrap();
    encoder.write_all(&Little.u32(length + 12)).unwrap();
    encoder
        .write_all(&enhanced(Little, 0, 1, b"after"))
        .unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 4 << 20);
    assert_eq!(packets(&[&bomb]), ["0:1 1000 Ethernet after"]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), kind in 0..5_usize) {
        let beginning = [
            Vec::new(),
            pcap(Little, MICROSECONDS, 1, &[]),
            [section(Big), interface(Big, 1, 0, &[])].concat(),
            vec![0x1f, 0x8b, 8],
            vec![0x28, 0xb5, 0x2f, 0xfd],
        ];
        let file = [&beginning[kind][..], &bytes].concat();
        let (packets, ..) = read(&[&file]);
        // A packet has a header of at least sixteen bytes in the file.
        prop_assert!(packets.len() <= file.len() / 16 || kind > 2);
    }

    #[test]
    fn no_mutation_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        packed in 0..3_usize,
    ) {
        for mut file in [every_block(), pcap(Big, NANOSECONDS, 1, &[(1, 0, b"one"), (2, 0, b"two")])] {
            file = [|bytes: &[u8]| bytes.to_vec(), gzip, zstd][packed](&file);
            for (place, byte) in &changes {
                *place.get_mut(&mut file) = *byte;
            }
            read(&[&file, &every_block()]);
        }
    }
}
