//! Kernel modules: which files a list of names needs, and in which order they can be loaded.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};

/// A deeper chain of modules than any kernel has: a circle.
const DEPTH_MAX: usize = 64;

/// The modules of one kernel, as depmod(8) describes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    /// File of a module, and the files that it needs, by name
    files: BTreeMap<String, (String, Vec<String>)>,
    /// Built into the kernel
    built_in: BTreeSet<String>,
}

impl Catalogue {
    /// Reads `modules.dep` and `modules.builtin`.
    ///
    /// # Errors
    /// A line of `modules.dep` has no colon.
    pub(super) fn parse(dependencies: &str, built_in: &str) -> anyhow::Result<Catalogue> {
        let mut catalogue = Catalogue::default();
        for line in dependencies.lines() {
            let (file, needs) =
                line.split_once(':').with_context(|| format!("modules.dep: no colon in {line:?}"))?;
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            catalogue.files.insert(name_of(file), (file.to_owned(), needs));
        }
        catalogue.built_in = built_in.lines().map(name_of).collect();
        Ok(catalogue)
    }

    /// The files of `names` and of all that they need, each once and after what it needs.
    ///
    /// # Errors
    /// The kernel has no module of a name, or modules need each other in a circle.
    pub(super) fn load_order(&self, names: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut order = Vec::new();
        for name in names {
            self.visit(&name_of(name), &mut order, 0)?;
        }
        Ok(order)
    }

    fn visit(&self, name: &str, order: &mut Vec<String>, depth: usize) -> anyhow::Result<()> {
        if depth > DEPTH_MAX {
            bail!("module {name} needs itself in a circle");
        }
        if self.built_in.contains(name) {
            return Ok(());
        }
        let (file, needs) =
            self.files.get(name).with_context(|| format!("the kernel has no module {name}"))?;
        if order.contains(file) {
            return Ok(());
        }
        for need in needs {
            self.visit(&name_of(need), order, depth + 1)?;
        }
        order.push(file.clone());
        Ok(())
    }
}

/// The name of a module from its file; `-` and `_` are the same to the kernel.
fn name_of(file: &str) -> String {
    let name = file.trim().rsplit('/').next().unwrap_or_default();
    name.split(".ko").next().unwrap_or_default().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "kernel/d/virtio/virtio.ko: kernel/d/virtio/virtio_ring.ko\n\
                                kernel/d/virtio/virtio_ring.ko:\n\
                                kernel/d/block/virtio_blk.ko: kernel/d/virtio/virtio.ko kernel/d/virtio/virtio_ring.ko\n\
                                kernel/d/net/virtio_net.ko: kernel/d/virtio/virtio_ring.ko kernel/d/virtio/virtio.ko kernel/n/net-failover.ko\n\
                                kernel/n/net-failover.ko:\n";

    /// Whatever the order in modules.dep, a module comes after all that it needs, and comes once.
    #[test]
    fn a_module_comes_after_what_it_needs() {
        let catalogue = Catalogue::parse(DEPENDENCIES, "kernel/fs/ext4/ext4.ko\n").expect("well formed");
        let order = catalogue.load_order(&["virtio_net", "virtio-blk", "ext4"]).expect("all known");
        let place = |end: &str| order.iter().position(|file| file.ends_with(end)).expect(end);
        assert_eq!(order.len(), 5, "{order:?}");
        assert!(place("virtio_ring.ko") < place("virtio.ko"));
        assert!(place("virtio.ko") < place("virtio_blk.ko"));
        assert!(place("virtio.ko") < place("virtio_net.ko"));
        assert!(place("net-failover.ko") < place("virtio_net.ko"));
    }

    /// A name that the kernel does not know is said at the build, not by a machine that does not boot.
    #[test]
    fn unknown_modules_and_circles_are_refused() {
        let catalogue = Catalogue::parse(DEPENDENCIES, "").expect("well formed");
        let error = catalogue.load_order(&["ext4"]).expect_err("not there");
        assert!(error.to_string().contains("ext4"), "{error}");
        let circle = Catalogue::parse("a.ko: b.ko\nb.ko: a.ko\n", "").expect("well formed");
        assert!(circle.load_order(&["a"]).is_err());
    }

    /// Both spellings and compressed files name the same module.
    #[test]
    fn names_come_from_files() {
        for file in ["kernel/x/nls_cp437.ko", "nls-cp437", "kernel/nls_cp437.ko.xz"] {
            assert_eq!(name_of(file), "nls_cp437");
        }
    }
}
