"""Incidents, silences and people's words × the catalogue of services → states of services and legal deadlines. No I/O."""
