"""
Ids in the path of an address, where they may hold anything.

Slashes and dots would be tidied up on the way by browsers and proxies, so that another id arrived. So they are escaped
once more than all else is: what arrives is read by `read`. One that was typed with its slashes is understood as well.
"""

import re
from urllib.parse import quote

from markupsafe import Markup, escape

from auditweb.parties import ActorRef

_ESCAPED = re.compile(r"%(25|2F|2E)")


def person_href(base: str, ref: ActorRef) -> Markup:
    """Return the address of the page about *ref*, *base* being that of the log."""
    return escape(f"{base}/people/{spell(str(ref))}")


def thing_href(base: str, type_: str, id_: str) -> Markup:
    """Return the address of the page about a target."""
    return escape(f"{base}/targets/{spell(type_)}/{spell(id_)}")


def spell(id_: str) -> str:
    """Spell an id as one part of a path."""
    text = id_.replace("%", "%25").replace("/", "%2F")
    return quote(text.replace(".", "%2E") if not text.strip(".") else text, safe=":")


def read(text: str) -> str:
    """Return the id that a part of a path, unquoted already, stands for."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
