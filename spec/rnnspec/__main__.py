"""`python -m rnnspec` is `rnnspec`."""

from .cli import app

app()
