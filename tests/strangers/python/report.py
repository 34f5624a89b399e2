"""One line a check, `ok name` or `not ok name: why`, and the closing line."""

import json
import traceback

import anyio
from mcp.shared.exceptions import MCPError

CHECK_TIMEOUT = 30.0


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    async def check(self, name, body):
        try:
            with anyio.fail_after(CHECK_TIMEOUT):
                await body()
        except Exception as error:
            self.failed += 1
            print(f"not ok {name}: {explain(error)}", flush=True)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 and self.passed > 0 else 1


def explain(error):
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(explain(inner) for inner in error.exceptions)
    if isinstance(error, MCPError):
        return f"{error.message} [{error.code}] data {shown(error.data)}"
    if isinstance(error, TimeoutError) and not str(error):
        return f"no end after {CHECK_TIMEOUT} s"
    if isinstance(error, Failed):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({last.name}:{last.lineno})".replace("\n", " ")[:800]


def shown(value):
    if hasattr(value, "model_dump"):
        value = value.model_dump(by_alias=True, mode="json", exclude_none=True)
    return json.dumps(value, default=str)[:500]


class Failed(Exception):
    """A check that did not hold."""


def expect(condition, what, seen=None):
    if not condition:
        raise Failed(f"{what}; got {shown(seen)}")


async def until(what, probe, timeout=5.0):
    """Waits until `probe` returns a truthy value, and returns it."""
    deadline = anyio.current_time() + timeout
    while True:
        value = await probe()
        if value:
            return value
        if anyio.current_time() > deadline:
            raise Failed(f"{what}: not within {timeout} s")
        await anyio.sleep(0.02)


async def failure(awaitable):
    """The protocol error that `awaitable` fails with."""
    try:
        value = await awaitable
    except MCPError as error:
        return error
    raise Failed(f"expected an error; got {shown(value)}")
