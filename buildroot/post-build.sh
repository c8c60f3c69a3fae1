#!/bin/sh
# Between the packages and the image: what the root says about itself, and what must not be in it
# (../image/contract). Buildroot calls it with the tree; BASE_DIR, BUILD_DIR and BR2_CONFIG are in the environment.
set -eu

target=$1
repository=$BR2_EXTERNAL_TANDEM_PATH/..

overlays=$(sed -n 's/^BR2_ROOTFS_OVERLAY="\(.*\)"$/\1/p' "$BR2_CONFIG")
case $overlays in
*/overlays/debug) variant=debug ;;
*) variant=release ;;
esac
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$repository/Cargo.toml" | head -n 1)
pretty="Tandem $version"
[ "$variant" = release ] || pretty="$pretty ($variant)"

cat >"$target/usr/lib/os-release" <<RELEASE
ID=tandem
NAME=Tandem
PRETTY_NAME="$pretty"
VERSION_ID=$version
IMAGE_ID=tandem
IMAGE_VERSION=$version
VARIANT_ID=$variant
TANDEM_ROOTFS=buildroot
RELEASE
ln -sf ../usr/lib/os-release "$target/etc/os-release"

# Buildroot only ever adds to the tree: what an overlay had when it was last built, and has no longer, goes here.
list=$BASE_DIR/overlay-files
{
	find "$repository/overlays/common" ! -type d -printf '%P\n'
	[ "$variant" = release ] || find "$repository/overlays/debug" ! -type d -printf '%P\n'
} | sort -u >"$list.new"
if [ -f "$list" ]; then
	comm -23 "$list" "$list.new" | while read -r file; do rm -f "${target:?}/$file"; done
fi
mv "$list.new" "$list"

# How the kernel was configured, for whoever holds the root against the contract
cp "$BUILD_DIR"/linux-*/.config "$target/usr/lib/tandem/kernel.config"

# Where `prepare` mounts the data disk
mkdir -p "$target/data"

# No way up, no notes about an overlay, nothing that is made anew at each boot; no tool of the workshop in a release
rm -f "$target"/usr/*bin/sulogin "$target/README.md" "$target/etc/fstab" "$target/etc/resolv.conf"
[ "$variant" = debug ] || rm -f "$target/usr/bin/systemd-analyze"
: >"$target/etc/machine-id"
