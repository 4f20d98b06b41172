"""What the entries of a log tell together: of a person or a thing, and what is unusual among them."""
