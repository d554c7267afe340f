"""Data to learn from: data sets, images from files, tasks of trials, truth tables."""
