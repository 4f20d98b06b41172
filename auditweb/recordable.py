"""What may be recorded: the values of an event's row, or why there is none."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from auditweb import catalogue, clock, ids
from auditweb.catalogue import Action, ForeignAction
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target

# How many characters each may have.
MAX_TYPE = 50
MAX_SLUG = 100
MAX_ID = 200  # also of a request id and of an idempotency key
MAX_NAME = 300
MAX_FACT = 1000
MAX_FACTS = 64  # of one event
MAX_SUMMARY = 2000
MAX_URL = 2000
MAX_USER_AGENT = 500  # a longer one is cut: it is what a stranger sent, and must not keep an entry from being made

MAX_AHEAD = timedelta(minutes=5)  # how far a clock may run ahead of ours
REDACTED = "[redacted]"

AnyAction = Action | ForeignAction


class RecordError(ValueError):
    """
    What was to be recorded cannot be, because of *field*. Nothing was written; the text repeats no value.

    Of many events, *index* tells which it was.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.index: int | None = None


def shortened(name: str) -> str:
    """Return a name as long as an event may hold."""
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def checked(
    action: AnyAction | str,
    org_id: int,
    actor: Actor,
    target: Target | None = None,
    facts: Mapping[str, str] | None = None,
    via: Actor | None = None,
    outcome: Outcome | None = None,
    occurred_at: datetime | None = None,
    origin: Origin | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Return the values of the row for what `record` was given, or raise RecordError."""
    action = _known(action)
    if type(org_id) is not int or not 0 < org_id <= ids.LAST_ID:
        raise RecordError("org_id", "an event belongs to an organisation, given as a positive whole number")
    now = clock.now()
    happened = now if occurred_at is None else _moment(occurred_at, now)
    row = _facts_and_sentence(action, facts or {}, target)
    row["org_id"] = org_id
    row["category"] = action.category.value
    row["action"] = action.slug
    row["occurred_at"] = happened
    row["recorded_at"] = now
    row["actor_type"], row["actor_id"], row["actor_name"] = _actor("actor", actor)
    row["via_type"], row["via_id"], row["via_name"] = (None, None, None) if via is None else _actor("via", via)
    row["outcome"] = "success" if outcome is None else _outcome(outcome)
    row["ip"], row["user_agent"], row["request_id"] = (None, None, None) if origin is None else _origin(origin)
    row["idempotency_key"] = None if idempotency_key is None else _text("idempotency_key", idempotency_key, MAX_ID)
    try:
        row["id"] = ids.new_id(happened)
    except ValueError as error:
        raise RecordError("occurred_at", str(error)) from None
    return row


def omitted(
    action: object, facts: object = None, outcome: object = None, occurred_at: object = None, **_others: object
) -> frozenset[str]:
    """Return which columns hold what nobody said: they are not compared where an idempotency key is known."""
    words = action if isinstance(action, ForeignAction) else None
    sent = (
        ("category", words),
        ("summary", words),
        ("facts", facts),
        ("outcome", outcome),
        ("occurred_at", occurred_at),
    )
    return frozenset([name for name, value in sent if value is None])


def _known(action: object) -> AnyAction:
    if isinstance(action, ForeignAction):
        if len(action.slug) > MAX_SLUG:
            raise RecordError("action", f"this is longer than {MAX_SLUG} characters")
        if catalogue.find(action.slug) is not None:
            raise RecordError("action", "the catalogue has an action of this name, which brings its own sentence")
        _text("summary", action.summary, MAX_SUMMARY)
        return action
    slug = action.slug if isinstance(action, Action) else action
    known = catalogue.find(slug) if isinstance(slug, str) else None
    if known is None or (known is not action and isinstance(action, Action) and known != action):
        raise RecordError("action", f"the catalogue has no action {slug!r:.100}; a host's own are added to it first")
    return known


def _moment(occurred_at: object, now: datetime) -> datetime:
    if not isinstance(occurred_at, datetime) or not _has_zone(occurred_at):
        raise RecordError("occurred_at", "a date and time with its zone is needed")
    if occurred_at > now + MAX_AHEAD:
        raise RecordError("occurred_at", "this is more than five minutes in the future")
    if occurred_at < ids.EPOCH:
        raise RecordError("occurred_at", "this is before the year 2000")
    return occurred_at.astimezone(UTC)


def _has_zone(moment: datetime) -> bool:
    try:
        return moment.utcoffset() is not None
    except Exception:  # noqa: BLE001 - a zone is any code of the caller's
        return False


def _facts_and_sentence(action: AnyAction, facts: object, target: object) -> dict[str, Any]:
    if not isinstance(facts, Mapping):
        raise RecordError("facts", "a mapping of names to texts is needed")
    if len(facts) > MAX_FACTS:
        raise RecordError("facts", f"these are more than {MAX_FACTS}")
    kept: dict[str, str] = {}
    for name, value in facts.items():
        name = _text("facts", name, MAX_TYPE)
        value = _text(f"facts.{name}", value, MAX_FACT, blank=name not in action.needed)
        kept[name] = REDACTED if _is_secret(name) else value
    row: dict[str, Any] = dict.fromkeys(("target_type", "target_id", "target_name", "target_url"))
    if target is not None:
        if not isinstance(target, Target):
            raise RecordError("target", "a Target is needed")
        row["target_type"] = _type("target.type", target.type)
        row["target_id"] = _text("target.id", target.id, MAX_ID)
        row["target_name"] = _text("target.name", target.name, MAX_NAME)
        row["target_url"] = None if target.url is None else _url(target.url)
    elif action.takes_target:
        raise RecordError("target", f"{action.slug} lacks a target")
    try:
        row["summary"] = action.sentence(kept, row["target_name"] or "")
    except ValueError as error:
        raise RecordError("facts", str(error)) from None
    if len(row["summary"]) > MAX_SUMMARY:
        raise RecordError("facts", f"the sentence they make is longer than {MAX_SUMMARY} characters")
    row["facts"] = kept
    return row


def _actor(field: str, actor: object) -> tuple[str, str, str]:
    if not isinstance(actor, Actor) or actor.type not in _ACTOR_TYPES:
        raise RecordError(field, "an Actor of a known type is needed")
    return (
        str.__str__(actor.type),
        _text(f"{field}.id", actor.id, MAX_ID),
        _text(f"{field}.name", actor.name, MAX_NAME),
    )


def _outcome(outcome: object) -> str:
    if not isinstance(outcome, str) or outcome not in _OUTCOMES:
        raise RecordError("outcome", "success, failure or denied is needed")
    return str.__str__(outcome)


def _origin(origin: object) -> tuple[str | None, str | None, str | None]:
    if not isinstance(origin, Origin):
        raise RecordError("origin", "an Origin is needed")
    agent = origin.user_agent
    if isinstance(agent, str) and len(agent) > MAX_USER_AGENT:
        agent = agent[: MAX_USER_AGENT - 1] + "…"
    return (
        None if origin.ip is None else _address(_text("origin.ip", origin.ip, MAX_ID)),
        None if agent is None else _text("origin.user_agent", agent, MAX_USER_AGENT, blank=True),
        None if origin.request_id is None else _text("origin.request_id", origin.request_id, MAX_ID),
    )


def _text(field: str, value: object, longest: int, *, blank: bool = False) -> str:
    if not isinstance(value, str):
        raise RecordError(field, "a text is needed")
    if len(value) > longest:
        raise RecordError(field, f"this is longer than {longest} characters")
    if not blank and (not value or value.isspace()):
        raise RecordError(field, "this is empty")
    if "\0" in value:
        raise RecordError(field, "this contains a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RecordError(field, "this contains half a character (a lone surrogate)") from None
    return str.__str__(value)  # a plain str, also of an enum or of markup


def _type(field: str, value: str) -> str:
    text = _text(field, value, MAX_TYPE)
    if not _TYPE.fullmatch(text):
        raise RecordError(field, "a type is written in lower case letters, digits and underscores")
    return text


def _url(value: str) -> str:
    """Check an address that will be a link: https with a host and no user, or a path of this site."""
    url = _text("target.url", value, MAX_URL)
    if not url.isprintable() or "\\" in url or " " in url:
        raise RecordError("target.url", "an address has no spaces, control characters or backslashes")
    if url.startswith("/") and not url.startswith("//"):
        return url
    try:
        parts = urlsplit(url)
        if url.startswith("https://") and parts.hostname and "@" not in parts.netloc and parts.port != 0:
            return url
    except ValueError:
        pass
    raise RecordError("target.url", "an address is https://… or a path that starts with one slash")


@lru_cache(maxsize=4096)
def _address(ip: str) -> str:
    """Return *ip* in its one canonical spelling, so that equal addresses are found as equal texts."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])  # the interface it came in by means nothing elsewhere
        return str((address.version == 6 and address.ipv4_mapped) or address)
    except ValueError:
        raise RecordError("origin.ip", "this is no IP address") from None


@lru_cache(maxsize=4096)
def _is_secret(fact: str) -> bool:
    name = fact.lower()
    joined = re.sub(r"[\W_]", "", name)
    return any(part in joined for part in _SECRET) or not _SECRET_WORDS.isdisjoint(re.split(r"[\W_]+", name))


_TYPE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_ACTOR_TYPES = tuple(ActorType)  # no set: what is wrong may be unhashable
_OUTCOMES = frozenset(Outcome)
_SECRET = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "authorisation", "credential",
    "apikey", "privatekey", "accesskey", "signingkey", "sessionid", "sessionkey", "cookie", "bearer", "recoverycode",
    "backupcode", "securitycode", "connectionstring", "encryptionkey", "hmackey", "sshkey", "pincode", "otpcode",
    "onetimecode", "mfacode", "2facode", "verificationcode", "basicauth",
)  # fmt: skip
_SECRET_WORDS = frozenset({"auth", "cvc", "cvv", "jwt", "otp", "pass", "pin", "pw", "pwd", "seed", "totp"})
