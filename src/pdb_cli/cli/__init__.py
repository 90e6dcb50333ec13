"""The command line: the only code that prints, colours or exits."""
