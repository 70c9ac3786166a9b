"""Tables generated from the grammars by compile.py; `make tables` writes them, a test proves them fresh."""
