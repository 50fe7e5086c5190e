"""events → detections: stateless, vectorised."""
