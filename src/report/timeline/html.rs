//! `timeline --format html`: one file that opens from a disk, asks no network, and shows everything.
//!
//! In: a [`Report`] with all calls. Out: a page: its style and script, written by hand in the folder
//! `html/`, and the data as JSON beside them. No byte of a capture stands where a browser would read it as
//! markup or as a program.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};

use super::data::PageJson;
use super::window::Spans;
use crate::inspect::report::Report;
use crate::report::format::ReportFormat;
use crate::report::redact::SecretDisplay;

/// The page around the style, the data and the script.
const PAGE: &str = include_str!("html/page.html");

/// The style.
const STYLE: &str = include_str!("html/style.css");

/// The script in parts, each of which uses only those before it.
const SCRIPT: &[&str] = &[
    include_str!("html/words.js"),
    include_str!("html/data.js"),
    include_str!("html/verdicts.js"),
    include_str!("html/theme.js"),
    include_str!("html/view.js"),
    include_str!("html/ends.js"),
    include_str!("html/layout.js"),
    include_str!("html/bars.js"),
    include_str!("html/life.js"),
    include_str!("html/arrows.js"),
    include_str!("html/hops.js"),
    include_str!("html/axis.js"),
    include_str!("html/stage.js"),
    include_str!("html/minimap.js"),
    include_str!("html/details.js"),
    include_str!("html/selection.js"),
    include_str!("html/search.js"),
    include_str!("html/filters.js"),
    include_str!("html/findings.js"),
    include_str!("html/pointer.js"),
    include_str!("html/keyboard.js"),
    include_str!("html/address.js"),
    include_str!("html/print.js"),
    include_str!("html/main.js"),
];

/// Nothing is loaded, nothing is sent, and of programs only this one runs (Content Security Policy
/// Level 3): the digests are of [`STYLE`] and [`script`]. It stands in the page, for a file on a disk has no
/// headers.
const POLICY: &str = concat!(
    "default-src 'none'; base-uri 'none'; form-action 'none'; ",
    "style-src 'sha256-N5F7VSJEIH0JezDKkBbrcK9ICE9eZ1W0w3UNqMFThPY='; ",
    "script-src 'sha256-oWmFGx60sZ30mwg5ZHgR5cP6Lum1pVOZ6nRiVcH+sZo='",
);

/// The page; it opens at the first of `spans`, or at the whole.
#[derive(Clone, Debug, Default)]
pub struct Html {
    /// The spans of time that were asked for: the page opens at the first.
    pub spans: Option<Spans>,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
}

impl ReportFormat for Html {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let title = report.files.first().map_or("", |file| file.path.as_str());
        let title = title.rsplit(['/', '\\']).next().unwrap_or(title);
        let (before, after) = PAGE.split_once("{{data}}").unwrap_or((PAGE, ""));
        let head = [
            ("{{policy}}", POLICY.to_owned()),
            ("{{title}}", text(title)),
            ("{{style}}", STYLE.to_owned()),
        ];
        out.write_all(fill(before, &head).as_bytes())?;
        let data = PageJson::new(report, self.spans.as_ref(), self.secrets);
        data.serialize(&mut Serializer::with_formatter(&mut *out, Inert))?;
        out.write_all(fill(after, &[("{{script}}", script())]).as_bytes())
    }
}

/// One function around all parts: nothing leaks into the page, and the browser is strict.
fn script() -> String {
    format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPT.concat())
}

/// Compact JSON that an HTML parser takes for text: no `</script>`, no `<!--` (HTML, section 13.2.5.15), and
/// no line separator that older scripts would end a line at.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '\u{2028}', '\u{2029}']) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let mut letters = after.chars();
            out.write_all(before.as_bytes())?;
            if let Some(letter) = letters.next() {
                write!(out, "\\u{:04x}", u32::from(letter))?;
            }
            rest = letters.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Text between tags.
fn text(value: &str) -> String {
    let safe = crate::report::escape::terminal(value.as_bytes());
    safe.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Puts each part where its name stands, in the order of the page: what a part holds is not searched.
fn fill(page: &str, parts: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = page;
    for (name, part) in parts {
        let (before, after) = rest.split_once(name).unwrap_or((rest, ""));
        out.push_str(before);
        out.push_str(part);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use serde::Serializer as _;

    #[test]
    fn the_policy_lets_through_this_style_and_this_script() {
        let policy = format!(
            "default-src 'none'; base-uri 'none'; form-action 'none'; style-src '{}'; script-src '{}'",
            digest(STYLE),
            digest(&script()),
        );
        assert_eq!(POLICY, policy, "put the digests on the right into POLICY");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let vectors = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        for (length, expected) in vectors.iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), *expected);
        }
    }

    #[test]
    fn the_digest_is_the_one_browsers_compute() {
        // The example of CSP Level 3, section 6.7.2.
        let digest = digest("alert('Hello, world.');");
        assert_eq!(
            digest,
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn data_cannot_end_its_element() {
        let mut safe = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut safe, Inert);
        let data = [("a", "</script><!--\u{2028}")];
        serializer.collect_map(data).unwrap();
        let safe = String::from_utf8(safe).unwrap();
        assert!(!safe.contains('<') && !safe.contains('\u{2028}'));
        let value: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(value["a"], "</script><!--\u{2028}");
    }

    #[test]
    fn every_part_has_its_place_in_the_page_and_is_not_searched_for_others() {
        let page = page();
        assert!(!page.contains("{{"), "a part is missing from the page");
        assert_eq!(
            fill(
                "a{{x}}b{{y}}c",
                &[("{{x}}", "{{y}}".into()), ("{{y}}", "1".into())]
            ),
            "a{{y}}b1c"
        );
    }

    #[test]
    fn our_own_code_is_small() {
        assert!(page().len() < 2 << 20);
    }

    fn page() -> String {
        let mut page = Vec::new();
        Html::default()
            .write(&Report::default(), &mut page)
            .unwrap();
        String::from_utf8(page).unwrap()
    }

    fn digest(source: &str) -> String {
        format!("sha256-{}", base64(&Sha256::digest(source.as_bytes())))
    }

    /// Base64 with padding (RFC 4648, section 4).
    fn base64(bytes: &[u8]) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for group in bytes.chunks(3) {
            let bits = group
                .iter()
                .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - group.len()));
            for place in 0..4 {
                let letter = LETTERS.get((bits >> (18 - 6 * place) & 0x3f) as usize);
                let letter = letter.filter(|_| place <= group.len());
                out.push(letter.map_or('=', |letter| char::from(*letter)));
            }
        }
        out
    }
}
