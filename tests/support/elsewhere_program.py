"""Start jobs and look at them in the place this runs in: ``elsewhere_program.py JOBS_DIR``.

Reads one JSON list per line, ``["start", PROGRAM, ARGUMENT...]`` or ``["see", ID]``, and answers
each with one line of JSON; ends with its standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.store import JobStore
from support.jobs import JobStarter


def main() -> None:
    store = JobStore(Path(sys.argv[1]))
    start = JobStarter(store, Path("/"))
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        answer: object
        if verb == "start":
            answer = start(*arguments, grace_s=0.3).id
        else:
            seen = observe(store, *arguments)
            answer = [seen.job.status, seen.doubt, seen.job.reason or ""]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
