"""events → events: commune, zones, local hour, opening. Pure functions of an immutable Tables value."""
