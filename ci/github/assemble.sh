#!/bin/sh
# The step of action.yml that assembles. pyimg itself writes the outputs and the summary.
set -eu

newline='
'

# lowered makes the capitals in the name of a reference small, since registries take none: GitHub's owners may have some. A tag keeps
# its own.
lowered() {
	name=$1 tag=''
	case ${name##*/} in
	*:*)
		tag=:${name##*:}
		name=${name%"$tag"}
		;;
	esac
	printf '%s%s\n' "$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]')" "$tag"
}

set -- assemble

# Arguments come one a line, so that the shell splits and expands nothing in them. Globs are expanded in specs alone.
IFS=$newline
for spec in ${INPUT_SPEC:-}; do
	set -- "$@" "$spec"
done
set -f
for reference in ${INPUT_PUSH:-}; do
	set -- "$@" --push "$(lowered "$reference")"
done
[ -z "${INPUT_PLATFORMS:-}" ] || set -- "$@" --platform "$INPUT_PLATFORMS"
for argument in ${INPUT_ARGS:-}; do
	set -- "$@" "$argument"
done
unset IFS

# The login is in the environment of this one command. It comes before docker's and podman's own, which still count for others.
if [ -n "${INPUT_USERNAME:-}${INPUT_PASSWORD:-}${INPUT_REGISTRY:-}" ]; then
	if [ -z "${INPUT_USERNAME:-}" ] || [ -z "${INPUT_PASSWORD:-}" ] || [ -z "${INPUT_REGISTRY:-}" ]; then
		echo "::error::pyimg: registry, username and password belong together" >&2
		exit 2
	fi
	case $INPUT_REGISTRY in
	*[!A-Za-z0-9.:-]*)
		echo "::error::pyimg: registry: expected HOST or HOST:PORT, found $INPUT_REGISTRY" >&2
		exit 2
		;;
	esac
	if [ -n "${DOCKER_AUTH_CONFIG:-}" ]; then
		echo "::error::pyimg: DOCKER_AUTH_CONFIG has a login already: leave username and password out, or the variable" >&2
		exit 2
	fi
	login=$(printf '%s:%s' "$INPUT_USERNAME" "$INPUT_PASSWORD" | base64 | tr -d '\r\n')
	# shellcheck disable=SC2089 # the quotes are JSON's
	DOCKER_AUTH_CONFIG="{\"auths\":{\"$INPUT_REGISTRY\":{\"auth\":\"$login\"}}}"
	# shellcheck disable=SC2090
	export DOCKER_AUTH_CONFIG
fi
unset INPUT_PASSWORD

exec pyimg "$@"
