"""Refining one module from reflected episodes, sections 3.1 to 3.3, and choosing which one."""
