"""Adapters: the agent and the environments inside other people's harnesses."""
