"""A failure as a few lines of plain torch, to paste into a bug report.

What the clause did is read back from its calls: every tensor that went in is found, by value, among
the numbers of the case and the results of earlier calls, and written as that expression.
"""

from .writing import script

__all__ = ["script"]
