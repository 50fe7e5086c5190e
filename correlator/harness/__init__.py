"""Goldens, the .test time-axis script, the demonstration."""
