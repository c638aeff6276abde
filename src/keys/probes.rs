//! Probes on the functions that write down TLS secrets.
//!
//! In: the processes that were named. Out: their secrets as lines of a key log, as handshakes happen, and words on what
//! was attached and what could not be. The probes are gone when this value is, or this process, however it ends: the
//! kernel ties them to its file descriptors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use aya::Ebpf;
use aya::maps::{Array, MapData, RingBuf};
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLinkId, UProbeScope};

use super::error::KeysError;
use super::function::{self, Arguments, LogFunction, Unknown};
use super::key_line::{self, KeyLine, LatestLines};
use super::processes::{self, FileId, MappedFile, Target};

#[cfg(target_arch = "x86_64")]
const PROGRAM: &[u8] = aya::include_bytes_aligned!("bpf/keys.amd64.o");
#[cfg(target_arch = "aarch64")]
const PROGRAM: &[u8] = aya::include_bytes_aligned!("bpf/keys.arm64.o");

/// How often it is looked for new processes, and libraries that were loaded since.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How much longer the pause before the next look is than the look took: of a host with thousands of processes it takes
/// this part of a core at most, and sees new ones later.
const PAUSE_PER_LOOK: u32 = 20;

/// Larger files are not read to look for the function, in bytes: the largest proxies have a tenth.
const MAX_FILE: u64 = 2 << 30;

/// How many secrets are taken at once before others have their turn.
const MAX_LINES: usize = 4096;

/// Libraries that need no probe, by how their files' names begin.
const OTHERS: [(&str, &str); 2] = [("libgnutls.so", "GnuTLS"), ("libssl3.so", "NSS")];

/// All probes.
pub(crate) struct KeyProbes {
    bpf: Ebpf,
    events: RingBuf<MapData>,
    lost: Array<MapData, u64>,
    lost_before: u64,
    targets: Vec<Target>,
    /// What is known of files, so that each is read once.
    files: BTreeMap<FileId, Result<LogFunction, Unknown>>,
    attached: BTreeMap<(Watched, FileId), Attached>,
    /// Processes of which nothing more is to be said.
    told: BTreeSet<u32>,
    lines: LatestLines,
    next_look: Option<Instant>,
}

/// Whose calls are seen: of one process, or of all that run a program that was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Watched {
    Process(u32),
    Everybody,
}

/// A probe; none where it could not be attached, which is said once.
type Attached = Option<(Arguments, UProbeLinkId)>;

impl KeyProbes {
    /// Loads the program and looks for the processes once.
    ///
    /// # Errors
    /// Where rights are missing, or the kernel refuses.
    pub(crate) fn open(targets: &[String], words: impl FnMut(&str)) -> Result<Self, KeysError> {
        if !may_attach() {
            return Err(KeysError::Rights);
        }
        let refused = |error: &dyn std::error::Error| KeysError::Refused(reason(error));
        let mut bpf = Ebpf::load(PROGRAM).map_err(|error| refused(&error))?;
        for name in ["go_write_key_log", "ssl_log_secret"] {
            let program = program(&mut bpf, name).ok_or(KeysError::Object)?;
            program.load().map_err(|error| refused(&error))?;
        }
        let events = bpf.take_map("events").ok_or(KeysError::Object)?;
        let lost = bpf.take_map("lost").ok_or(KeysError::Object)?;
        let mut probes = Self {
            events: RingBuf::try_from(events).map_err(|error| refused(&error))?,
            lost: Array::try_from(lost).map_err(|error| refused(&error))?,
            lost_before: 0,
            bpf,
            targets: targets.iter().map(|text| Target::parse(text)).collect(),
            files: BTreeMap::new(),
            attached: BTreeMap::new(),
            told: BTreeSet::new(),
            lines: LatestLines::default(),
            next_look: None,
        };
        for target in &probes.targets {
            if let Target::Process(number) = target
                && !processes::is_there(*number)
            {
                return Err(KeysError::NoSuchProcess(*number));
            }
        }
        probes.look(words);
        let hopeless = probes
            .targets
            .iter()
            .all(|target| matches!(target, Target::Process(_)));
        if hopeless && probes.count() == 0 {
            return Err(KeysError::NothingToProbe);
        }
        Ok(probes)
    }

    /// How many probes are attached.
    pub(crate) fn count(&self) -> usize {
        self.attached.values().flatten().count()
    }

