"""`python -m noiseprune`."""

from noiseprune.cli import main

if __name__ == "__main__":
    main()
