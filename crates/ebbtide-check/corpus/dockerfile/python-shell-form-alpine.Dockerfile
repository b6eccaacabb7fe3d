# expect: D001 info
# busybox ash is replaced by the last command.
FROM python:3.12-alpine
WORKDIR /srv
COPY . .
RUN pip install --no-cache-dir .
CMD uvicorn app.main:app --host 0.0.0.0 --port 8000
