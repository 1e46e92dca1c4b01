"""A run's report while it grows, served to this machine alone and read-only, from the run's directory alone.

The search knows nothing of it: it may run here or write to this directory from elsewhere. The page asks every two
seconds whether something is new and takes it over where it stands, without losing its place.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from appnas.report import page
from appnas.report.story import read
from appnas.report.writer import render
from appnas.support import digest

HOST = "127.0.0.1"
PATIENCE = 4.0
"""A page is made at most so often: the time since the last is that many times what it took, or more."""
WATCHED = ("config.json", "history.jsonl", "alphas.jsonl", "result.json", "retrain.json", "places.jsonl")
SCRIPT = """
let stamp = document.body.dataset.stamp;
const say = text => { document.getElementById("live").textContent = text; };
setInterval(async () => {
  try {
    const now = await (await fetch("stamp")).text();
    if (now !== stamp) {
      const made = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
      const open = [...document.querySelectorAll("details")].map(each => each.open);
      document.querySelector("main").replaceWith(made.querySelector("main"));
      document.querySelectorAll("details").forEach((each, i) => { each.open = open[i] || false; });
      document.title = made.title;
      stamp = made.body.dataset.stamp;
    }
    say("live");
  } catch (error) { say("no longer served; what is shown is the last that was"); }
}, 2000);
"""
HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = f"{page.POLICY}; script-src 'sha256-{HASH}'; connect-src 'self'"


class Live:
    """The page of a run as it is now, made again when the run has grown and the last one is old enough.

    Args:
        path: the run's directory; it may not be there yet.
    """

    def __init__(self, path: Path):
        self.path, self.lock = Path(path), threading.Lock()
        self.stamp, self.text, self.next = "", "", 0.0

    def seen(self) -> str:
        """What the run's files look like: another text after anything was written."""
        folders = [self.path, *sorted(self.path.glob("seed-*"))]
        files = [folder / name for folder in folders for name in WATCHED]
        return digest(str([(str(file), _state(file)) for file in files]))

    def page(self) -> tuple[str, str]:
        """The page and its stamp."""
        with self.lock:
            now = self.seen()
            if now != self.stamp and time.monotonic() >= self.next:
                began = time.monotonic()
                self.stamp, self.text = now, self._made(now)
                self.next = time.monotonic() + PATIENCE * (time.monotonic() - began)
            return self.text, self.stamp

    def _made(self, stamp: str) -> str:
        try:
            text, _ = render(read(self.path))
        except Exception as error:  # not begun yet, written to at this moment, or what no page can be made of
            text = page.page(str(self.path), [f"<h1>Waiting for the run</h1><p>{escape(str(error))}</p>"])
        live = f'<p id="live" class=live>live</p><script>{SCRIPT}</script>'
        text = text.replace(page.POLICY, POLICY, 1).replace("<body>", f'<body data-stamp="{stamp}">', 1)
        return text.replace("</body>", f"{live}</body>")


def _state(file: Path) -> tuple[int, int] | None:
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size


def server(path: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a run's page, not yet running: `serve_forever()` it.

    Args:
        path: the run's directory.
        port: to listen at; 0 for any that is free.

    Raises:
        OSError: the port is taken.
    """
    live = Live(path)

    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD of two addresses, from this machine."""

        def do_GET(self) -> None:
            """The page, or its stamp."""
            address: Any = self.server.server_address
            own = {f"{name}:{address[1]}" for name in (HOST, "localhost")}
            if self.headers.get("Host") not in own:  # another site's name that was pointed here
                self.send_error(403, "this page is for 127.0.0.1 alone")
                return
            if self.path not in ("/", "/stamp"):
                self.send_error(404)
                return
            text, stamp = live.page()
            body = (text if self.path == "/" else stamp).encode()
            self.send_response(200)
            self.send_header("Content-Type", f"text/{'html' if self.path == '/' else 'plain'}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command == "GET":
                with suppress(ConnectionError):  # who asked went away
                    self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: requests come every two seconds."""

    made = ThreadingHTTPServer((HOST, port), Handler)
    made.daemon_threads = True
    return made


def watch(path: Path, port: int = 0, told: Callable[[str], None] = print, parent: int = 0) -> None:
    """Serve a run's page until Ctrl-C.

    Args:
        path: the run's directory; it may not be there yet.
        port: to listen at; 0 for any that is free.
        told: what is called with the address.
        parent: end when this process is no longer the parent; 0 to go on.

    Raises:
        OSError: the port is taken.
    """
    if hasattr(os, "nice"):
        os.nice(5)  # pages come after the search
    with server(path, port) as made:
        told(f"http://{HOST}:{made.server_address[1]}/")
        if parent:
            orphaned = threading.Thread(target=_until_orphan, args=(made, parent), daemon=True)
            orphaned.start()
        made.serve_forever()


def _until_orphan(made: ThreadingHTTPServer, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    made.shutdown()


if __name__ == "__main__":
    watch(Path(sys.argv[1]), told=lambda text: print(f"watch: {text}", file=sys.stderr), parent=int(sys.argv[2]))
