# expect: D005 error at STOPSIGNAL SIGKILL
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGKILL
CMD ["redis-server", "/etc/redis/redis.conf"]
