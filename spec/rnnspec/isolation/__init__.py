"""Isolation: a clause that ends the process, or hangs, costs its own row and no other.

`--rnn-isolate` says what runs in a worker of pytest-xdist that may die: nothing, the clauses marked
`isolated`, which come last, or all. What became of the row in a dead worker is read from the worker's diary.
`--rnn-timeout` bounds a row: pytest-timeout interrupts Python, and where nothing can be interrupted,
faulthandler ends the process some seconds later.

    plugin      the hooks
    asked       the options, and what a worker is told
    controller  where the session is steered
    diary       what a worker is about, in a file that outlives it
    deaths      what became of it, and which row is to blame
    apart       a worker for the marked clauses of a session that has none
    limits      time, and what an implementation raises to end the session
"""
