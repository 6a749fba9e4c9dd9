"""`python -m naq_tui` is `naq-console`."""

import sys

from naq_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
