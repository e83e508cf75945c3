"""``python -m posology``."""

from posology.cli import main

if __name__ == "__main__":
    main()
