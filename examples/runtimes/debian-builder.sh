#!/bin/bash
# Makes a root that compiles runtimes for musl, of Debian's packages, for machines that have no mirror of Alpine's compilers:
#
#   debian-builder.sh DIR LAYOUT
#   SOURCES=FOLDER debian-builder.sh DIR LAYOUT     fetches the archives of the recipes' sources, too
#
# DIR is new. LAYOUT is an OCI layout with Alpine's musl, libssl3, libcrypto3 and zlib, which the runtime is linked with:
#
#   pyimg assemble alpine.yaml --output oci:LAYOUT       # packages: [musl, libssl3, libcrypto3, zlib]
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
	gcc binutils make musl-dev musl-tools linux-libc-dev zlib1g-dev pkgconf patch
	dash coreutils diffutils findutils grep sed gawk tar gzip bzip2 xz-utils
	tcl # SQLite's source is put together by it
)
# The name of Debian's source package, and the archive that a recipe takes out of it.
sources=(python3.13 jemalloc xz-utils sqlite3 bzip2 "libffi/$older" "mimalloc/$older")

main() {
	if [ $# != 2 ] || [ ! -f "$2/index.json" ]; then
		sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
		exit 2
	fi
	if [ -e "$1" ]; then
		echo "$1 is there already" >&2
		exit 2
	fi
	set -- "${1%/}" "$2"
	layout=$2
	arch=$(uname -m)
	apt=$(mktemp -d)
	# A builder that is not complete has another name, and is removed.
	root=$(realpath "$(mktemp -d "$1.new.XXXXXX")")
	chmod 755 "$root"
	trap 'rm -rf "$apt" "$root"' EXIT
	configure_apt
	[ -z "${SOURCES:-}" ] || fetch_sources
	unpack_debian
	add_alpine
	write_compiler
	mv "$root" "$1"
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
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
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
	mkdir "$apt/ssl"
	(cd "$apt/ssl" && apt-get -qq download "libssl-dev/$older")
	dpkg-deb -x "$apt"/ssl/libssl-dev_*.deb "$apt/ssl"
	ln -sf dash "$root/usr/bin/sh"
	ln -sf gawk "$root/usr/bin/awk"
}

# add_alpine puts Alpine's own libraries where the compiler looks for libraries, with its loader: the programs that are built run
# here, too. The headers are Debian's.
add_alpine() {
	local blob name lib=$root/usr/musl/lib include=$root/usr/musl/include multiarch=$arch-linux-gnu
	mkdir -p "$lib/pkgconfig" "$include" "$apt/alpine"
	for blob in "$layout"/blobs/sha256/*; do
		[ "$(head -c 2 "$blob" | od -An -tx1)" != " 1f 8b" ] || tar -xzf "$blob" -C "$apt/alpine" --no-same-owner --warning=no-unknown-keyword
	done
	cp -a "$root/usr/include/$arch-linux-musl/." "$include/"
	cp -a "$root"/usr/include/{linux,asm-generic,mtd,zlib.h} "$apt/ssl/usr/include/openssl" "$include/"
	cp -aL "$root/usr/include/$multiarch/asm" "$include/asm"
	cp -a "$apt/ssl/usr/include/$multiarch/openssl/." "$include/openssl/"
	cp -aL "$root"/usr/include/"$multiarch"/zconf.h "$include/" 2>/dev/null || cp -a "$root/usr/include/zconf.h" "$include/"
	# Alpine builds OpenSSL without these, and Debian with them.
	sed -i '0,/^# *define OPENSSL_CONFIGURED_API.*/s//&\n# define OPENSSL_NO_ASYNC\n# define OPENSSL_NO_COMP\n# define OPENSSL_NO_EC2M\n# define OPENSSL_NO_SEED/' \
		"$include/openssl/configuration.h"
	cp -a "$root/usr/lib/$arch-linux-musl/"*.{o,a} "$lib/"
	for name in libssl.so.3 libcrypto.so.3 libz.so.1; do
		cp -L "$(find "$apt/alpine/lib" "$apt/alpine/usr/lib" -name "$name" 2>/dev/null | head -n 1)" "$lib/$name"
		ln -s "$name" "$lib/${name%.*}"
	done
	cp -L "$apt/alpine/lib/ld-musl-$arch.so.1" "$lib/libc.musl-$arch.so.1"
	# The linker takes the name of the C library from what it links: Alpine's name, by which apk knows it.
	ln -s "libc.musl-$arch.so.1" "$lib/libc.so"
	rm -f "$root/usr/lib/ld-musl-$arch.so.1"
	cp -L "$apt/alpine/lib/ld-musl-$arch.so.1" "$root/usr/lib/"
	echo /usr/musl/lib >"$root/etc/ld-musl-$arch.path"
	describe openssl '-lssl -lcrypto' "$apt/ssl/usr/lib/$multiarch/pkgconfig/openssl.pc"
	describe libssl '-lssl' "$apt/ssl/usr/lib/$multiarch/pkgconfig/openssl.pc"
	describe libcrypto '-lcrypto' "$apt/ssl/usr/lib/$multiarch/pkgconfig/openssl.pc"
	describe zlib '-lz' "$root/usr/lib/$multiarch/pkgconfig/zlib.pc"
}

# describe writes a file of pkg-config's.
describe() {
	printf 'Name: %s\nDescription: %s\n%s\nLibs: %s\nCflags:\n' "$1" "$1" "$(grep '^Version:' "$3")" "$2" >"$root/usr/musl/lib/pkgconfig/$1.pc"
}

# write_compiler makes gcc and cc compile for musl, and pkg-config look nowhere else.
write_compiler() {
	local real
	# The library that counts for profiles is made for glibc, and calls one function by a name that only glibc has.
	LC_ALL=C sed -i 's/__isoc23_strtol\x00/strtol\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00/g' "$root"/usr/lib/gcc/"$arch"-linux-gnu/*/libgcov.a
	real=$(readlink "$root/usr/bin/$arch-linux-gnu-gcc")
	sed -e "s#/usr/include/$arch-linux-musl#/usr/musl/include#g; s#/usr/lib/$arch-linux-musl#/usr/musl/lib#g" \
		"$root/usr/lib/$arch-linux-musl/musl-gcc.specs" >"$root/usr/musl/gcc.specs"
	# Alpine's gcc answers an empty line to the first question; to another answer CPython's configure says that it is wrong.
	cat >"$root/usr/local/bin/gcc" <<-WRAPPER
		#!/bin/sh
		case " \$* " in *" --print-multiarch "* | *" -print-multiarch "*) echo; exit 0 ;; esac
		exec /usr/bin/$real "\$@" -specs /usr/musl/gcc.specs
	WRAPPER
	printf '#!/bin/sh\nexport PKG_CONFIG_LIBDIR=/usr/musl/lib/pkgconfig\nexec /usr/bin/pkgconf "$@"\n' >"$root/usr/local/bin/pkg-config"
	chmod 755 "$root"/usr/local/bin/*
	ln -s gcc "$root/usr/local/bin/cc"
}

# fetch_sources fetches upstream's archives out of Debian's source packages; what Debian adds is not used.
fetch_sources() {
	mkdir -p "$SOURCES"
	(cd "$SOURCES" && apt-get -qq source --download-only --tar-only "${sources[@]}")
	rm -f "$SOURCES"/*.asc "$SOURCES"/*-www.tar.*
}

main "$@"
