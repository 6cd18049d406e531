"""Faults of a running venue: seen, added, taken away. On loopback, for whoever can read the token in the state folder."""

import hmac
import json
import os
import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from polybot.venue.faults.engine import FaultEngine
from polybot.venue.faults.script import ScriptError, read_fault

NOTE = "control.json"  # {"url", "token"}, 0600, in the venue's folder


class Control:
    """GET /faults · POST /faults (one fault as in a script) · DELETE /faults[?name=]."""

    def __init__(self, faults: FaultEngine) -> None:
        self.faults, self.token = faults, secrets.token_hex(16)

    def app(self) -> Starlette:
        """The web application that answers on the control port."""
        return Starlette(routes=[Route("/faults", self.handle, methods=["GET", "POST", "DELETE"])])

    def write_note(self, folder: Path, url: str) -> None:
        """Where we are and how one is let in, for our own user."""
        fresh = folder / f"{NOTE}.new"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w") as file:
            file.write(json.dumps({"url": url, "token": self.token}))
        fresh.replace(folder / NOTE)

    async def handle(self, request: Request) -> Response:
        """One verb; 401 without the token, 400 with a sentence for a fault that cannot be."""
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), self.token.encode()):
            return JSONResponse({"error": "the token is missing or wrong"}, 401)
        if request.method == "POST":
            try:
                self.faults.arm(read_fault(json.loads(await request.body())))
            except (ScriptError, ValueError) as exc:
                return JSONResponse({"error": str(exc)}, 400)
        elif request.method == "DELETE":
            name = request.query_params.get("name", "")
            if not self.faults.clear(name) and name:
                return JSONResponse({"error": f'no fault is called "{name}"'}, 404)
        return JSONResponse({"faults": self.faults.described()})
