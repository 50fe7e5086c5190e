"""The nouns: frozen dataclasses and frame schemas. No I/O, no behaviour beyond the noun's own rules."""
