"""Configuration: sqlmig.toml, environments, what goes before what, and the passwords that never show."""

from sqlmig.config.connection import Target, known_redactor
from sqlmig.config.secrets import Redactor, Secret
from sqlmig.config.settings import Environment, load, write_default
from sqlmig.config.source import find_config
from sqlmig.config.units import parse_duration

__all__ = [
    "Environment",
    "Redactor",
    "Secret",
    "Target",
    "find_config",
    "known_redactor",
    "load",
    "parse_duration",
    "write_default",
]
