"""What `noiseprune train` reads: a module with Options and experiment for each model."""
