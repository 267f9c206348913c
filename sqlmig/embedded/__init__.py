"""A PostgreSQL of one's own: found on this machine, started without root, an account or a configuration file.

A development cluster lives in a folder of the project, keeps its data and is reused. An ephemeral one lives only
as long as the process that asked for it. Only Unix sockets in folders with mode 0700 lead to either.
"""

from sqlmig.embedded.binaries import Binaries, find_binaries
from sqlmig.embedded.launch import Server
from sqlmig.embedded.server import running, start, stop
from sqlmig.embedded.temporary import ephemeral

__all__ = ["Binaries", "Server", "ephemeral", "find_binaries", "running", "start", "stop"]
