"""The one way to read the log: a question (`filters`), its answer (`pages`), and who appears in it (`actors`)."""
