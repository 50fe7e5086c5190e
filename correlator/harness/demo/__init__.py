"""The demonstration: a seeded day of nine communes, four attacks in it, and the score of what was found.

``generator.generate`` writes log files of ten kinds of source and, elsewhere, the truth; ``score.score`` compares incidents
with it. The engine sees the log files and ``estate.toml``, nothing else. ``attacks`` says which rules each attack should
trigger; ``lookalikes`` what must not become an incident.
"""
