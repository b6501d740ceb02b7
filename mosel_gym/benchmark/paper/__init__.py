"""The tables and the curve of the paper as commands: its numbers, beside what was measured here."""
