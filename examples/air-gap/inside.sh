#!/bin/sh
# Inside: checks who signed the bundle and that it is whole, and assembles. No host is asked. usage: inside.sh PUBLIC-KEY BUNDLE REFERENCE
set -eu
key=$1 bundle=$2 reference=$3
spec=${SPEC:-pyimg.yaml}
pyimg bundle verify "$bundle" --key "$key"
pyimg assemble "$spec" --locked --bundle "$bundle" --bundle-key "$key" --offline --push "$reference"
