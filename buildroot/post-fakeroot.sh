#!/bin/sh
# After users and permissions, before the squashfs, as the pretended root: everything belongs to root, no program
# gives its own rights to whoever starts it, and /var, a tmpfs at run time, is empty.
set -eu

target=$1

chown -h -R 0:0 "$target"
find "$target" -type f -perm /6000 -exec chmod ug-s '{}' +
rm -rf "$target/var"
mkdir -m 0755 "$target/var"
