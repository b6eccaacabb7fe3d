#!/bin/sh
# nginx and PHP-FPM under one shell. At SIGTERM nginx drains first; with `together`, PHP-FPM ends at the same moment.
php-fpm8.2 --allow-to-run-as-root --fpm-config fpm.conf --prefix "$PWD" &
fpm=$!
nginx -p . -c nginx.conf -e stderr &
nginx=$!
stop() {
    if [ "$1" = together ]; then kill -TERM "$fpm"; fi
    kill -QUIT "$nginx"
    wait "$nginx"
    kill -QUIT "$fpm" 2>/dev/null
    wait "$fpm"
    exit 0
}
trap 'stop "$1"' TERM
wait "$nginx"
