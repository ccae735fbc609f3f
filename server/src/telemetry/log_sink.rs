//! Writes log lines to standard error, many lines with one system call. It counts the lines that cannot be written.

use std::io::{Result, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Maximum number of bytes in one write. The log's thread flushes when no line waits, so that a busy gateway writes many lines at
/// once, and an idle gateway delays no line.
const WRITE_BYTES: usize = 64 * 1024;

/// Collects lines until they are flushed.
pub(super) struct LogSink<W> {
    output: W,
    lines: Vec<u8>,
    lost: Arc<AtomicU64>,
}

impl<W: Write> LogSink<W> {
    /// A sink that writes to `output` and counts in `lost`.
    pub(super) fn new(output: W, lost: Arc<AtomicU64>) -> Self {
        Self { output, lines: Vec::with_capacity(WRITE_BYTES), lost }
    }
}

impl<W: Write> Write for LogSink<W> {
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        if self.lines.len() + line.len() > WRITE_BYTES {
            self.flush()?;
        }
        self.lines.extend_from_slice(line);
        Ok(line.len())
    }

    /// Never fails, because later lines may succeed: the disk may be full now, or the reader may have closed the pipe.
    fn flush(&mut self) -> Result<()> {
        if self.output.write_all(&self.lines).and_then(|()| self.output.flush()).is_err() {
            let lines = self.lines.iter().filter(|byte| **byte == b'\n').count();
            self.lost.fetch_add(lines as u64, Ordering::Relaxed);
        }
        self.lines.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full disk while `is_full`.
    struct Disk {
        is_full: bool,
        content: Vec<u8>,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            if self.is_full {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_for_a_full_disk_are_counted_and_later_lines_are_written() {
        let lost = Arc::new(AtomicU64::new(0));
        let mut disk = Disk { is_full: true, content: Vec::new() };
        let mut sink = LogSink::new(&mut disk, Arc::clone(&lost));
        sink.write_all(b"one\n").unwrap();
        sink.write_all(b"two\n").unwrap();
        sink.flush().unwrap();
        assert_eq!(lost.load(Ordering::Relaxed), 2);
        sink.output.is_full = false;
        sink.write_all(b"three\n").unwrap();
        sink.flush().unwrap();
        assert_eq!((lost.load(Ordering::Relaxed), disk.content.as_slice()), (2, b"three\n".as_slice()));
    }

    #[test]
    fn lines_beyond_the_size_of_a_write_are_written_before_the_flush() {
        let mut disk = Disk { is_full: false, content: Vec::new() };
        let mut sink = LogSink::new(&mut disk, Arc::default());
        let line = vec![b'x'; WRITE_BYTES / 2 + 1];
        sink.write_all(&line).unwrap();
        assert!(sink.output.content.is_empty());
        sink.write_all(&line).unwrap();
        assert_eq!(sink.output.content.len(), line.len());
    }
}
