"""What the log tells when it is asked about a person or a thing: rules and questions, no HTTP."""
