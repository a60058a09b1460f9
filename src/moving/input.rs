//! A file, or standard input, compressed or not.

use super::ReadError;
use super::progress::Progress;
use flate2::read::MultiGzDecoder;
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

/// Something to read from beginning to end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// What compressed files begin with, and how they are unpacked.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"BZh", "bzip2 -dc"),
    (b"\xfd7zXZ", "xz -dc"),
    (b"\x28\xb5\x2f\xfd", "zstd -dc"),
    (b"PK\x03\x04", "unzip -p"),
];

impl Input {
    /// What `-` is.
    pub fn of(text: &str) -> Self {
        if text == "-" { Self::Stdin } else { Self::File(PathBuf::from(text)) }
    }

    /// Opens it, and unpacks what gzip has packed. How much of the file is read is told.
    pub(super) fn open<'a>(&self, progress: &'a Progress) -> Result<Box<dyn Read + 'a>, ReadError> {
        let failed = |source| ReadError::Input { name: self.to_string(), source };
        let mut from: Box<dyn Read> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => {
                let file = File::open(path).map_err(failed)?;
                // Of a pipe nobody knows.
                progress.expect(file.metadata().map_err(failed)?.len());
                Box::new(file)
            }
        };
        let mut head = Vec::new();
        from.by_ref().take(8).read_to_end(&mut head).map_err(failed)?;
        if let Some((_, unpack)) = COMPRESSED.iter().find(|(magic, _)| head.starts_with(magic)) {
            let words =
                format!("{self} is compressed; unpack it first: `{unpack} FILE | authgate …`");
            return Err(ReadError::Unusable(words));
        }
        let is_packed = head.starts_with(b"\x1f\x8b");
        let whole = Counted { from: Cursor::new(head).chain(from), progress };
        Ok(if is_packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// Tells how much was read.
struct Counted<'a, R> {
    from: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(room)?;
        self.progress.advance(u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<(String, u64), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let (input, progress) = (Input::File(file.path().to_owned()), Progress::default());
        let mut text = String::new();
        let mut from = input.open(&progress).map_err(|error| error.to_string())?;
        from.read_to_string(&mut text).unwrap();
        drop(from);
        assert_eq!(progress.whole(), Some(progress.done()).filter(|done| *done > 0));
        Ok((text, progress.done()))
    }

    #[test]
    fn what_gzip_has_packed_is_unpacked() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"some text").unwrap();
        let packed = packed.finish().unwrap();
        let length = u64::try_from(packed.len()).unwrap();
        assert_eq!(read(&packed).unwrap(), ("some text".to_owned(), length));
        assert_eq!(read(b"some text").unwrap(), ("some text".to_owned(), 9));
        assert_eq!(read(b"").unwrap(), (String::new(), 0));
    }

    #[test]
    fn of_other_ways_to_compress_it_is_said_how_to_unpack() {
        assert!(read(b"\xfd7zXZ\0\0\0").unwrap_err().contains("`xz -dc FILE | authgate …`"));
    }
}
