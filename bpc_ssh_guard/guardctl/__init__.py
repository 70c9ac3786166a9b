"""The client admin's tool: install and bundle, check and explain, authorize and suggest."""
