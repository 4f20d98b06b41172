"""
Taking entries over from another log: a file is read, each of its lines mapped to an event, and all of them recorded.

`reading` yields what stands in the file, `mapping` says what it means here, `loading` records it.
"""
