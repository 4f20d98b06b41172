"""Pages and fragments: what speaks HTTP. The rules and the data are below it."""
