"""What triage takes and gives. The nouns live in ``model.outcome``, where the store can see them too."""

from correlator.model.outcome import Known, Outcome, Pieces, Told, TriageSettings

__all__ = ["Known", "Outcome", "Pieces", "Told", "TriageSettings"]
