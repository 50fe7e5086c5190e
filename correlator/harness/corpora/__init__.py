"""Parsers against real logs: one module per corpus of ``../shared/data``, one table of what became of every record.

Nothing of a corpus is in this project: who wrote a record comes from the corpus itself and from ``tests/corpus/*.toml``, which
say the parser that should read it.
"""
