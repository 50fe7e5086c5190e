"""The polars backend of ``sigma convert``, where pySigma looks for it; see ``correlator.detect.pysigma.backend``."""

from correlator.detect.pysigma import backend as _backend

__all__ = ["PolarsBackend"]


class PolarsBackend(_backend.PolarsBackend):
    """Sigma rules → polars expressions, as Tocsin runs them."""


PolarsBackend.__abstractmethods__ = frozenset()
