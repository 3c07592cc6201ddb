"""`python -m workflows` is `shipway`."""

from workflows.cli import main

if __name__ == "__main__":
    main()
