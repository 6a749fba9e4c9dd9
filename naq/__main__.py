"""`python -m naq` is the `naq` command."""

import sys

from naq.cli.main import main

sys.exit(main())
