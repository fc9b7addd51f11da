"""``roomd`` with alterations: ``altered_server.py NAME[,NAME …] serve …``.

A child process of the tests. Times become shorter before a precaution is taken away.
"""

from __future__ import annotations

import sys

from precautions import ALTERATIONS

from roomd_server.cli import main

if __name__ == "__main__":
    ALTERATIONS.apply(sys.argv.pop(1).split(","), setattr)
    raise SystemExit(main())
