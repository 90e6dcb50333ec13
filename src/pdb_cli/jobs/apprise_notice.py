"""Send one notice through Apprise, in a process of its own.

Run by ``notify.py`` as ``python -P -m pdb_cli.jobs.apprise_notice``. What to send comes as JSON
on standard input, since an Apprise URL holds passwords and arguments can be read by everybody.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Send the notice; the exit code says whether every service took it."""
    import apprise  # noqa: PLC0415 - heavy, and there only with the extra

    notice = json.load(sys.stdin)  # noqa: TID251 - the request comes through our own pipe
    sender = apprise.Apprise()
    if not sender.add(notice["url"]):
        return 2
    kind = apprise.NotifyType.SUCCESS if notice["good"] else apprise.NotifyType.FAILURE
    sent = sender.notify(title=notice["title"], body=notice["body"], notify_type=kind)
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())  # noqa: TID251 - this is a process of its own
