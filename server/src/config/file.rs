//! Reads a file of YAML as a tree.

use std::path::Path;
use std::sync::Arc;

use super::mistake::Mistake;
use super::node::{self, Node};
use super::origin::Origin;

/// The largest file. A ConfigMap has at most 1 MiB.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Reads the file as a tree.
///
/// # Errors
/// Why it cannot be read, or the first place that is not YAML.
pub(super) fn read_file(file: &Path) -> Result<Node, Mistake> {
    let at = || Origin::File { file: Arc::from(file), line: 1, column: 1 };
    let problem = |problem: String| Mistake::new(at(), &[], problem);
    let size = std::fs::metadata(file).map_err(|error| problem(format!("the file cannot be read: {error}")))?.len();
    if size > FILE_LIMIT {
        return Err(problem(format!("the file has {size} bytes, more than {FILE_LIMIT}")));
    }
    let bytes = std::fs::read(file).map_err(|error| problem(format!("the file cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| problem("the file is not UTF-8".to_owned()))?;
    node::parse(file, &text)
}
