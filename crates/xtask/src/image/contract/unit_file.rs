//! A unit file as systemd.unit(5) and systemd.syntax(7) have it: sections, assignments, continued lines.

/// Assignments of a unit in their order, those of its drop-ins last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnitFile(Vec<(String, String, String)>);

impl UnitFile {
    /// Adds what `text` says.
    pub(crate) fn add(&mut self, text: &str) {
        let mut section = String::new();
        let mut pending = String::new();
        for line in text.lines() {
            let line = line.trim();
            // A comment within a continued line is passed over.
            if line.starts_with(['#', ';']) || (line.is_empty() && pending.is_empty()) {
                continue;
            }
            if let Some(part) = line.strip_suffix('\\') {
                pending.push_str(part);
                pending.push(' ');
                continue;
            }
            let whole = std::mem::take(&mut pending) + line;
            if let Some(name) = whole.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else if let Some((key, value)) = whole.split_once('=') {
                self.0.push((section.clone(), key.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }

    /// The last value of a key that has one; `None` when it is not assigned, or emptied.
    pub(crate) fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.values(section, key)?.last().copied()
    }

    /// All values of a key that has many, from the last time it was emptied; `None` when it is not assigned at all.
    pub(crate) fn values(&self, section: &str, key: &str) -> Option<Vec<&str>> {
        let mut values = None;
        for (_, _, value) in
            self.0.iter().filter(|(in_section, name, _)| in_section == section && name == key)
        {
            let values = values.get_or_insert_with(Vec::new);
            if value.is_empty() {
                values.clear();
            } else {
                values.push(value.as_str());
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systemd.syntax(7): continued lines, comments within them, emptied lists, drop-ins after the unit.
    #[test]
    fn units_are_read() {
        let mut unit = UnitFile::default();
        unit.add(
            "[Unit]\nDescription=x\n[Service]\n; no\nUser=a\nCapabilityBoundingSet=CAP_A \\\n# no\n  CAP_B\n",
        );
        assert_eq!(unit.value("Service", "User"), Some("a"));
        assert_eq!(unit.values("Service", "CapabilityBoundingSet"), Some(vec!["CAP_A  CAP_B"]));
        assert_eq!(unit.value("Unit", "User"), None);
        unit.add("[Service]\nCapabilityBoundingSet=\nUser=b\n");
        assert_eq!(unit.value("Service", "User"), Some("b"));
        assert_eq!(unit.values("Service", "CapabilityBoundingSet"), Some(vec![]));
        assert_eq!(unit.value("Service", "CapabilityBoundingSet"), None);
    }
}
