# The entry point of the base puts `postgres` in front of the options, and STOPSIGNAL SIGINT is for it.
FROM postgres:17
COPY extensions.sql /docker-entrypoint-initdb.d/
CMD ["-c", "shared_preload_libraries=pg_stat_statements", "-c", "max_connections=300"]
