"""rnnspec: an executable specification of recurrent networks.

The specification itself is in `rnnspec.clauses`; `pytest --pyargs rnnspec` runs it.
"""

__version__ = "0.1.0"
SPECIFICATION = "1.0-draft"
