"""How facts become text for people: tables, labels, the statement, the equity curve."""
