#!/bin/sh
# Outside: locks, and puts all that the lock needs into one file, signed. usage: outside.sh KEY BUNDLE [FLAGS OF pyimg lock]
set -eu
key=$1 bundle=$2
shift 2
spec=${SPEC:-pyimg.yaml}
pyimg lock "$spec" "$@"
pyimg bundle create --lock "${spec%.yaml}.lock" --output "$bundle" --sign-key "$key"
