"""How fast an implementation is, as the notebook claims it: letter by letter, as one slice, as a loaf.

Nothing here passes or fails on a time. What is measured is checked first: a wrong result gets no time. All
that is compared is measured in turns, so that a machine that slows down slows all of it.

`grid` says what is measured, `ways` how a case is called, `checking` what is right, `timing` reads the clock,
`roofline` says what the machine could do, `claims` what the notebook says of it all.
"""

from .contest import measured, refusals
from .figures import Measured
from .grid import GRIDS, Contest

__all__ = ["GRIDS", "Contest", "Measured", "measured", "refusals"]
