"""The detectors of the security review: each hears one entry after another and reports what a person should look at."""
