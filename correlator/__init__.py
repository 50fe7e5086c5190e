"""The engine of Tocsin: logs in, few well-qualified incidents out.

The flow, and the package that does each step::

    bytes ─ingest─▶ raw ─parse─▶ events ─enrich─▶ events ─detect─▶ detections ─correlate─▶ hits ─triage─▶ incidents ─deliver─▶
                          │ rejects                  │
                          ▼                          ▼
                     dead letter                    lake

``model`` holds the nouns, ``store`` what survives a restart, ``runtime`` is the only code that knows the order.
"""

__version__ = "0.1.0"
