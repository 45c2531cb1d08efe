#!/bin/bash
# Makes a root that compiles runtimes for musl, of Debian's packages, for machines that have no mirror of Alpine's compilers:
#
#   debian-builder.sh DIR LAYOUT
#   debian-builder.sh DIR LAYOUT aarch64 LAYOUT     compiles for another machine, too: x86_64 or aarch64
#   SOURCES=FOLDER debian-builder.sh DIR LAYOUT     fetches the archives of the recipes' sources, too
#
# DIR is new. LAYOUT is an OCI layout with Alpine's musl, libssl3, libcrypto3 and zlib for one machine, which the runtime is linked with:
#
#   pyimg assemble alpine.yaml --platform linux/amd64 --output oci:LAYOUT       # packages: [musl, libssl3, libcrypto3, zlib]
#   pyimg runtime build cpython --builder DIR --source FOLDER -o cpython.tar.zst
#
# It needs apt-get, dpkg-deb and tar, and no root. Nothing of this machine changes. DEBIAN_MIRROR is where Debian's packages are, by
# default where this machine has its own from; KEYRING has the keys that sign them.
set -euo pipefail

# The release of the compiler and of the sources.
suite=trixie
# The release with the oldest OpenSSL 3: programs compiled with its headers run with each later OpenSSL 3, so with that of every Alpine.
older=bookworm
keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
packages=(
	gcc binutils make linux-libc-dev pkgconf patch
	dash coreutils diffutils findutils grep sed gawk tar gzip bzip2 xz-utils
	tcl # SQLite's source is put together by it
)
# The name of Debian's source package, and the archive that a recipe takes out of it.
sources=(python3.13 jemalloc xz-utils sqlite3 bzip2 "libffi/$older" "mimalloc/$older")

