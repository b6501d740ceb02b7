"""The agents that MOSEL is compared with, each a composition of the same modules (section 4.1)."""
