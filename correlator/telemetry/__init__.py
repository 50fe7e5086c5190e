"""Every metric in one table; every thing that can happen in one place."""
