# sqlmig with the migrations of sql/, to be run beside a database: see docker-compose.yml.
FROM python:3.13-slim

WORKDIR /app

# The package first: it changes less often than the migrations do.
COPY pyproject.toml README.md LICENSE ./
COPY sqlmig ./sqlmig
RUN pip install --no-cache-dir . && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent sqlmig

COPY sqlmig.toml ./
COPY sql ./sql

USER 10001

ENTRYPOINT ["sqlmig"]
CMD ["status"]
