"""The Settings area: one module for each page, below `/o/<org>/settings/`."""
