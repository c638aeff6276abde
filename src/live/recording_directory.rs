//! The directory of `--record`, which a program that runs as root must not be led out of.
//!
//! In: a path, then the bytes of recordings. Out: files that only their owner may read. Everything is opened
//! relative to the directory's own handle and follows no link, so that nobody who can write elsewhere on the
//! path chooses what is written or removed; a directory that others own or may write is refused.

use std::fs::{DirBuilder, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

/// Before and after the moment and the reason in a recording's name.
const PREFIX: &str = "h2sniff-";
const SUFFIX: &str = ".pcapng";

/// After the name of a recording that is being written, and 16 hexadecimal digits that nobody can foresee.
const PART: &str = ".part";

/// How a moment stands in a name, a `0` for each digit.
const MOMENT: &[u8] = b"00000000T000000.000000Z";

/// What to open, and never a link in its place.
const DIRECTORY: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// An open directory that only we, and root, may change.
#[derive(Debug)]
pub(super) struct RecordingDirectory {
    path: PathBuf,
    handle: OwnedFd,
}

impl RecordingDirectory {
    /// Opens it, and makes it for its owner alone if there is none.
    ///
    /// # Errors
    /// Those of the system; and if it is a link, belongs to someone else, others may write it, or we may not.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // A slash or a dot behind a link's name would follow it.
        let plain: PathBuf = path.components().collect();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&plain)?;
        let handle = open(&plain, DIRECTORY, Mode::empty())?;
        let status = fstat(&handle)?;
        let owned = status.st_uid == geteuid().as_raw() || status.st_uid == 0;
        let shared =
            Mode::from_bits_truncate(status.st_mode).intersects(Mode::S_IWGRP | Mode::S_IWOTH);
        if !owned || shared {
            let reason = "others own the directory or may write it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        let directory = Self {
            path: path.to_owned(),
            handle,
        };
        // One that cannot be written to must fail now, not when there is something to write.
        let trial = unfinished("trial");
        directory.create(&trial)?;
        directory.remove(&trial)?;
        Ok(directory)
    }

    /// Where a recording of this name stands, as a reader finds it.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a recording; it appears under its name when it is whole.
    pub(super) fn write<T>(
        &self,
        name: &str,
        write: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        let part = unfinished(name);
        let file = self.create(&part)?;
        // The lock says to others who record here that its writer lives; a file system may have none.
        let locked = file.try_clone().ok();
        let _locked =
            locked.and_then(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).ok());
        let result = write(&file).and_then(|result| {
            Ok(renameat(&self.handle, part.as_str(), &self.handle, name).map(|()| result)?)
        });
        if result.is_err() {
            // What is there is of no use, and its room may be what is missing.
            let _ = self.remove(&part);
        }
        result
    }

    /// Opens a recording to read it.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.handle, name, flags, Mode::empty())?.into())
    }

    /// Removes the oldest recordings beyond those to keep, but none of the `spared` ones, and what a killed capture
    /// left unfinished; gives the names of those recordings. Files that no recorder made stay, whatever their names
    /// begin with.
    pub(super) fn prune(&self, keep: usize, spared: &[&str]) -> Vec<String> {
        let Ok(names) = self.names() else {
            return Vec::new();
        };
        let mut recordings = Vec::new();
        for name in names.into_iter().filter(|name| self.is_ours(name)) {
            if is_recording(&name) {
                recordings.push(name);
            } else if is_unfinished(&name) && self.is_abandoned(&name) {
                let _ = self.remove(&name);
            }
        }
        // Their names begin with the time.
        recordings.sort_unstable();
        let surplus = recordings.len().saturating_sub(keep);
        recordings.retain(|name| !spared.contains(&name.as_str()));
        recordings.truncate(surplus);
        recordings.retain(|name| self.remove(name).is_ok());
        recordings
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.handle, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Ok(file.into())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir)?)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut listing = Dir::openat(&self.handle, ".", DIRECTORY, Mode::empty())?;
        let entries = listing.iter().filter_map(Result::ok);
        let names = entries.filter_map(|entry| Some(entry.file_name().to_str().ok()?.to_owned()));
        Ok(names.collect())
    }

    /// Whether it is a file of this user's own.
    fn is_ours(&self, name: &str) -> bool {
        fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok_and(|status| {
            let kind = SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits());
            kind == SFlag::S_IFREG && status.st_uid == geteuid().as_raw()
        })
    }

    /// Whether nobody writes it any more.
    fn is_abandoned(&self, name: &str) -> bool {
        let file = self.read(name);
        file.is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok())
    }
}

