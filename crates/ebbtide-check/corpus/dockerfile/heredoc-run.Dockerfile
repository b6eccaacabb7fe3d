# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN <<EOF
apt-get update
apt-get install -y --no-install-recommends libpq5
rm -rf /var/lib/apt/lists/*
EOF
WORKDIR /app
COPY --chown=1000:1000 . .
USER 1000
CMD ["python", "-m", "app"]
