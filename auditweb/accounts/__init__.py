"""Organisations, people and who may do what: the rules of the standalone product, without HTTP."""
