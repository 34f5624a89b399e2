"""Runs the Autobahn test suite, which is written for Python 2: `main.py fuzzingclient|fuzzingserver SPEC`."""

import os
import site
import sys

site.addsitedir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages"))

from autobahntestsuite import fuzzing, wstest  # noqa: E402

chosen = fuzzing.FuzzingServerProtocol.onConnect


def on_connect(self, request):
    """Chooses a subprotocol, which the suite's own server never does, and without which there is no WebSocket for MCP."""
    chosen(self, request)
    return "mcp"


fuzzing.FuzzingServerProtocol.onConnect = on_connect

if __name__ == "__main__":
    mode, spec = sys.argv[1:]
    sys.argv = ["wstest", "--mode", mode, "--spec", spec, "--webport", "0"]
    wstest.run()
