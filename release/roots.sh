#!/bin/sh
# Puts the programs for Linux that GoReleaser has built into folders by Alpine's names, where release/pyimg.yaml takes them.
# usage: roots.sh DIST ROOT
set -eu
dist=$1 root=$2
for pair in x86_64:amd64_v1 aarch64:arm64_v8.0 armv7:arm_7 armhf:arm_6 x86:386_sse2 ppc64le:ppc64le_power8 s390x:s390x \
	riscv64:riscv64_rva20u64 loongarch64:loong64; do
	mkdir -p "$root/${pair%%:*}"
	cp "$dist/pyimg_linux_${pair#*:}/pyimg" "$root/${pair%%:*}/pyimg"
done
