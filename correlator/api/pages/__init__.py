"""The pages of the console: one module per thing people do, each with a ``router``."""