main() {
	if { [ $# != 2 ] && [ $# != 4 ]; } || [ ! -f "$2/index.json" ] || { [ $# = 4 ] && [ ! -f "$4/index.json" ]; }; then
		sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
		exit 2
	fi
	if [ -e "$1" ]; then
		echo "$1 is there already" >&2
		exit 2
	fi
	set -- "${1%/}" "${@:2}"
	arch=$(uname -m)
	architectures="\"$(debian_name "$arch")\";"
	if [ $# = 4 ]; then
		if [ "$3" = "$arch" ]; then
			echo "$3 is this machine, for which the builder compiles anyway" >&2
			exit 2
		fi
		architectures+=" \"$(debian_name "$3")\";"
		packages+=("gcc-${3//_/-}-linux-gnu") # a package's name has no underscore
	fi
	apt=$(mktemp -d)
	# A builder that is not complete has another name, and is removed.
	root=$(realpath "$(mktemp -d "$1.new.XXXXXX")")
	chmod 755 "$root"
	trap 'rm -rf "$apt" "$root"' EXIT
	configure_apt
	[ -z "${SOURCES:-}" ] || fetch_sources
	unpack_debian
	add_machine "$arch" "$2" /usr/musl
	write_compiler
	if [ $# = 4 ]; then
		add_machine "$3" "$4" "/usr/musl-$3"
		write_cross_compiler "$3" "/usr/musl-$3"
	fi
	mv "$root" "$1"
}

# debian_name prints what Debian calls a machine.
debian_name() {
	case $1 in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*)
		echo "$1: this script knows x86_64 and aarch64" >&2
		exit 2
		;;
	esac
}

# configure_apt gives apt-get folders of its own, in which nothing is installed: so it finds all that a package depends on.
configure_apt() {
	local mirror
	# shellcheck disable=SC2016 # apt-get fills them in
	mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE) $(ORIGIN)' 2>/dev/null | awk '$2 == "Debian" {print $1; exit}')}
	mirror=${mirror:-http://deb.debian.org/debian}
	mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
	: >"$apt/status"
	printf 'Types: deb deb-src\nURIs: %s\nSuites: %s %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" "$older" "$keyring" >"$apt/debian.sources"
	cat >"$apt/apt.conf" <<-CONF
		Dir::Etc::SourceList "$apt/debian.sources";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Architectures { $architectures };
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
		Acquire::Retries "3";
	CONF
	export APT_CONFIG=$apt/apt.conf
	apt-get -qq update
}

# unpack_debian unpacks the packages and runs none of their scripts, as they only need to be there.
unpack_debian() {
	local package program
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64,src,local/bin} "$root"/{etc,tmp,dev,proc}
	for program in bin sbin lib lib64; do
		ln -s "usr/$program" "$root/$program"
	done
	apt-get -qq install --yes --download-only "${packages[@]}" >/dev/null
	for package in "$apt"/cache/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -C "$root" -x --keep-directory-symlink --no-same-owner --exclude './usr/share/doc' \
			--exclude './usr/share/man' --exclude './usr/share/locale'
	done
	ln -sf dash "$root/usr/bin/sh"
	ln -sf gawk "$root/usr/bin/awk"
}

# add_machine MACHINE LAYOUT PREFIX puts Alpine's own libraries for a machine below PREFIX, with Debian's headers; and its loader where
# programs look for it: those that are built run here, too, if the machine can run them.
add_machine() {
	local machine=$1 layout=$2 prefix=$3 debian=$apt/$1 multiarch=$1-linux-gnu blob name
	local lib=$root$prefix/lib include=$root$prefix/include headers
	mkdir -p "$lib/pkgconfig" "$include" "$debian/alpine" "$debian/debs"
	for blob in "$layout"/blobs/sha256/*; do
		[ "$(head -c 2 "$blob" | od -An -tx1)" != " 1f 8b" ] || tar -xzf "$blob" -C "$debian/alpine" --no-same-owner --warning=no-unknown-keyword
	done
	name=$(debian_name "$machine")
	(cd "$debian/debs" && apt-get -qq download "musl-dev:$name" "musl-tools:$name" "zlib1g-dev:$name" "libssl-dev:$name/$older")
	for blob in "$debian"/debs/*.deb; do
		dpkg-deb -x "$blob" "$debian"
	done
	headers=$debian/usr/include
	cp -a "$headers/$machine-linux-musl/." "$include/"
	cp -a "$root"/usr/include/{linux,asm-generic,mtd} "$headers"/{zlib.h,openssl} "$include/"
	cp -aL "$root/usr/include/$multiarch/asm" "$include/asm"
	cp -a "$headers/$multiarch/openssl/." "$include/openssl/"
	cp -aL "$headers/$multiarch/zconf.h" "$include/" 2>/dev/null || cp -a "$headers/zconf.h" "$include/"
	# Alpine builds OpenSSL without these, and Debian with them.
	sed -i '0,/^# *define OPENSSL_CONFIGURED_API.*/s//&\n# define OPENSSL_NO_ASYNC\n# define OPENSSL_NO_COMP\n# define OPENSSL_NO_EC2M\n# define OPENSSL_NO_SEED/' \
		"$include/openssl/configuration.h"
	cp -a "$debian/usr/lib/$machine-linux-musl/"*.{o,a} "$lib/"
	for name in libssl.so.3 libcrypto.so.3 libz.so.1; do
		cp -L "$(find "$debian/alpine/lib" "$debian/alpine/usr/lib" -name "$name" 2>/dev/null | head -n 1)" "$lib/$name"
		ln -s "$name" "$lib/${name%.*}"
	done
	cp -L "$debian/alpine/lib/ld-musl-$machine.so.1" "$lib/libc.musl-$machine.so.1"
	# The linker takes the name of the C library from what it links: Alpine's name, by which apk knows it.
	ln -s "libc.musl-$machine.so.1" "$lib/libc.so"
	rm -f "$root/usr/lib/ld-musl-$machine.so.1"
	cp -L "$debian/alpine/lib/ld-musl-$machine.so.1" "$root/usr/lib/"
	echo "$prefix/lib" >"$root/etc/ld-musl-$machine.path"
	describe openssl '-lssl -lcrypto' "$debian/usr/lib/$multiarch/pkgconfig/openssl.pc"
	describe libssl '-lssl' "$debian/usr/lib/$multiarch/pkgconfig/openssl.pc"
	describe libcrypto '-lcrypto' "$debian/usr/lib/$multiarch/pkgconfig/openssl.pc"
	describe zlib '-lz' "$debian/usr/lib/$multiarch/pkgconfig/zlib.pc"
	sed -e "s#/usr/include/$machine-linux-musl#$prefix/include#g; s#/usr/lib/$machine-linux-musl#$prefix/lib#g" \
		"$debian/usr/lib/$machine-linux-musl/musl-gcc.specs" >"$root$prefix/gcc.specs"
}

# describe NAME LIBS FILE writes a file of pkg-config's for add_machine, with the version in FILE.
describe() {
	printf 'Name: %s\nDescription: %s\n%s\nLibs: %s\nCflags:\n' "$1" "$1" "$(grep '^Version:' "$3")" "$2" >"$lib/pkgconfig/$1.pc"
}

# write_compiler makes gcc and cc compile for musl, and pkg-config look nowhere else.
write_compiler() {
	# The library that counts for profiles is made for glibc, and calls one function by a name that only glibc has.
	LC_ALL=C sed -i 's/__isoc23_strtol\x00/strtol\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00/g' "$root"/usr/lib/gcc/"$arch"-linux-gnu/*/libgcov.a
	write_gcc "$arch" gcc "$(readlink "$root/usr/bin/$arch-linux-gnu-gcc")" /usr/musl
	write_pkg_config pkg-config /usr/musl
	ln -s gcc "$root/usr/local/bin/cc"
}

# write_cross_compiler MACHINE PREFIX does it for another machine, with the names that configure looks for.
write_cross_compiler() {
	local host=$1-alpine-linux-musl tool
	write_gcc "$1" "$host-gcc" "$1-linux-gnu-gcc" "$2"
	write_pkg_config "$host-pkg-config" "$2"
	for tool in ar as gcc-ar gcc-nm gcc-ranlib ld nm objcopy objdump ranlib readelf strip; do
		ln -s "/usr/bin/$1-linux-gnu-$tool" "$root/usr/local/bin/$host-$tool"
	done
}

# write_gcc MACHINE NAME REAL PREFIX
write_gcc() {
	local flags=
	# For atomic instructions of newer processors, gcc's library for 64-bit ARM calls a function that only glibc has.
	[ "$1" != aarch64 ] || flags=" -mno-outline-atomics"
	# Alpine's gcc answers an empty line to the first question; to another answer CPython's configure says that it is wrong.
	cat >"$root/usr/local/bin/$2" <<-WRAPPER
		#!/bin/sh
		case " \$* " in *" --print-multiarch "* | *" -print-multiarch "*) echo; exit 0 ;; esac
		exec /usr/bin/$3 "\$@"$flags -specs $4/gcc.specs
	WRAPPER
	chmod 755 "$root/usr/local/bin/$2"
}

# write_pkg_config NAME PREFIX
write_pkg_config() {
	printf '#!/bin/sh\nexport PKG_CONFIG_LIBDIR=%s/lib/pkgconfig\nexec /usr/bin/pkgconf "$@"\n' "$2" >"$root/usr/local/bin/$1"
	chmod 755 "$root/usr/local/bin/$1"
}

# fetch_sources fetches upstream's archives out of Debian's source packages; what Debian adds is not used.
fetch_sources() {
	mkdir -p "$SOURCES"
	(cd "$SOURCES" && apt-get -qq source --download-only --tar-only "${sources[@]}")
	rm -f "$SOURCES"/*.asc "$SOURCES"/*-www.tar.*
}

main "$@"
