"""INCIDENTS → OUT, one module per destination. Nothing is registered: a module with ``SINK`` is a sink."""
