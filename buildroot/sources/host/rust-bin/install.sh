#!/bin/sh
# Instead of the installer of a Rust release: scripts that call this machine's own compiler and cargo.
set -eu
for argument; do
	case $argument in
	--prefix=*) prefix=${argument#--prefix=} ;;
	esac
done
sysroot=$(rustc --print sysroot)
mkdir -p "$prefix/bin"
for program in cargo rustc rustdoc; do
	printf '#!/bin/sh\nexec "%s/bin/%s" "$@"\n' "$sysroot" "$program" >"$prefix/bin/$program"
	chmod 0755 "$prefix/bin/$program"
done
