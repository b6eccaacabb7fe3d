#!/usr/bin/env bash
# Rehearses a service in a step of GitHub Actions: `action.yml` runs it.
#
# EBBTIDE            the command
# EBBTIDE_ARGUMENTS  the arguments of `ebbtide rehearse`, with quotes as in a shell; nothing is expanded or executed
# EBBTIDE_RESULTS    the folder for the results
set -euo pipefail
mapfile -d '' -t words < <(printf '%s' "$EBBTIDE_ARGUMENTS" | xargs printf '%s\0')
mkdir -p "$EBBTIDE_RESULTS"
exec "$EBBTIDE" rehearse --quiet \
    --format github \
    --format "json=$EBBTIDE_RESULTS/rehearsal.json" \
    --format "junit=$EBBTIDE_RESULTS/rehearsal.xml" \
    --format "html=$EBBTIDE_RESULTS/rehearsal.html" \
    "${words[@]}"
