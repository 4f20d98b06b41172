"""Parts of a log for readers outside: making and ending them, what is masked in them, and reading within them."""
