#!/bin/sh
# Installs a release of pyimg after it has checked the signature of the release's checksums, and the archive against them.
#
#   ci/install.sh --key release/pyimg.pub [--version v1.2.3] [--dir /usr/local/bin] [--from URL]
#
# --version  a release's tag; the newest release without it
# --key      the public key that signed the release
# --dir      where the program goes (default: $HOME/.local/bin)
# --from     where the releases are (default: https://github.com/pyimg/pyimg/releases); a mirror has download/TAG/FILE below it
#
# It prints the path of the program. It needs curl, openssl and tar, and nothing of it runs before it is checked.
set -eu

from=https://github.com/pyimg/pyimg/releases
version='' key='' dir=''

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || fail "$1 needs a value"
	case $1 in
	--version) version=$2 ;;
	--key) key=$2 ;;
	--dir) dir=$2 ;;
	--from) from=${2%/} ;;
	*) fail "there is no option $1; expected --version, --key, --dir or --from" ;;
	esac
	shift 2
done

[ -n "$key" ] || fail "name the public key of the release with --key"
[ -r "$key" ] || fail "the public key $key cannot be read: name another one with --key"
dir=${dir:-${HOME:?}/.local/bin}
for program in curl openssl tar; do
	command -v "$program" >/dev/null || fail "$program is not installed"
done

system() {
	case $(uname -s) in
	Linux) echo linux ;;
	Darwin) echo darwin ;;
	MINGW* | MSYS* | CYGWIN*) echo windows ;;
	*) fail "there is no release for $(uname -s)" ;;
	esac
}

machine() {
	case $(uname -m) in
	x86_64 | amd64) echo amd64 ;;
	aarch64 | arm64) echo arm64 ;;
	armv7*) echo armv7 ;;
	armv6*) echo armv6 ;;
	i?86) echo 386 ;;
	ppc64le | s390x | riscv64) uname -m ;;
	loongarch64) echo loong64 ;;
	*) fail "there is no release for $(uname -m)" ;;
	esac
}

# get downloads a file. Only what the signature covers is used, so the connection need not be trusted; it is all the same.
get() {
	curl --fail --silent --show-error --location --retry 3 --max-filesize 200000000 --output "$2" "$1" ||
		fail "downloading $1 did not work: is there a release $version?"
}

if [ -z "$version" ]; then
	newest=$(curl --fail --silent --show-error --location --retry 3 --output /dev/null --write-out '%{url_effective}' "$from/latest") ||
		fail "asking $from for the newest release did not work: name one with --version"
	version=${newest##*/}
fi
case $version in
v[0-9]*.[0-9]*.[0-9]*) ;;
*) fail "expected a version such as v1.2.3, found $version" ;;
esac
case $version in
*[!A-Za-z0-9.-]*) fail "expected a version such as v1.2.3, found $version" ;;
esac

number=${version#v}
os=$(system)
arch=$(machine)
ending=tar.gz program=pyimg
if [ "$os" = windows ]; then
	ending=zip program=pyimg.exe
fi
sums=pyimg_${number}_checksums.txt
archive=pyimg_${number}_${os}_${arch}.$ending

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
get "$from/download/$version/$sums" "$work/$sums"
get "$from/download/$version/$sums.sigstore.json" "$work/bundle"

# The bundle is a line of JSON; openssl reads the signature out of it.
sed -n 's/.*"messageSignature":{.*"signature":"\([A-Za-z0-9+\/=]*\)".*/\1/p' "$work/bundle" >"$work/base64"
[ -s "$work/base64" ] || fail "$sums.sigstore.json is no bundle with the signature of a file"
openssl base64 -d -A -in "$work/base64" -out "$work/signature"
openssl dgst -sha256 -verify "$key" -signature "$work/signature" "$work/$sums" >/dev/null 2>&1 ||
	fail "the key $key did not sign $sums of $version: it was changed, or another key signed it"

# The list names the files with the version, so a list of another version does not have this archive.
expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$work/$sums")
[ -n "$expected" ] || fail "$sums of $version has no $archive"
get "$from/download/$version/$archive" "$work/$archive"
found=$(openssl dgst -sha256 -r "$work/$archive" | cut -d' ' -f1)
[ "$found" = "$expected" ] || fail "the SHA-256 of $archive is $found, expected $expected"

mkdir -p "$dir"
if [ "$ending" = zip ]; then
	unzip -q -o "$work/$archive" "$program" -d "$work"
else
	tar -xzf "$work/$archive" -C "$work" "$program"
fi
# The folder may be on another file system, and an older program may be running: the new one is written next to it and renamed.
trap 'rm -rf "$work" "$dir/.$program.$$"' EXIT
cp "$work/$program" "$dir/.$program.$$"
mv -f "$dir/.$program.$$" "$dir/$program"
"$dir/$program" version >&2
echo "$dir/$program"
