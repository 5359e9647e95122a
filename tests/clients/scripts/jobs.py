"""Jobs of a client's script: lines of JSON in, lines of JSON out; only standard library here."""

import json
import sys


def jobs():
    """The jobs as they come, until there are no more."""
    for line in sys.stdin:
        yield json.loads(line)


def tell(job, event, **more):
    """Tell something of a job; the last event is `end`."""
    print(json.dumps({"number": job["number"], "event": event, **more}), flush=True)
