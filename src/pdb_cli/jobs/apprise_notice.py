"""Send one notice through Apprise, in a process of its own.

Run by ``notify.py`` as ``python -P -m pdb_cli.jobs.apprise_notice``. What to send is JSON in an
environment variable, since an Apprise URL holds passwords and arguments can be read by everybody.
"""

from __future__ import annotations

import json
import os
import sys

from pdb_cli.jobs.notify import NOTICE_VARIABLE


def main() -> int:
    """Send the notice; the exit code says whether every service took it."""
    import apprise

    notice = json.loads(os.environ[NOTICE_VARIABLE])  # noqa: TID251 - a process of its own
    sender = apprise.Apprise()
    if not sender.add(notice["url"].split()):
        return 2
    kind = apprise.NotifyType.SUCCESS if notice["good"] else apprise.NotifyType.FAILURE
    sent = sender.notify(title=notice["title"], body=notice["body"], notify_type=kind)
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())  # noqa: TID251 - this is a process of its own
