"""Task planners: a goal text and a skill set S in, a language plan out (section 3.1)."""
