"""detections → hits: keyed, in event time."""
