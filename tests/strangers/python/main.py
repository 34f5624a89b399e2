"""Drives a server with the official Python client: python main.py --era legacy|modern (--stdio CMD… | --http URL | --sse URL)"""

import logging
import sys
import warnings

import anyio
from both import both
from connection import opener
from legacy import legacy
from modern import modern
from report import Report, expect


def parse(argv):
    bindings = ("--stdio", "--http", "--sse")
    if len(argv) < 4 or argv[0] != "--era" or argv[1] not in ("legacy", "modern") or argv[2] not in bindings:
        sys.exit("usage: main.py --era legacy|modern (--stdio COMMAND [ARGUMENT…] | --http URL | --sse URL)")
    target = {"command": argv[3:]} if argv[2] == "--stdio" else {"url": argv[3], "sse": argv[2] == "--sse"}
    return argv[1], target


async def main(argv):
    era, target = parse(argv)
    report = Report()
    open_client = opener(era, **target)
    connection = open_client()

    async def connects():
        await connection.client.__aenter__()

    async def closes():
        await connection.client.__aexit__(None, None, None)

    # A timeout around __aenter__ would have to be left in the same task scope as __aexit__, so these two are plain.
    try:
        await connects()
    except Exception as error:
        report.failed += 1
        print(f"not ok connects: {error!r}")
        return report.close()
    report.passed += 1
    print("ok connects")
    await both(report, connection, era, open_client)
    await (legacy if era == "legacy" else modern)(report, connection, argv[2] == "--http")
    await closes()

    async def leaves_when_stdin_ends():
        last = open_client()
        async with last.client:
            await last.client.list_prompts()
            started = anyio.current_time()
        took = anyio.current_time() - started
        # The client closes stdin, and sends SIGTERM only after two seconds.
        expect(took < 1.9, "the process ends by itself within two seconds", f"{took:.2f} s")

    if "command" in target:
        await report.check("leaves_when_stdin_ends", leaves_when_stdin_ends)
    return report.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.exit(anyio.run(main, sys.argv[1:]))
