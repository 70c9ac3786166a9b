"""A summary for people: one HTML file that needs nothing else, or text for a terminal."""
