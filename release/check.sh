#!/bin/sh
# Checks what "make snapshot" has made in dist, with "make build" of the same commit in bin: usage: check.sh KEY
# KEY is the public key of PYIMG_RELEASE_KEY.
set -eu
key=$1
cd "$(dirname "$0")/.."

fail() {
	echo "check.sh: $*" >&2
	exit 1
}

count() { find dist -maxdepth 1 -type f -name "$1" | wc -l; }

[ "$(count 'pyimg_*.tar.gz')" = 11 ] && [ "$(count 'pyimg_*.zip')" = 2 ] || fail "archives are missing in dist"
[ "$(count 'pyimg_*.cdx.json')" = 13 ] || fail "bills of materials are missing in dist"
[ "$(count '*.deb')" -ge 6 ] && [ "$(count '*.apk')" -ge 6 ] || fail "packages are missing in dist"

# Whoever builds this commit gets the same program.
host=$(go env GOARCH)
made=$(find dist -path "dist/pyimg_linux_$host*/pyimg")
cmp "$made" bin/pyimg || fail "the released program differs from that of make build"
bin/pyimg version
revision=$(git rev-parse HEAD)
bin/pyimg version --json | grep -q "\"revision\":\"$revision\"" || fail "the program does not name its commit $revision"

# The list of checksums is signed, and everything in dist that is published is in it.
sums=$(find dist -maxdepth 1 -name 'pyimg_*_checksums.txt')
bin/pyimg verify --blob "$sums" --key "$key"
if command -v cosign >/dev/null; then
	cosign verify-blob --bundle "$sums.sigstore.json" --key "$key" --insecure-ignore-tlog "$sums" 2>&1 | grep "Verified OK"
fi
(cd dist && sha256sum --check --quiet "$(basename "$sums")")
for file in dist/*.tar.gz dist/*.zip dist/*.deb dist/*.apk dist/*.cdx.json; do
	grep -q "  $(basename "$file")\$" "$sums" || fail "$(basename "$file") is not in the list of checksums"
done

# What is in archives and packages.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in LICENSE README.md CHANGELOG.md pyimg completions/pyimg.bash completions/_pyimg completions/pyimg.fish; do
	tar -tzf dist/pyimg_*_linux_"$host".tar.gz | grep -qx "$file" || fail "the archive has no $file"
done
for file in usr/bin/pyimg usr/share/bash-completion/completions/pyimg usr/share/fish/vendor_completions.d/pyimg.fish; do
	tar -tzf dist/pyimg_*_"$(apk_arch "$host" 2>/dev/null || echo x86_64)".apk 2>/dev/null | grep -qx "$file" || fail "the apk has no $file"
done
if command -v dpkg-deb >/dev/null; then
	dpkg-deb --extract dist/pyimg_*_"$host".deb "$work/deb"
	cmp "$work/deb/usr/bin/pyimg" bin/pyimg || fail "the program in the Debian package is another one"
	[ -s "$work/deb/usr/share/doc/pyimg/copyright" ] || fail "the Debian package has no licence"
fi
echo "the snapshot is whole"
