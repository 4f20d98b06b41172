"""gunicorn with our configuration, run from Python."""

import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import ClientDisconnected

from auditweb.cli import reviewing, telling
from auditweb.cli.exporting import thread_of
from auditweb.cli.patience import Worker
from auditweb.config import THREADS, Settings
from auditweb.extensions import db
from auditweb.ledger.watch import sealing_thread

_LAST_BATCH = 5  # seconds that a worker on its way out waits for its sealer

_log = structlog.stdlib.get_logger("auditweb.server")


class ListenError(Exception):
    """The address is taken or not this machine's; the text is one sentence."""


def check_port(settings: Settings) -> None:
    """Raise ListenError if nothing can listen where *settings* say, before work is done in vain."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ListenError(_why(error, settings)) from None


def run(app: Flask, settings: Settings, *, when_ready: Callable[[], object] = lambda: None) -> None:
    """Serve *app* until SIGTERM or SIGINT, and exit. *when_ready* is called once requests are taken."""
    with app.app_context():
        db.engine.dispose()  # no connection of this process goes into the workers

    def ready(_arbiter: object) -> None:
        # All that start-up made stays: outside the collector's sight it costs requests no pauses, and the workers,
        # forked from here, share it.
        gc.collect()
        gc.freeze()
        _log.info("serving", host=settings.host, port=settings.port, workers=settings.workers)
        when_ready()

    sealing = sealing_thread(settings.database_url)
    exporting = thread_of(settings)
    review = reviewing.thread_of(settings)
    webhooks = telling.thread_of(app, settings)

    def start_worker(_worker: object) -> None:
        _leave_ctrl_c_to_the_arbiter()
        sealing.start()  # a thread of each worker's own copy of this; one among them all does the work
        exporting.start()
        review.start()
        webhooks.start()

    def end_worker(_arbiter: object, _worker: object) -> None:
        exporting.tell_to_stop()
        webhooks.tell_to_stop()
        sealing.stop(within=_LAST_BATCH)
        exporting.stop(within=_LAST_BATCH)
        review.stop(within=_LAST_BATCH)
        webhooks.stop(within=_LAST_BATCH)

    _Server(
        app,
        {
            "bind": f"[{settings.host}]:{settings.port}"
            if ":" in settings.host
            else f"{settings.host}:{settings.port}",
            "preload_app": True,
            "worker_class": Worker,
            "workers": settings.workers,
            "threads": THREADS,
            "keepalive": 5,
            "timeout": 60,
            "graceful_timeout": 10,
            "worker_tmp_dir": "/dev/shm"
            if Path("/dev/shm").is_dir()
            else None,  # its heartbeat must not wait for a disk
            "forwarded_allow_ips": "",  # what proxies say is read in one place, ProxyFix
            "control_socket_disable": True,
            "proc_name": "auditweb",
            "logger_class": _Log,
            "when_ready": ready,
            "post_worker_init": start_worker,
            "worker_exit": end_worker,
        },
    ).run()


def _leave_ctrl_c_to_the_arbiter() -> None:
    # It reaches all processes at once; the arbiter's own signal to stop, coming while a worker answers the first one,
    # locks that worker up until it is killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        return _forgiving(self._app)


def _forgiving(app: Flask) -> WSGIApplication:
    """
    Have a body that is no http, or does not come whole, answered with 400: it is when *app* reads it that this shows.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = _Body(environ["wsgi.input"], _length(environ))
        return app(environ, start_response)

    return answer


def _length(environ: WSGIEnvironment) -> int:
    """Return the length of the body that was announced; none is where its own framing tells its end."""
    return 0 if "HTTP_TRANSFER_ENCODING" in environ else int(environ.get("CONTENT_LENGTH") or 0)


class _Body:
    """A body of the *length* that was announced: gunicorn's own ends without a word where the connection does."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._missing = length

    def read(self, *size: int) -> bytes:
        came = self._tried(self._stream.read, *size)
        if self._missing > 0 and (not size or size[0] < 0):
            raise ClientDisconnected
        return came

    def readline(self, *size: int) -> bytes:
        return self._tried(self._stream.readline, *size)

    def _tried(self, read: Callable[..., bytes], *size: int) -> bytes:
        try:
            came = read(*size)
        except (ParseException, NoMoreData, OSError) as error:
            raise ClientDisconnected from error
        self._missing -= len(came)
        if not came and self._missing > 0 and size != (0,):
            raise ClientDisconnected
        return came


class _Log(Logger):  # type: ignore[misc]
    """Leaves gunicorn's own messages, from warnings up, to the log of the application."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.setLevel(logging.WARNING)
        self.error_log.propagate = True


def _why(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} is in use by another program: stop that one, or choose another port, "
            f"such as AUDITWEB_PORT={settings.port + 1 if settings.port < 65535 else 8000}."
        )
    if error.errno == errno.EACCES:
        return f"Port {settings.port} may be used by root only: set AUDITWEB_PORT to one from 1024 up."
    return f"AUDITWEB_HOST: nothing can listen on {settings.host} here ({error.strerror})."
