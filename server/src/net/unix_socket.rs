//! Unix sockets: binding a path that may have an old socket file, and removing the file at the end.

use std::fs::{self, File};
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

/// Maximum time to wait for the lock of the folder. Another starter keeps the lock for milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The file of a bound socket. It is removed on drop, unless the path has another file by then: a new instance may have bound the
/// path.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: Inode,
}

/// The identity of a file, independent of its path. A file system uses the number of a removed file again, so the identity
/// includes the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
    modified_seconds: i64,
    modified_nanoseconds: i64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds `path`. The file of a socket on which no process listens is replaced. The lock on the folder makes sure that two
/// starters do not replace each other's socket.
///
/// # Errors
/// `AddrInUse` when a process listens on the socket, `AlreadyExists` when the path has a file that is not a socket, and the
/// errors of the operating system.
pub(super) async fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let _lock = lock_folder(path).await?;
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(Error::new(ErrorKind::AlreadyExists, "the path has a file that is not a socket"));
        }
        Ok(_) if is_stale(path).await => fs::remove_file(path)?,
        Ok(_) => return Err(Error::new(ErrorKind::AddrInUse, "a process listens on this socket")),
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile { path: path.to_owned(), inode: inode(path)? };
    Ok((listener, file))
}

/// Locks the folder of `path` until the file is dropped. The lock is advisory: only other starters of the gateway see it.
async fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let lock = tokio::task::spawn_blocking(move || {
        let folder = File::open(folder)?;
        folder.lock().map(|()| folder)
    });
    match tokio::time::timeout(LOCK_TIMEOUT, lock).await {
        Ok(locked) => locked.map_err(Error::other)?,
        Err(_) => Err(Error::new(ErrorKind::TimedOut, "another process has locked the folder of the socket")),
    }
}

async fn is_stale(path: &Path) -> bool {
    matches!(UnixStream::connect(path).await, Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

fn inode(path: &Path) -> io::Result<Inode> {
    let found = fs::symlink_metadata(path)?;
    Ok(Inode {
        device: found.dev(),
        number: found.ino(),
        modified_seconds: found.mtime(),
        modified_nanoseconds: found.mtime_nsec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path in an empty folder. The folder is removed on drop.
    struct SocketPath(PathBuf);

    impl SocketPath {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("bedrock-grpc-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder.join("gateway.sock"))
        }
    }

    impl Drop for SocketPath {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    #[tokio::test]
    async fn bind_rejects_a_regular_file_and_keeps_it() {
        let SocketPath(path) = &SocketPath::new("regular");
        fs::write(path, "precious").unwrap();
        assert_eq!(bind(path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn bind_rejects_a_socket_that_is_in_use_and_replaces_a_stale_one() {
        let SocketPath(path) = &SocketPath::new("stale");
        let (listener, _file) = bind(path).await.unwrap();
        assert_eq!(bind(path).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        let (_listener, _new_file) = bind(path).await.unwrap();
        assert!(UnixStream::connect(path).await.is_ok());
    }

    #[tokio::test]
    async fn dropping_a_socket_file_keeps_the_socket_of_a_new_instance() {
        let SocketPath(path) = &SocketPath::new("restart");
        let (_old_listener, old_file) = bind(path).await.unwrap();
        fs::remove_file(path).unwrap();
        let (_listener, new_file) = bind(path).await.unwrap();
        drop(old_file);
        assert!(UnixStream::connect(path).await.is_ok());
        drop(new_file);
        assert!(!path.exists());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn only_one_of_many_starters_gets_the_path() {
        let SocketPath(path) = &SocketPath::new("race");
        // Without the lock two of them get it in some of the rounds.
        for _ in 0..100 {
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
            let starters: Vec<_> = (0..8)
                .map(|_| {
                    let path = path.clone();
                    tokio::spawn(async move { bind(&path).await })
                })
                .collect();
            let bound = futures::future::join_all(starters).await;
            assert_eq!(bound.iter().filter(|bound| bound.as_ref().unwrap().is_ok()).count(), 1);
            assert!(UnixStream::connect(path).await.is_ok());
        }
    }
}
