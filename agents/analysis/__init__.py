"""Video analyzers: an episode in, a verdict on each skill and a rationale out (section 3.4)."""
