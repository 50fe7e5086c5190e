"""The HTTP API and the console: what people see in a browser. Every read goes through the perimeter of who looks."""
