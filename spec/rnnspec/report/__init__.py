"""Results for people: the terminal's summary."""
