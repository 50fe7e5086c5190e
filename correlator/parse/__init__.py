"""raw → events + rejects: pure functions of text. No record is dropped without a reason."""
