# With exec no shell stays.
FROM python:3.12-slim
WORKDIR /srv
COPY . .
RUN pip install --no-cache-dir .
CMD exec uvicorn app.main:app --host 0.0.0.0 --port ${PORT:-8000}
