"""`make bench`: what the guard costs, beside rrsync and the bare interpreter in the same rounds."""
