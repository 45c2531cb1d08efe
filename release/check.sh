#!/bin/sh
# Checks what "make snapshot" has made in dist: usage: check.sh KEY
# KEY is the public key of PYIMG_RELEASE_KEY. It builds bin/pyimg of the same commit, to compare the two.
set -eu
export LC_ALL=C
key=$1
cd "$(dirname "$0")/.."

fail() {
	echo "check.sh: $*" >&2
	exit 1
}

# expect counts the files in dist with a name.
expect() {
	found=$(find dist -maxdepth 1 -type f -name "$2" | wc -l)
	[ "$found" -eq "$1" ] || fail "dist has $found files $2, expected $1"
}
expect 11 'pyimg_*.tar.gz'
expect 2 'pyimg_*.zip'
expect 13 'pyimg_*.cdx.json'
expect 8 'pyimg_*.deb'
expect 9 'pyimg_*.apk'
expect 1 'pyimg_*_checksums.txt'
expect 1 'pyimg_*_checksums.txt.sigstore.json'

# Whoever builds this commit gets the same program, and it names its commit.
GOFLAGS=-buildvcs=true make build
host=$(go env GOARCH)
cmp "$(find dist -path "dist/pyimg_linux_${host}_*/pyimg")" bin/pyimg || fail "the program of the release is not that of make build"
bin/pyimg version
revision=$(git rev-parse HEAD)
bin/pyimg version --json | grep -q "\"revision\":\"$revision\"" || fail "the program does not name its commit $revision"

# The list of checksums is signed, and has everything else that is published.
sums=$(find dist -maxdepth 1 -name 'pyimg_*_checksums.txt')
bin/pyimg verify --blob "$sums" --key "$key"
if command -v cosign >/dev/null; then
	cosign verify-blob --bundle "$sums.sigstore.json" --key "$key" --insecure-ignore-tlog "$sums" 2>&1 | grep "Verified OK"
fi
(cd dist && sha256sum --check --quiet "$(basename "$sums")")
for file in dist/*.tar.gz dist/*.zip dist/*.deb dist/*.apk dist/*.cdx.json; do
	grep -q "  $(basename "$file")\$" "$sums" || fail "$(basename "$file") is not in the list of checksums"
done

# ci/install.sh takes a release from a server of files; openssl reads the signature, and tar the archive.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=$(basename "$sums" | sed 's/^pyimg_\(.*\)_checksums.txt$/\1/')
mkdir -p "$work/releases/download"
ln -s "$PWD/dist" "$work/releases/download/v$number"
sh ci/install.sh --key "$key" --version "v$number" --from "file://$work/releases" --dir "$work/bin"
cmp "$work/bin/pyimg" bin/pyimg

# What is in archives and packages.
for archive in dist/*.tar.gz; do
	tar -tzf "$archive" | sort >"$work/found"
	printf '%s\n' CHANGELOG.md LICENSE README.md completions/_pyimg completions/pyimg.bash completions/pyimg.fish pyimg |
		sort | diff - "$work/found" || fail "$archive has other files"
done
for shell in bash zsh fish; do
	file=release/completions/pyimg.$shell
	[ $shell != zsh ] || file=release/completions/_pyimg
	bin/pyimg completion $shell | cmp - $file || fail "the completions of $shell are those of another pyimg"
done
sh release/roots.sh dist "$work/root"
go build -o "$work/release" ./internal/release
for program in "$work"/root/*/pyimg; do
	arch=$(basename "$(dirname "$program")")
	package=$(find dist -maxdepth 1 -name "pyimg_*_$arch.apk")
	[ "$("$work/release" apk "$package" "$program" | tee /dev/stderr | cut -d' ' -f2)" = "$arch" ] || fail "the package for Alpine on $arch is wrong"
done
if command -v dpkg-deb >/dev/null; then
	for pair in amd64:x86_64 arm64:aarch64 armhf:armhf i386:x86 ppc64el:ppc64le s390x:s390x riscv64:riscv64 loong64:loongarch64; do
		package=$(find dist -maxdepth 1 -name "pyimg_*_${pair%%:*}.deb")
		[ "$(dpkg-deb --field "$package" Package Architecture | tr '\n' ' ')" = "Package: pyimg Architecture: ${pair%%:*} " ] || fail "$package is for another machine"
		rm -rf "$work/deb"
		dpkg-deb --extract "$package" "$work/deb"
		cmp "$work/deb/usr/bin/pyimg" "$work/root/${pair#*:}/pyimg"
		[ -s "$work/deb/usr/share/doc/pyimg/copyright" ] || fail "$package has no licence"
	done
fi
echo "the snapshot is whole"
