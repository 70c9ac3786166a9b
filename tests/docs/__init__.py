"""The documents: true of the code, clean for mandoc, and their examples do what they show."""
