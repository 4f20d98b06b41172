"""The history of the schema, applied by `database.upgrade`."""
