# `uv run` passes SIGTERM on, and waits.
FROM python:3.13-slim
COPY . .
CMD ["uv", "run", "--no-sync", "gunicorn", "shop.wsgi:application"]
