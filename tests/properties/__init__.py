"""Properties that hold for any input, and the fuzz targets that look for the input where not."""
