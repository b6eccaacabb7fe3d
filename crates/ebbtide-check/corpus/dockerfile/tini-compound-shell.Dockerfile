# expect: D008 warning at tini
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y tini python3 && rm -rf /var/lib/apt/lists/*
COPY . /app
ENTRYPOINT ["/usr/bin/tini", "--", "sh", "-c", "python3 /app/migrate.py; python3 /app/worker.py; echo bye"]
