"""SQL text: where statements begin and end, what they are, where an error in them is."""

from sqlmig.statements.digest import Digested, digest_version, pieces_digest, token_digest
from sqlmig.statements.pieces import CopyData, Directive, Gap, Part, Piece, Run, Statement, in_pieces
from sqlmig.statements.positions import Position, context_position, data_line, error_position, locate
from sqlmig.statements.preview import pretty, preview
from sqlmig.statements.rules import TransactionRule, runs_anywhere
from sqlmig.statements.scanner import scan, scan_in_runs, split

__all__ = [
    "CopyData",
    "Digested",
    "Directive",
    "Gap",
    "Part",
    "Piece",
    "Position",
    "Run",
    "Statement",
    "TransactionRule",
    "context_position",
    "data_line",
    "digest_version",
    "error_position",
    "in_pieces",
    "locate",
    "pieces_digest",
    "pretty",
    "preview",
    "runs_anywhere",
    "scan",
    "scan_in_runs",
    "split",
    "token_digest",
]
