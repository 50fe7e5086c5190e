"""What sixty parsers share: one module per carrier (syslog, key=value, csv, cef, json), vectorised over a text column."""
