FROM python:3.11-slim
RUN apt-get update && apt-get install -y tini && rm -rf /var/lib/apt/lists/*
COPY . /app
ENTRYPOINT ["tini", "--"]
CMD ["python", "/app/worker.py"]
