"""bytes → raw frames with positions."""