    /// Whether somebody is there, or may still come, whose secrets can be taken.
    pub(crate) fn is_waiting(&self) -> bool {
        let may_come = |target: &Target| matches!(target, Target::Program(_));
        self.targets.iter().any(may_come) || self.count() > 0
    }

    /// Gives the lines that came since the last time, those that are new, and says what has changed.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        mut sink: impl FnMut(&KeyLine),
        mut words: impl FnMut(&str),
    ) {
        for _ in 0..MAX_LINES {
            let Some(event) = self.events.next() else {
                break;
            };
            if let Some(line) = key_line::parse(&event)
                && self.lines.is_new(&line.text)
            {
                sink(&line);
            }
        }
        if self.next_look.is_some_and(|due| now < due) {
            return;
        }
        let begun = super::now();
        self.look(&mut words);
        self.next_look = Some(now + pause_after(begun.elapsed()));
        let lost = self.lost.get(&0, 0).unwrap_or_default();
        let more = lost.saturating_sub(self.lost_before);
        if more > 0 {
            self.lost_before = lost;
            words(&format!(
                "{more} secrets came too fast to be taken: their connections stay closed"
            ));
        }
    }

    /// Attaches to who has come, and detaches from who has gone.
    fn look(&mut self, mut words: impl FnMut(&str)) {
        self.detach_ended(&mut words);
        for target in self.targets.clone() {
            if let Target::Program(path) = &target
                && let Some(id) = processes::file_id(path)
            {
                // It need not run yet: so not even its first handshake is missed.
                let file = MappedFile {
                    id,
                    open_as: path.clone(),
                    name: path.clone(),
                    is_program: true,
                };
                self.attach(Watched::Everybody, &file, &mut words);
            }
            for process in target.processes() {
                self.look_at(process, &target, &mut words);
            }
        }
    }

    fn look_at(&mut self, process: u32, target: &Target, words: &mut impl FnMut(&str)) {
        let files = match processes::mapped_files(process) {
            Ok(files) => files,
            Err(error) => {
                if processes::is_there(process) && self.told.insert(process) {
                    words(&format!("process {process} cannot be looked at: {error}"));
                }
                return;
            }
        };
        if files.is_empty() {
            // One that is about to end has none any more: nothing is to be said of that.
            if processes::is_hidden(process) && self.told.insert(process) {
                let text = "cannot be looked at: that takes CAP_SYS_PTRACE beside CAP_SYS_ADMIN";
                words(&format!("process {process} {text}"));
            }
            return;
        }
        let mut found = false;
        for file in &files {
            let watched = match target {
                Target::Program(_) if file.is_program => Watched::Everybody,
                _ => Watched::Process(process),
            };
            found |= self.attach(watched, file, words);
        }
        if !found && self.told.insert(process) {
            let why = self.why_not(process, &files);
            let name = processes::name(process);
            words(&format!(
                "process {process} ({name}): nothing to probe: {why}"
            ));
        }
    }

    /// Whether the file has what is looked for.
    fn attach(
        &mut self,
        watched: Watched,
        file: &MappedFile,
        words: &mut impl FnMut(&str),
    ) -> bool {
        let function = *self
            .files
            .entry(file.id)
            .or_insert_with(|| examine(&file.open_as));
        let Ok(function) = function else {
            return false;
        };
        if self.attached.contains_key(&(watched, file.id)) {
            return true;
        }
        let who = match watched {
            Watched::Process(number) => format!("process {number} ({})", processes::name(number)),
            Watched::Everybody => "every process".to_owned(),
        };
        let what = format!("{} in {}", function.arguments, file.name.display());
        let attached = attach(&mut self.bpf, watched, &file.open_as, function);
        match &attached {
            Ok(_) => words(&format!("{who}: takes secrets of {what}")),
            Err(why) => words(&format!("{who}: {what} cannot be probed: {why}")),
        }
        let attached = attached.ok().map(|link| (function.arguments, link));
        self.attached.insert((watched, file.id), attached);
        true
    }

    fn detach_ended(&mut self, words: &mut impl FnMut(&str)) {
        let is_ended = |watched: &Watched| match watched {
            Watched::Process(number) => !processes::is_there(*number),
            Watched::Everybody => false,
        };
        let keys = self.attached.keys().copied();
        let ended: Vec<_> = keys.filter(|(watched, _)| is_ended(watched)).collect();
        let mut gone = BTreeSet::new();
        for key in ended {
            if let Some(Some((arguments, link))) = self.attached.remove(&key)
                && let Some(program) = program(&mut self.bpf, program_name(arguments))
            {
                // Should it be gone already, so much the better. The kernel takes its time to detach, which
                // others do not wait for.
                if let Ok(link) = program.take_link(link) {
                    let detach = thread::Builder::new().name("detach".to_owned());
                    let _ = detach.spawn(move || drop(link));
                }
            }
            if let (Watched::Process(number), _) = key
                && gone.insert(number)
            {
                words(&format!("process {number} has ended"));
                // Its number may be given to another, whom nobody named.
                self.targets
                    .retain(|target| *target != Target::Process(number));
            }
        }
        self.told.retain(|process| processes::is_there(*process));
    }

    fn why_not(&self, process: u32, files: &[MappedFile]) -> String {
        let unknown = |file: &MappedFile| self.files.get(&file.id).and_then(|found| found.err());
        why_not(process, files, unknown)
    }
}

