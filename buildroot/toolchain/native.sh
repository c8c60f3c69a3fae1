#!/bin/sh
# Makes a toolchain that Buildroot accepts as an external one out of this machine's own gcc, binutils and glibc:
#
#   DIR/bin/x86_64-tandem-linux-gnu-*   wrappers of the compiler, links to binutils
#   DIR/gcc                             the compiler's own files, moved, so that it finds no library of this machine
#   DIR/sysroot                         glibc and the kernel's headers, without Debian's multiarch folders
#
# Why: Buildroot refuses a distribution's cross compiler (configured with --with-sysroot=/), and the native one, left
# where it is, would find the libraries of this machine before those that Buildroot makes. C only: nothing in the
# image is written in C++.
#
# usage: native.sh DIR
set -eu

folder=$1
prefix=x86_64-tandem-linux-gnu
triple=x86_64-linux-gnu
packages="libc6 libc6-dev linux-libc-dev libgcc-s1"
major=$(gcc -dumpversion | cut -d. -f1)
ours=/usr/lib/gcc/$triple/$major

rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/gcc/bin" "$folder/gcc/lib/gcc/$triple" "$folder/sysroot/lib" "$folder/sysroot/usr/lib" \
	"$folder/sysroot/usr/include"

# The C library, flat. Debian splits it between /lib, /usr/lib and a folder of the architecture in each.
for file in $(dpkg-query --listfiles $packages); do
	[ -f "$file" ] || [ -L "$file" ] || continue
	case $file in
	/lib/$triple/*) to=lib/${file#/lib/$triple/} ;;
	/usr/lib/$triple/*) to=usr/lib/${file#/usr/lib/$triple/} ;;
	/usr/include/$triple/*) to=usr/include/${file#/usr/include/$triple/} ;;
	/usr/include/*) to=usr/include/${file#/usr/include/} ;;
	*) continue ;;
	esac
	mkdir -p "$folder/sysroot/$(dirname "$to")"
	# What a link of Debian's names lies elsewhere here, so a link between folders becomes its file.
	case $(readlink "$file" || true) in
	*/*) cp -L "$file" "$folder/sysroot/$to" ;;
	*) cp -P "$file" "$folder/sysroot/$to" ;;
	esac
done

# Linker scripts (libc.so, libm.so, libm.a) name absolute paths of Debian's folders.
find "$folder/sysroot/usr/lib" -maxdepth 1 -type f \( -name '*.so' -o -name '*.a' \) -size -2k | while read -r file; do
	if grep -q 'GNU ld script' "$file"; then
		sed -i -e "s,/usr/lib/$triple/,/usr/lib/,g" -e "s,/lib/$triple/,/lib/,g" "$file"
	fi
done

# The compiler, moved: where it looks is relative to where it lies. Without OpenMP, sanitizers and C++.
cp -a "$ours" "$folder/gcc/lib/gcc/$triple/"
for link in "$folder/gcc/lib/gcc/$triple/$major"/*.so; do
	[ -L "$link" ] && rm -f "$link"
done
rm -rf "$folder/gcc/lib/gcc/$triple/$major"/lib*san*.a "$folder/gcc/lib/gcc/$triple/$major/libstdc++"* \
	"$folder/gcc/lib/gcc/$triple/$major"/libgomp*
cp "$(readlink -f /usr/bin/gcc)" "$folder/gcc/bin/gcc"
cp "$(readlink -f /usr/bin/cpp)" "$folder/gcc/bin/cpp"
for library in libgcc_s.so.1 libatomic.so.1; do
	[ -e "/lib/$triple/$library" ] && cp -L "/lib/$triple/$library" "$folder/sysroot/lib/$library"
	[ -e "/usr/lib/$triple/$library" ] && cp -L "/usr/lib/$triple/$library" "$folder/sysroot/lib/$library"
done
ln -s ../../lib/libgcc_s.so.1 "$folder/sysroot/usr/lib/libgcc_s.so"
ln -s lib "$folder/sysroot/lib64"

for program in gcc cpp; do
	cat >"$folder/bin/$prefix-$program" <<-WRAPPER
		#!/bin/sh
		exec "$folder/gcc/bin/$program" --sysroot="$folder/sysroot" "\$@"
	WRAPPER
	chmod 0755 "$folder/bin/$prefix-$program"
done
ln -s "$prefix-gcc" "$folder/bin/$prefix-cc"
for program in ar as ld ld.bfd nm objcopy objdump ranlib readelf size strings strip addr2line; do
	ln -s "$(readlink -f "/usr/bin/$triple-$program")" "$folder/bin/$prefix-$program"
done
for program in ar nm ranlib; do
	ln -s "$(readlink -f "/usr/bin/$triple-gcc-$program")" "$folder/bin/$prefix-gcc-$program"
done
