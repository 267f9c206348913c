"""A PostgreSQL migration runner for people who write SQL."""
