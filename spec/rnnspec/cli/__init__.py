"""The command line: thin over pytest and over files of results. What is wrong is said in a line."""

from . import bench, reading, results, running, vectors
from .common import app

__all__ = ["app", "bench", "reading", "results", "running", "vectors"]
