"""The error that ends a run."""


class Unsupported(Exception):
    """AWS's model has something that the schema has no rule for, or changed something that cannot change."""
