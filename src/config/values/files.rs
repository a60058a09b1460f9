//! Places in the file system.

use super::super::written::Value;
use std::path::PathBuf;

/// The name of a file. What is wrong does not repeat it, for someone may have written a secret.
pub(in super::super) fn file(value: &Value) -> Result<PathBuf, String> {
    match value {
        Value::String(name) | Value::Text(name) if !name.is_empty() => Ok(PathBuf::from(name)),
        Value::String(_) | Value::Text(_) => Err("is empty; write the name of a file".to_owned()),
        other => Err(format!("expected the name of a file in quotes, not {}", other.kind())),
    }
}

/// The name of a Unix socket; `None` if it is empty.
pub(in super::super) fn socket_or_off(value: &Value) -> Result<Option<PathBuf>, String> {
    /// What the kernel takes.
    const LONGEST: usize = 107;
    if matches!(value, Value::String(name) | Value::Text(name) if name.is_empty()) {
        return Ok(None);
    }
    let socket = file(value)?;
    if socket.as_os_str().len() > LONGEST {
        return Err(format!("is too long for a socket; write a path of at most {LONGEST} bytes"));
    }
    Ok(Some(socket))
}
