//! Archives that are the same bytes whenever and wherever they are made.

use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;

use super::time::Time;
use crate::program::Outcome;
use crate::workspace;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// With forward slashes.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) executable: bool,
}

impl Entry {
    pub(super) fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), executable: false }
    }

    pub(super) fn executable(mut self) -> Self {
        self.executable = true;
        self
    }

    /// A file of the repository, under its own path.
    pub(super) fn of_repository(path: &str) -> Outcome<Self> {
        let file = workspace::root().join(path);
        let content = std::fs::read(&file).map_err(|error| format!("could not read {path}: {error}"))?;
        let entry = Self::new(path, content);
        Ok(if is_executable(&file) { entry.executable() } else { entry })
    }

    pub(super) fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}

/// The entries below `folder`, by their names. Two of one name are a mistake of ours.
fn sorted(entries: &[Entry]) -> Outcome<Vec<&Entry>> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|left, right| left.path.cmp(&right.path));
    match sorted.windows(2).find(|pair| pair[0].path == pair[1].path) {
        Some(pair) => Err(format!("two files are to be {} in one archive", pair[0].path)),
        None => Ok(sorted),
    }
}

pub(super) fn tar_gz(folder: &str, entries: &[Entry], time: Time) -> Outcome<Vec<u8>> {
    let entries = sorted(entries)?;
    let failed = |error: std::io::Error| format!("could not write an archive: {error}");
    // Without a name or a time of its own in the outer layer.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode());
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(time.0);
        let path = format!("{folder}/{}", entry.path);
        archive.append_data(&mut header, path, entry.content.as_slice()).map_err(failed)?;
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(failed)
}

pub(super) fn zip(folder: &str, entries: &[Entry], time: Time) -> Outcome<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| format!("could not write an archive: {error}");
    let (year, month, day, hour, minute, second) = time.parts();
    let small = |part: u64| u8::try_from(part).unwrap_or_default();
    let date = zip::DateTime::from_date_and_time(
        u16::try_from(year).unwrap_or_default(),
        small(month),
        small(day),
        small(hour),
        small(minute),
        small(second),
    )
    .map_err(|error| failed(&error))?;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for entry in sorted(entries)? {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(date)
            .unix_permissions(entry.mode());
        archive.start_file(format!("{folder}/{}", entry.path), options).map_err(|error| failed(&error))?;
        archive.write_all(&entry.content).map_err(|error| failed(&error))?;
    }
    Ok(archive.finish().map_err(|error| failed(&error))?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const TIME: Time = Time(1_767_225_600);

    fn entries() -> Vec<Entry> {
        vec![Entry::new("readme.md", "Read me.\n"), Entry::new("bin/program", [0, 1, 2, 255]).executable()]
    }

    fn reversed() -> Vec<Entry> {
        entries().into_iter().rev().collect()
    }

    #[test]
    fn a_tar_is_sorted_and_always_the_same() {
        let bytes = tar_gz("here", &entries(), TIME).unwrap();
        assert_eq!(bytes, tar_gz("here", &reversed(), TIME).unwrap());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut read = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (TIME.0, 0));
            read.push((entry.path_bytes().into_owned(), header.mode().unwrap(), content));
        }
        let expected = [
            (b"here/bin/program".to_vec(), 0o755, vec![0, 1, 2, 255]),
            (b"here/readme.md".to_vec(), 0o644, b"Read me.\n".to_vec()),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_zip_is_sorted_and_always_the_same() {
        let bytes = zip("here", &entries(), TIME).unwrap();
        assert_eq!(bytes, zip("here", &reversed(), TIME).unwrap());
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut program = archive.by_index(0).unwrap();
        assert_eq!(
            (program.name().unwrap().as_ref(), program.unix_mode().map(|mode| mode & 0o777)),
            ("here/bin/program", Some(0o755))
        );
        let mut content = Vec::new();
        program.read_to_end(&mut content).unwrap();
        assert_eq!(content, [0, 1, 2, 255]);
        assert_eq!(
            program.last_modified().map(|time| (time.year(), time.month(), time.hour())),
            Some((2026, 1, 0))
        );
    }

    #[test]
    fn one_name_is_one_file() {
        let twice = [Entry::new("a", "1"), Entry::new("a", "2")];
        assert_eq!(tar_gz("x", &twice, TIME), Err("two files are to be a in one archive".to_owned()));
        assert!(zip("x", &twice, TIME).is_err());
    }
}
