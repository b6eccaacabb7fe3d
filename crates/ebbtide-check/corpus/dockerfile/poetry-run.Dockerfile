# `poetry run` is replaced by the program.
FROM python:3.12-slim
RUN pip install poetry==1.8.3
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN poetry install --only main
COPY . .
CMD ["poetry", "run", "gunicorn", "shop.wsgi:application", "--bind", "0.0.0.0:8000"]
