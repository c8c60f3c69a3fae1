//! Listings that a daemon hands out as JSON lines in a memory file.

use std::os::fd::OwnedFd;

use anyhow::Context;
use daemon::memfd;
use daemon::zbus;
use serde_json::Value;

/// The objects of a listing, in its order.
pub fn read(descriptor: zbus::OwnedFd) -> anyhow::Result<Vec<Value>> {
    let bytes = memfd::read(OwnedFd::from(descriptor), memfd::LISTING_BYTES_MAX)?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| serde_json::from_slice(line).context("the store has sent a line that is no JSON"))
        .collect()
}

/// An object's value as people see it: texts bare, nothing for absent.
pub fn cell(object: &Value, key: &str) -> String {
    match object.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// One JSON array, one object a line: easy on `jq` and on eyes.
pub fn array(objects: &[Value]) -> String {
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[{}]\n", lines.join(",\n ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes in as lines comes out as one valid array.
    #[test]
    fn lines_become_an_array() {
        let objects = parse(b"{\"a\":1}\n\n{\"a\":\"x\"}\n").expect("lines");
        let again: Value = serde_json::from_str(&array(&objects)).expect("array");
        assert_eq!(again, serde_json::json!([{"a": 1}, {"a": "x"}]));
        assert_eq!(array(&[]), "[]\n");
        assert_eq!(
            (cell(&objects[0], "a"), cell(&objects[1], "a"), cell(&objects[1], "b")),
            ("1".into(), "x".into(), String::new())
        );
        assert!(parse(b"nonsense").is_err());
    }
}
