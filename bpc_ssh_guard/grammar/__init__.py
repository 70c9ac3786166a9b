"""The grammars: .lark sources, the tables made from them, and the driver that runs the tables."""
