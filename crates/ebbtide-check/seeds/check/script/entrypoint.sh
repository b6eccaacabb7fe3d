#!/bin/sh
set -e
start() {
  if [ -n "$A" ]; then migrate; fi
  case "$1" in
    web) app "$@" | tee log ;;
    *) exec app "$@" ;;
  esac
}
start "$@"
