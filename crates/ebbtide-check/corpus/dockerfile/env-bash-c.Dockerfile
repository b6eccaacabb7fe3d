# expect: D002 warning at worker
# env is replaced by bash, and bash stays because of the second command.
FROM debian:bookworm-slim
COPY worker /usr/local/bin/worker
ENTRYPOINT ["/usr/bin/env", "bash", "-c", "worker --queue mail; echo done"]
