"""Logs the official Python client in for servers that take tokens: protected.py legacy|modern JSON

The JSON says where the servers, their issuer, and the user's browser are. The client signs no requests (DPoP).
"""

import json
import logging
import sys
import warnings
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp.shared.exceptions import MCPError
from report import Report, expect

CALLBACK = "http://127.0.0.1/callback"
SHORT = 5.0


class User:
    """What the client keeps, and a user who agrees to everything."""

    def __init__(self, world):
        self.world = world
        self.kept = None
        self.client = None
        self.visits = []
        self.answer = None
        self.refreshes = 0
        self.is_new = False

    async def get_tokens(self):
        return self.kept

    async def set_tokens(self, tokens):
        # Without a visit before it, it is a refresh.
        self.refreshes += not self.is_new
        self.kept, self.is_new = tokens, False

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client

    async def visit(self, url):
        self.visits.append({name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})
        async with httpx2.AsyncClient() as http:
            visited = await http.post(self.world["browser"], content=f"{url}\n{CALLBACK}", timeout=30)
        expect(visited.status_code == 200, "the browser", visited.text)
        self.answer = {name: values[0] for name, values in parse_qs(urlsplit(visited.text).query).items()}

    async def return_to_client(self):
        self.is_new = True
        return AuthorizationCodeResult(**{name: self.answer.get(name) for name in ("code", "state", "iss")})

    def provider(self, url):
        metadata = OAuthClientMetadata(
            client_name="stranger-python", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
        )
        return OAuthClientProvider(url, metadata, self, self.visit, self.return_to_client)


class Session:
    """A client of one server, for a user or for whoever has a token."""

    def __init__(self, era, url, user=None, token=None):
        self.era, self.url = era, url
        self.auth = user.provider(url) if user else None
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def __aenter__(self):
        self.http = httpx2.AsyncClient(auth=self.auth, headers=self.headers, timeout=30)
        await self.http.__aenter__()
        transport = streamable_http_client(self.url, http_client=self.http)
        mode = "legacy" if self.era == "legacy" else "auto"
        self.client = Client(transport, mode=mode, cache=None, read_timeout_seconds=25)
        try:
            await self.client.__aenter__()
        except BaseException:
            await self.http.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *error):
        await self.client.__aexit__(*error)
        await self.http.__aexit__(*error)

    async def call(self, name):
        return (await self.client.call_tool(name)).content[0].text


def innermost(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def failed(action):
    """The error of the protocol that an action fails with."""
    try:
        await action
    except BaseException as error:
        inner = innermost(error)
        if not isinstance(inner, MCPError):
            raise
        return inner
    expect(False, "an error")


async def main(argv):
    if len(argv) != 2 or argv[0] not in ("legacy", "modern"):
        print("usage: protected.py legacy|modern JSON", file=sys.stderr)
        return 2
    era, world = argv[0], json.loads(argv[1])
    report = Report()

    async def token(name):
        user = User(world)
        async with Session(era, world[name], user):
            pass
        return user.kept.access_token, user.client.client_id

    async def refused(name, value, why):
        async def connect():
            async with Session(era, world[name], token=value):
                pass

        # The client does not tell the reason of a refusal that names no request.
        await failed(connect())
        async with httpx2.AsyncClient() as http:
            answer = await http.post(world[name], headers={"Authorization": f"Bearer {value}"})
        challenge = answer.headers.get("www-authenticate", "")
        is_told = answer.status_code == 401 and f'error_description="{why}"' in challenge
        expect(is_told, "the challenge", challenge)

    def logs_in(name):
        async def check():
            user = User(world)
            async with Session(era, world[name], user) as session:
                expect(await session.call("who") == "alice", "who calls")
            expect(len(user.visits) == 1, "one login", user.visits)
            asked = user.visits[0]
            expect(asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43, "PKCE", asked)
            expect(asked["resource"] == world[name], "the resource", asked)
            expect("notes:read" in asked["scope"].split(), "the scope of the challenge", asked)
            expect("notes:write" not in asked["scope"].split(), "no other scope", asked)

        return check

    def steps_up(name):
        async def check():
            user = User(world)
            async with Session(era, world[name], user) as session:
                expect(await session.call("who") == "alice", "who calls")
                expect(await session.call("write") == "written", "what the tool says")
                expect(await session.call("write") == "written", "what the tool says")
            expect(len(user.visits) == 2, "a login and a step", user.visits)
            expect({"notes:read", "notes:write"} <= set(user.visits[1]["scope"].split()), "both scopes", user.visits)

        return check

    def without_scope(name):
        async def check():
            value, _ = await token(name)
            async with Session(era, world[name], token=value) as session:
                expect(await session.call("who") == "alice", "who calls")
                error = await failed(session.call("write"))
                expect(error.message == "more scopes are needed", "the reason", error.message)

        return check

    for name in ("notes", "opaque"):
        await report.check(f"finds_the_issuer_and_logs_in_for_{name}", logs_in(name))
        await report.check(f"steps_up_for_{name}", steps_up(name))
        await report.check(f"is_refused_without_the_scope_of_a_tool_of_{name}", without_scope(name))

    async def refreshes():
        user = User(world)
        async with Session(era, world["short"], user) as session:
            expect(await session.call("who") == "alice", "who calls")
            await anyio.sleep(SHORT)
            expect(await session.call("who") == "alice", "who calls")
        expect(len(user.visits) == 1 and user.refreshes >= 1, "a refresh and no login", user.refreshes)

    async def audience():
        for name, other in (("notes", "short"), ("opaque", "vault")):
            value, _ = await token(name)
            await refused(other, value, "the token is for another audience")

    async def expired():
        value, _ = await token("short")
        await anyio.sleep(SHORT)
        await refused("short", value, "the token has expired")

    async def revoked():
        value, client = await token("opaque")
        async with Session(era, world["opaque"], token=value) as session:
            expect(await session.call("who") == "alice", "who calls")
            async with httpx2.AsyncClient() as http:
                form = {"token": value, "client_id": client}
                answer = await http.post(f"{world['issuer']}/token/revocation", data=form)
            expect(answer.status_code == 200, "it is revoked", answer.text)
            await failed(session.call("who"))
        await refused("opaque", value, "the token is not active")

    await report.check("refreshes_what_has_expired", refreshes)
    await report.check("is_refused_with_tokens_for_another_server", audience)
    await report.check("is_refused_with_a_token_that_has_expired", expired)
    await report.check("is_refused_with_a_token_that_was_revoked", revoked)
    return report.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.exit(anyio.run(main, sys.argv[1:]))
