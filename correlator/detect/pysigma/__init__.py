"""All use of pySigma: rule bodies in, our own condition trees out. Works with pySigma 1.5 and 2.x.

Importing this package loads pySigma; a rule set from the plan cache never needs it.
"""

from correlator.detect.pysigma.body import Body, BodyError, read_body
from correlator.detect.pysigma.mappings import LoadedMapping, Mappings, read_mapping

__all__ = ["Body", "BodyError", "LoadedMapping", "Mappings", "read_body", "read_mapping"]
