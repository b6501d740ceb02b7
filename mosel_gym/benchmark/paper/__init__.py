"""The tables and the curve of the paper as commands: what it reports, beside what was measured here."""
