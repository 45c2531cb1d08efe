#!/bin/sh
# Puts the programs for Linux that GoReleaser has built into folders by Alpine's names, where release/pyimg.yaml takes them.
# usage: roots.sh DIST ROOT
set -eu
dist=$1 root=$2
for pair in x86_64:pyimg_linux_amd64_v1 aarch64:pyimg_linux_arm64_v8.0 armv7:armv7_linux_arm_7 armhf:pyimg_linux_arm_6 \
	x86:pyimg_linux_386_sse2 ppc64le:pyimg_linux_ppc64le_power8 s390x:pyimg_linux_s390x riscv64:pyimg_linux_riscv64_rva20u64 \
	loongarch64:pyimg_linux_loong64; do
	mkdir -p "$root/${pair%%:*}"
	cp "$dist/${pair#*:}/pyimg" "$root/${pair%%:*}/pyimg"
done
