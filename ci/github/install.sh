#!/bin/sh
# The first step of action.yml: installs a verified release, puts it on PATH, and says where its cache is.
set -eu

version=${INPUT_VERSION:-}
if [ -z "$version" ]; then
	# An action that is named by the tag of a release brings that release.
	case ${INPUT_REF:-} in
	v[0-9]*.[0-9]*.[0-9]*) version=$INPUT_REF ;;
	esac
fi

bin=${RUNNER_TEMP:?}/pyimg/bin
set -- --key "${INPUT_KEY:-$GITHUB_ACTION_PATH/release/pyimg.pub}" --dir "$bin"
[ -z "$version" ] || set -- "$@" --version "$version"
[ -z "${INPUT_RELEASES:-}" ] || set -- "$@" --from "$INPUT_RELEASES"
program=$(sh "$GITHUB_ACTION_PATH/ci/install.sh" "$@")

# Compiling Python's modules needs namespaces, which Ubuntu 24.04 forbids to ordinary users. Where it cannot be allowed, pyimg says
# what it needs.
setting=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if [ "${INPUT_SANDBOX:-}" = true ] && [ -e "$setting" ] && [ "$(cat "$setting")" != 0 ]; then
	sudo -n sysctl --quiet --write kernel.apparmor_restrict_unprivileged_userns=0 ||
		echo "::warning::pyimg: namespaces are forbidden to ordinary users here, and sudo did not work" >&2
fi

printf '%s\n' "$bin" >>"$GITHUB_PATH"
{
	printf 'version=%s\n' "$("$program" version --json | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')"
	printf 'cache=%s\n' "$RUNNER_TEMP/pyimg/cache"
} >>"$GITHUB_OUTPUT"
