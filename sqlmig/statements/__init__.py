"""SQL text: where statements begin and end, what they are, where an error in them is."""

from sqlmig.statements.digest import Digested, digest_version, token_digest
from sqlmig.statements.pieces import CopyData, Directive, Gap, Piece, Run, Statement
from sqlmig.statements.positions import Position, context_position, data_line, error_position, locate
from sqlmig.statements.preview import pretty, preview
from sqlmig.statements.rules import TransactionRule, runs_anywhere
from sqlmig.statements.scanner import scan, scan_in_runs, split

__all__ = [
    "CopyData",
    "Digested",
    "Directive",
    "Gap",
    "Piece",
    "Position",
    "Run",
    "Statement",
    "TransactionRule",
    "context_position",
    "data_line",
    "digest_version",
    "error_position",
    "locate",
    "pretty",
    "preview",
    "runs_anywhere",
    "scan",
    "scan_in_runs",
    "split",
    "token_digest",
]
