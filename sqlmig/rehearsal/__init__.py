"""Proving migrations: each is run up, down and up again on a shadow, and what differs is named."""

from sqlmig.rehearsal.course import Course, course
from sqlmig.rehearsal.filling import Filling
from sqlmig.rehearsal.rehearsing import Rehearsal
from sqlmig.rehearsal.stage import Stage

__all__ = ["Course", "Filling", "Rehearsal", "Stage", "course"]
