//! The rules as tables: which stage, which room of a stage and which crate may be used where.

/// The stages of the library in the order of the data, each with those it may use. `units` is a leaf:
/// numbers with their units in words. Whoever is not named here is the program itself (`main`, `cli`,
/// `commands`, `live`, `kubernetes`, `otlp`), which sees everything and which nothing sees.
const STAGES: [(&str, &[&str]); 7] = [
    ("capture", &[]),
    ("units", &["capture"]),
    ("names", &["capture"]),
    ("decode", &["capture"]),
    ("inspect", &["capture", "names", "decode", "units"]),
    (
        "report",
        &["capture", "names", "decode", "inspect", "units"],
    ),
    (
        "pipeline",
        &["capture", "names", "decode", "inspect", "report", "units"],
    ),
];

/// Modules at the same height of a stage.
enum Tier {
    /// They may use each other: leaves that say something together.
    Together(&'static [&'static str]),
    /// They may not.
    Apart(&'static [&'static str]),
    /// They may not either; with them stand all modules of the stage that have no place: a new format takes
    /// no edit here.
    ApartWithOthers(&'static [&'static str]),
}

use Tier::{Apart, ApartWithOthers, Together};

impl Tier {
    fn holds(&self, module: &str) -> bool {
        let (Together(modules) | Apart(modules) | ApartWithOthers(modules)) = self;
        modules.contains(&module)
    }
}

/// The modules of each stage, lowest first: a module uses those of lower tiers. Every module must be
/// here, unless a tier takes the others; the stage's own `mod.rs` only declares and re-exports them.
const ROOMS: [(&str, &[Tier]); 3] = [
    (
        "decode",
        &[
            Together(&[
                "anomaly",
                "carrier",
                "direction",
                "durations",
                "limits",
                "stream_part",
            ]),
            Apart(&["link"]),
            Apart(&["tcp"]),
            Apart(&["vantage"]),
            Apart(&["tls"]),
            Apart(&["http2"]),
            Apart(&["grpc"]),
            // What the drivers say with what the layers give them.
            Apart(&["network"]),
            Apart(&["event"]),
            Apart(&["capture_quality"]),
            Apart(&["detect"]),
            Apart(&["listener"]),
            Apart(&["connection"]),
            Apart(&["decoder"]),
        ],
    ),
    (
        "inspect",
        &[
            Together(&["options", "threads"]),
            Apart(&["usual_times"]),
            Apart(&["stream"]),
            Apart(&["traffic"]),
            Apart(&["connection"]),
            Apart(&["proxies"]),
            Apart(&["retry"]),
            Apart(&["peer"]),
            Apart(&["server"]),
            Apart(&["diagnosis"]),
            Apart(&["live"]),
            Apart(&["report"]),
            // What needs the whole analysis, and what passes meanwhile.
            Apart(&["naming"]),
            Apart(&["two_ends"]),
            Apart(&["follower"]),
            Apart(&["inspector"]),
        ],
    ),
    (
        "report",
        &[
            Together(&[
                "colours",
                "display_width",
                "escape",
                "format",
                "hex",
                "key",
                "line_width",
                "named_end",
                "prompts",
                "redact",
                "words",
            ]),
            Apart(&["view"]),
            ApartWithOthers(&["explain", "markdown", "no_http2", "text"]),
            // What passes meanwhile; the text of a live capture ends with that of its report.
            Apart(&["frames", "live"]),
            // The same for programs; the timeline's page is fed with it.
            Apart(&["json"]),
            Apart(&["timeline"]),
        ],
    ),
];

/// Crates that only these files may use.
const FENCES: [(&str, &[&str]); 23] = [
    ("aya", &["keys"]),
    ("pcap", &["capture"]),
    ("parquet", &["report/columnar"]),
    ("pcap_parser", &["capture"]),
    ("flate2", &["capture", "otlp"]),
    ("zstd", &["capture", "report/columnar"]),
    ("etherparse", &["decode/link"]),
    ("ring", &["decode/tls"]),
    ("serde", &["report", "names/kubernetes"]),
    ("serde_json", &["report", "names/kubernetes", "kubernetes"]),
    ("clap", &["main", "cli", "commands"]),
    ("clap_complete", &["main", "cli", "commands"]),
    ("clap_mangen", &["main", "cli", "commands"]),
    ("anyhow", &["main", "cli", "commands", "keys", "live"]),
    ("colored", &["report", "commands"]),
    ("indicatif", &["commands"]),
    ("http_body_util", &["live"]),
    ("hyper", &["live"]),
    ("hyper_util", &["live"]),
    ("nix", &["live"]),
    ("rustix", &["live"]),
    ("tokio", &["live"]),
    ("ureq", &["kubernetes", "otlp"]),
];

/// Whether a module belongs to the library, which knows no command line.
pub(crate) fn is_library(module: &[String]) -> bool {
    stage(module).is_some()
}

/// The rule that a use of `target` in `module` breaks. A target begins with `crate`, or with another
/// crate's name.
pub(crate) fn broken_by(module: &[String], target: &[String]) -> Option<String> {
    let first = target.first()?;
    if first != "crate" {
        return beyond_its_fence(module, first);
    }
    let (stage, below) = stage(module)?;
    let used = target.get(1)?;
    if used == "*" {
        return Some("hides what it uses: name the parts".to_owned());
    }
    if used != stage {
        let allowed = below.contains(&used.as_str());
        return (!allowed).then(|| format!("is not below {stage}"));
    }
    let (_, tiers) = ROOMS.iter().find(|(name, _)| *name == stage)?;
    not_below(tiers, stage, module.get(1)?, target.get(2)?)
}

fn stage(module: &[String]) -> Option<(&'static str, &'static [&'static str])> {
    let name = module.first()?;
    STAGES.into_iter().find(|(stage, _)| stage == name)
}

fn beyond_its_fence(module: &[String], used: &str) -> Option<String> {
    let (_, allowed) = FENCES.iter().find(|(name, _)| *name == used)?;
    let here = match module {
        [] => "main".to_owned(),
        parts => parts.join("/"),
    };
    let inside = |place: &&str| here == **place || here.starts_with(&format!("{place}/"));
    let fenced = !allowed.iter().any(inside);
    fenced.then(|| format!("may be used in {} alone", allowed.join(", ")))
}

fn not_below(tiers: &[Tier], stage: &str, own: &str, used: &str) -> Option<String> {
    if own == used {
        return None;
    }
    if used == "*" {
        return Some("hides what it uses: name the parts".to_owned());
    }
    let others = tiers
        .iter()
        .position(|tier| matches!(tier, ApartWithOthers(_)));
    let height = |module: &str| {
        let place = tiers.iter().position(|tier| tier.holds(module));
        place.or(others)
    };
    let Some(here) = height(own) else {
        return Some(format!(
            "is used by {stage}::{own}, which has no place in the order of {stage}"
        ));
    };
    let Some(there) = height(used) else {
        return Some(format!("has no place in the order of {stage}"));
    };
    let together = here == there && matches!(tiers.get(here), Some(Together(_)));
    (there >= here && !together).then(|| format!("is not below {stage}::{own}"))
}
