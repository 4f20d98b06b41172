"""The kinds of actor, and how each explains itself: avatar, badge, note."""

from dataclasses import dataclass
from zlib import crc32

from markupsafe import Markup

from auditweb.parties import ActorRef, ActorType
from auditweb.viewer import ActorProfile, Standing
from auditweb.web.foreign_text import mixed_scripts, visible

HUES = 9


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of actor: what it is called in words, its badge (text and class), and the icon in place of initials."""

    label: str
    badge: str = ""
    badge_class: str = ""
    icon: str = ""
    hue: int | None = None


MEMBER = Kind("Member")
FORMER_MEMBER = Kind("Former member", "Former member", "b-removed")
OUTSIDER = Kind("Not a member", "Not a member", "b-removed")
SYSTEM = Kind("System process", "System", "b-system", icon="bot", hue=0)
API_KEY = Kind("API key", "API key", "b-api", icon="plug", hue=9)
REVOKED_API_KEY = Kind("API key, revoked", "API key, revoked", "b-api b-removed", icon="plug", hue=0)
SUPPORT = Kind("Support", "Support", "b-support", hue=8)
UNKNOWN_PERSON = Kind("Someone who was not signed in", icon="user", hue=0)

_BY_TYPE = {
    ActorType.SYSTEM: SYSTEM,
    ActorType.SUPPORT: SUPPORT,
    ActorType.ANONYMOUS: UNKNOWN_PERSON,
}


def kind_of(ref: ActorRef, profile: ActorProfile | None) -> Kind:
    """
    Return what kind of actor *ref* is today.

    A member whom nobody knows here may be of another organisation, which shares somebody's account with this one.
    """
    if ref.type == ActorType.MEMBER:
        if profile is None:
            return OUTSIDER
        return MEMBER if profile.standing is Standing.CURRENT else FORMER_MEMBER
    if ref.type == ActorType.API_KEY:
        return API_KEY if profile and profile.standing is Standing.CURRENT else REVOKED_API_KEY
    return _BY_TYPE[ActorType(ref.type)]


def explanation(ref: ActorRef, name: str, profile: ActorProfile | None) -> str:
    """Tell in a line who *name* is: their stable id, what they are, what they are called now."""
    notes = [str(ref), kind_of(ref, profile).label.lower()]
    if profile and profile.note:
        notes.append(profile.note)
    if profile and profile.name != name:
        notes.append(f"now called {profile.name}")
    return ", ".join(notes)


def avatar(ref: ActorRef, name: str, kind: Kind, sprite: str) -> Markup:
    """Return the round picture that stands for an actor, always in the same colour."""
    hue = hue_of(ref) if kind.hue is None else kind.hue
    inside = icon(sprite, kind.icon) if kind.icon else visible(initials(name))
    return Markup(f'<span class="av av-{hue}" aria-hidden="true">{inside}</span>')


def badges(ref: ActorRef, name: str, kind: Kind) -> Markup:
    """Return the badge of this kind of actor, and a warning with the stable id when the name mixes scripts."""
    badge = f'<span class="badge {kind.badge_class}">{kind.badge}</span>' if kind.badge else ""
    if scripts := mixed_scripts(name):
        title = f"This name mixes {scripts} letters, which can make it look like another one"
        badge += f'<span class="badge b-mixed" title="{title}">Mixed scripts</span>'
        badge += f'<code dir="auto">{visible(str(ref))}</code>'
    return Markup(badge)


def hue_of(ref: ActorRef) -> int:
    """Return the number of the colour that is an actor's own, from 1 to `HUES`."""
    return crc32(str(ref).encode()) % HUES + 1


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of *name*: "MO"; the number of a "Person 14"."""
    words = [word for word in name.split() if word[0].isalnum()]
    if words[1:] and words[-1].isdecimal():
        return words[-1][-3:]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def icon(sprite: str, name: str) -> Markup:
    """Return an icon out of the *sprite*, an address."""
    return Markup(f'<svg class="ic" aria-hidden="true"><use href="{sprite}#i-{name}"/></svg>')
