"""What is kept about the log beside the log: written by sealers, checked and mended by the operator."""
