"""``python -m roomd_server.cli``."""

from roomd_server.cli.main import main

raise SystemExit(main())
