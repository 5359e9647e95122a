"""`intone` and `python -m intone`."""

from intone.cli.app import main

if __name__ == "__main__":
    main()
