#!/bin/sh
# Run by mmdebstrap when the packages of the root are unpacked: writes their names and versions to /packages.txt, and
# unpacks the packages named after the root into /boot-packages. A package without files of its own stands for the one
# it depends on (linux-image-cloud-amd64: the kernel of the day).
set -eu
root=$1
shift
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
work="$root/boot-packages"
mkdir "$work"
cd "$work"
for package in "$@"; do
    actual=$(apt-cache depends --no-recommends --no-suggests "$package" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
    apt-get -qq -o APT::Sandbox::User=root download "${actual:-$package}"
done
# shellcheck disable=SC2016 # the dollars are dpkg's
format='${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n'
for archive in ./*.deb "$root"/var/cache/apt/archives/*.deb; do
    dpkg-deb --show --showformat="$format" "$archive"
done | LC_ALL=C sort >"$root/packages.txt"
for archive in ./*.deb; do
    dpkg-deb --extract "$archive" .
    rm "$archive"
done
