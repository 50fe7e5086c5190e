"""detections and hits → incidents: group, count, lifecycle."""
