#!/usr/bin/env bash
# Checks deployment files in a step of GitHub Actions: `action.yml` runs it.
#
# EBBTIDE            the command
# EBBTIDE_ARGUMENTS  the arguments of `ebbtide check`, with quotes as in a shell; nothing is expanded or executed
# EBBTIDE_RESULTS    the folder for the results
set -euo pipefail
mapfile -d '' -t words < <(printf '%s' "$EBBTIDE_ARGUMENTS" | xargs printf '%s\0')
mkdir -p "$EBBTIDE_RESULTS"
exec "$EBBTIDE" check \
    --format github \
    --format "json=$EBBTIDE_RESULTS/check.json" \
    --format "junit=$EBBTIDE_RESULTS/check.xml" \
    --format "sarif=$EBBTIDE_RESULTS/check.sarif" \
    "${words[@]}"