fn pause_after(look: Duration) -> Duration {
    LOOK_EVERY.max(look * PAUSE_PER_LOOK)
}

/// Why a process has nothing to probe, from what is known of its files.
pub(super) fn why_not(
    process: u32,
    files: &[MappedFile],
    unknown: impl Fn(&MappedFile) -> Option<Unknown>,
) -> String {
    let has = |library: &str| {
        let names = files
            .iter()
            .filter_map(|file| file.name.file_name()?.to_str());
        names.into_iter().any(|name| name.starts_with(library))
    };
    if has("libjvm.so") {
        return format!(
            "Java: the agent name.neykov:extract-tls-secrets writes a key log (java -jar \
             extract-tls-secrets-4.0.0.jar {process} FILE)"
        );
    }
    let reasons = files
        .iter()
        .filter_map(unknown)
        .filter(|why| *why != Unknown::NoTls);
    let mut reasons: BTreeSet<_> = reasons.map(|why| why.to_string()).collect();
    for (library, name) in OTHERS {
        if has(library) {
            reasons.insert(format!(
                "{name} writes a key log itself where SSLKEYLOGFILE is set when its program starts"
            ));
        }
    }
    match reasons.is_empty() {
        true => Unknown::NoTls.to_string(),
        false => reasons.into_iter().collect::<Vec<_>>().join("; "),
    }
}

/// Looks for the function in a file.
pub(super) fn examine(path: &Path) -> Result<LogFunction, Unknown> {
    let size = fs::metadata(path).map_or(0, |status| status.len());
    if size > MAX_FILE {
        return Err(Unknown::NoTls);
    }
    let data = fs::read(path).map_err(|_| Unknown::NoTls)?;
    function::find(&data)
}

fn attach(
    bpf: &mut Ebpf,
    watched: Watched,
    file: &PathBuf,
    function: LogFunction,
) -> Result<UProbeLinkId, String> {
    let scope = match watched {
        Watched::Everybody => UProbeScope::AllProcesses,
        Watched::Process(number) => {
            UProbeScope::OneProcess(NonZeroU32::new(number).ok_or("it has no number")?)
        }
    };
    let cookie = match function.arguments {
        Arguments::Go => None,
        Arguments::C(place) => {
            let pointer = u64::from(place.pointer.unwrap_or(0));
            Some(pointer << 32 | u64::from(place.offset))
        }
    };
    let point = UProbeAttachPoint {
        location: UProbeAttachLocation::AbsoluteOffset(function.offset),
        cookie,
    };
    let program = program(bpf, program_name(function.arguments)).ok_or("no such program")?;
    let attached = program.attach(point, file, scope);
    attached.map_err(|error| reason(&error))
}

fn program<'a>(bpf: &'a mut Ebpf, name: &str) -> Option<&'a mut UProbe> {
    bpf.program_mut(name)?.try_into().ok()
}

const fn program_name(arguments: Arguments) -> &'static str {
    match arguments {
        Arguments::Go => "go_write_key_log",
        Arguments::C(_) => "ssl_log_secret",
    }
}

/// Whether this process has CAP_SYS_ADMIN (capabilities(7)).
fn may_attach() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;

    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    effective.is_some_and(|set| set >> CAP_SYS_ADMIN & 1 == 1)
}

fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
