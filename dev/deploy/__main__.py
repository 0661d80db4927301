"""``python -m dev.deploy up | down | beside | deploy STAGE | destroy STAGE``."""

from __future__ import annotations

from dev.deploy import commands

commands.main()