/// A recording's name, by its moment and what asked for it.
pub(super) fn name(moment: &str, reason: &str) -> String {
    format!("{PREFIX}{moment}-{reason}{SUFFIX}")
}

/// A name for what is not whole yet; each is another.
fn unfinished(name: &str) -> String {
    let random = RandomState::new().build_hasher().finish();
    format!(".{name}.{random:016x}{PART}")
}

fn is_recording(name: &str) -> bool {
    let Some(middle) = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX))
    else {
        return false;
    };
    let Some((moment, reason)) = middle.split_once('-') else {
        return false;
    };
    let is_moment = moment.len() == MOMENT.len()
        && moment.bytes().zip(MOMENT).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            like => byte == *like,
        });
    let is_reason = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    is_moment && !reason.is_empty() && reason.bytes().all(is_reason)
}

fn is_unfinished(name: &str) -> bool {
    let middle = name
        .strip_prefix('.')
        .and_then(|rest| rest.strip_suffix(PART));
    middle
        .and_then(|middle| middle.rsplit_once('.'))
        .is_some_and(|(name, random)| {
            is_recording(name)
                && random.len() == 16
                && random.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const NAME: &str = "h2sniff-20261122T065053.295471Z-goaway-race.pcapng";

    #[test]
    fn no_link_in_the_directory_leads_out_of_it() {
        let (outer, victim) = with_a_victim();
        let directory = outer.path().join("rec");
        fs::create_dir(&directory).unwrap();
        for name in [".h2sniff-trial", NAME, &format!(".{NAME}.part")] {
            symlink(&victim, directory.join(name)).unwrap();
        }
        let opened = RecordingDirectory::open(&directory).unwrap();
        opened
            .write(NAME, |mut file| file.write_all(b"new"))
            .unwrap();
        opened.prune(0, &[]);
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_link_is_no_directory_to_record_to() {
        let (outer, _) = with_a_victim();
        let link = outer.path().join("link");
        symlink(outer.path(), &link).unwrap();
        assert!(RecordingDirectory::open(&link).is_err());
        assert!(RecordingDirectory::open(&link.join("")).is_err());
        assert!(RecordingDirectory::open(&link.join(".")).is_err());
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused_before_anything_is_made_in_it() {
        let outer = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o1777, 0o770] {
            fs::set_permissions(outer.path(), fs::Permissions::from_mode(mode)).unwrap();
            let refused = RecordingDirectory::open(outer.path()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{mode:o}");
        }
        // Below one of them, its own is good enough: a handle cannot be exchanged.
        assert!(RecordingDirectory::open(&outer.path().join("rec")).is_ok());
    }

    #[test]
    fn only_the_owner_reads_a_recording_and_it_appears_when_it_is_whole() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("rec");
        let directory = RecordingDirectory::open(&path).unwrap();
        let written = directory.write(NAME, |mut file| {
            assert!(!path.join(NAME).exists());
            directory.prune(9, &[]);
            file.write_all(b"packets")
        });
        written.unwrap();
        assert_eq!(fs::read(path.join(NAME)).unwrap(), b"packets");
        let mode = fs::metadata(path.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = directory.write(NAME, |_| Err::<(), _>(io::Error::other("full")));
        assert!(refused.is_err());
        assert_eq!(
            fs::read_dir(&path).unwrap().count(),
            1,
            "nothing unfinished stays"
        );
    }

    #[test]
    fn pruning_leaves_what_no_recorder_made() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("rec");
        let directory = RecordingDirectory::open(&path).unwrap();
        let later = NAME.replace("T0650", "T0750");
        let foreign = [
            "h2sniff-before-the-upgrade.pcapng",
            "h2sniff-.pcapng",
            ".h2sniff-x.part",
        ];
        for name in foreign.iter().copied().chain([NAME, &later]) {
            fs::write(path.join(name), b"").unwrap();
        }
        fs::write(path.join(unfinished(NAME)), b"of a killed one").unwrap();
        assert_eq!(directory.prune(1, &[NAME, &later]), [""; 0]);
        assert_eq!(directory.prune(1, &[]), [NAME]);
        let mut left = directory.names().unwrap();
        left.retain(|name| !name.chars().all(|letter| letter == '.'));
        left.sort_unstable();
        let mut expected: Vec<_> = foreign.iter().map(ToString::to_string).collect();
        expected.push(later);
        expected.sort_unstable();
        assert_eq!(left, expected);
    }

    /// A directory with a file that nobody may touch.
    fn with_a_victim() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let victim = outer.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        (outer, victim)
    }
}
