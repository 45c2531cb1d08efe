#!/bin/sh
# Writes the completions of the shells into a folder, by the names that the shells expect.
set -eu
dir=$1
mkdir -p "$dir"
go run ./cmd/pyimg completion bash >"$dir/pyimg.bash"
go run ./cmd/pyimg completion zsh >"$dir/_pyimg"
go run ./cmd/pyimg completion fish >"$dir/pyimg.fish"
