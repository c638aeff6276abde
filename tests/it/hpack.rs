//! Every story of the public HPACK test cases: blocks that other encoders made, decoded field by
//! field.

use std::fs;
use std::path::{Path, PathBuf};

use h2sniff::decode::http2::hpack::{Decoder, HeaderBlock};
use serde_json::Value;

/// Where the shared test data lies, if this machine has it. `H2SNIFF_REQUIRE_SHARED=1` makes its
/// absence a failure.
fn stories_folder() -> Option<PathBuf> {
    let shared = std::env::var_os("H2SNIFF_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    let folder = shared.join("corpus/hpack-test-case");
    if folder.is_dir() {
        return Some(folder);
    }
    let is_required = std::env::var_os("H2SNIFF_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(!is_required, "{} is missing", folder.display());
    eprintln!("HPACK stories not run: {} is missing", folder.display());
    None
}

/// What `folder` holds, in the order of the names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// Decodes the cases of one story, which share a connection, and returns how many they are.
fn run_story(path: &Path) -> usize {
    let story: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = story["cases"].as_array().unwrap();
    let mut decoder = Decoder::new();
    let mut block = HeaderBlock::default();
    for case in cases {
        let place = format!("{} case {}", path.display(), case["seqno"]);
        if let Some(limit) = case["header_table_size"].as_u64() {
            decoder.set_limit(u32::try_from(limit).unwrap());
        }
        block.clear();
        let fault = decoder.decode(&octets(case["wire"].as_str().unwrap()), &mut block);
        assert_eq!(fault, None, "{place}");
        let expected = case["headers"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|header| {
                let header = header.as_object().unwrap();
                header
                    .iter()
                    .map(|(name, value)| (name.as_bytes(), value.as_str().unwrap().as_bytes()))
            });
        let decoded = block
            .fields()
            .map(|field| (field.name.unwrap(), field.value.unwrap()));
        assert!(decoded.eq(expected), "{place}: {block:?}");
    }
    cases.len()
}

#[test]
fn stories_of_other_encoders() {
    let Some(folder) = stories_folder() else {
        return;
    };
    let mut encoders = 0;
    let mut stories = 0;
    let mut cases = 0;
    // The folder `raw-data` holds what the encoders were given, and no wire bytes.
    let is_encoder = |path: &PathBuf| path.is_dir() && !path.ends_with("raw-data");
    for encoder in entries(&folder).iter().filter(|path| is_encoder(path)) {
        let paths = entries(encoder);
        assert!(!paths.is_empty(), "{} holds no story", encoder.display());
        for path in &paths {
            let ran = run_story(path);
            assert!(ran > 0, "{} holds no case", path.display());
            cases += ran;
        }
        encoders += 1;
        stories += paths.len();
    }
    println!("{encoders} encoders, {stories} stories, {cases} cases");
    // Fourteen encoders were each given the same twelve stories.
    assert_eq!((encoders, stories), (14, 14 * 12));
    assert!(cases > stories, "{cases} cases");
}
