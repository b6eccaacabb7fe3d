# expect: D004 warning at npx
# What `uv run` starts is looked at as any program.
FROM python:3.13-slim
COPY . .
CMD ["uv", "run", "--frozen", "npx", "serve"]
