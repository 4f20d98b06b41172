"""Everything an entry holds, as the list of terms and descriptions that its details show."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape
from ua_parser import parse

from auditweb import catalogue, ids
from auditweb.models import Event
from auditweb.parties import ActorRef, Outcome
from auditweb.reading.flagged import Shown
from auditweb.reading.pages import WholeRow
from auditweb.viewer import ActorProfile
from auditweb.web.actor_kinds import badges, kind_of
from auditweb.web.controls import OUTCOMES
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.rows import Presenter, actor_href, finding_link, flags_of, target_href
from auditweb.web.times import Clock, exact, is_late, utc

_LABELS = {"sha256": "SHA-256"}  # of facts whose names are not words
_PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")


class Detail(NamedTuple):
    """A term, what there is to say, and smaller what else there is to say about it."""

    term: str
    value: Markup
    more: tuple[Markup, ...] = ()


class Details:
    """The details of *event* as its reader sees them."""

    def __init__(
        self,
        event: Event | WholeRow,
        clock: Clock,
        profiles: Mapping[ActorRef, ActorProfile],
        presenter: Presenter,
        *,
        base: str,
        shown: Sequence[Shown] = (),
    ) -> None:
        self._shown = shown
        self._event = event
        self._clock = clock
        self._profiles = profiles
        self._presenter = presenter
        self._base = base
        self._action = catalogue.find(event.action)

    @property
    def sentence(self) -> Markup:
        """What happened, with its flags."""
        event = self._event
        target = (event.target_type, event.target_id, event.target_name, event.target_url)
        sentence = self._presenter.sentence(self._action, event.summary, event.facts, target)
        return sentence + flags_of(self._action, event.facts, event.outcome, late=self._is_late)

    @property
    def category(self) -> Markup:
        return self._presenter.tile(self._event.category)

    @property
    def all(self) -> list[Detail]:
        event = self._event
        details = [self._when(), self._actor("Actor", event.actor_type, event.actor_id, event.actor_name)]
        if event.via_type and event.via_id:
            details.append(self._actor("Through", event.via_type, event.via_id, event.via_name or event.via_id))
        details += [self._from(), self._device(), self._what()]
        if event.target_type and event.target_id:
            ref = _code(f"{event.target_type}:{event.target_id}")
            name = self._presenter.target(event.target_type, event.target_id, event.target_name, event.target_url)
            more: tuple[Markup, ...] = (ref,)
            if about := self._presenter.page_about(event.target_type, event.target_id):
                more = (ref, Markup(f'<a class="link" href="{about}">All about it</a>'))
            details.append(Detail("Target", name, more))
        details.append(Detail("Outcome", Markup(OUTCOMES[Outcome(event.outcome)])))
        if self._shown:
            details.append(Detail("Review", Markup(" ").join(finding_link(self._base, each) for each in self._shown)))
        details.append(Detail("Entry", Markup(f"<code>{ids.to_text(event.id)}</code>")))
        for fact in sorted(event.facts):
            details.append(Detail(_label(fact), _foreign(str(event.facts[fact]))))
        return details

    @property
    def only_actor(self) -> tuple[str, Markup]:
        """Return the name of the actor and the address of everything they did."""
        event = self._event
        return visible_text(event.actor_name), actor_href(self._base, ActorRef(event.actor_type, event.actor_id))

    @property
    def only_target(self) -> tuple[str, Markup] | None:
        """Return what kind of thing the target is and the address of everything done to it."""
        event = self._event
        if not event.target_type or not event.target_id:
            return None
        href = target_href(self._base, event.target_type, event.target_id)
        return visible_text(event.target_type.replace("_", " ")), href

    @property
    def in_log(self) -> str:
        """Return the address of the page of the log that begins with this entry."""
        following = min(self._event.id + 1, ids.LAST_ID)
        return f"{self._base}?before={ids.to_text(following)}"

    @property
    def _is_late(self) -> bool:
        return is_late(self._event.id, self._event.recorded_at)

    def _when(self) -> Detail:
        occurred, recorded = self._event.occurred_at, self._event.recorded_at
        moment = self._moment(occurred)
        more = [Markup(utc(occurred))]
        if self._is_late:
            more.append(Markup("Recorded late, {}").format(self._moment(recorded)))
        return Detail("When", moment, tuple(more))

    def _moment(self, moment: datetime) -> Markup:
        local = exact(moment.astimezone(self._clock.zone))
        return Markup('<time datetime="{}">{}</time>').format(utc(moment), local)

    def _actor(self, term: str, type_: str, id_: str, name: str) -> Detail:
        ref = ActorRef(type_, id_)
        profile = self._profiles.get(ref)
        kind = kind_of(ref, profile)
        more = [_code(str(ref))]
        if profile and profile.name != name:
            more.insert(0, Markup("Now called {}").format(_foreign(profile.name)))
        if profile and profile.note:
            more.insert(0, _foreign(profile.note))
        if kind.label != kind.badge:
            more.insert(0, Markup(kind.label))
        told = _foreign(name)
        if about := self._presenter.page_of(ref):
            told = Markup(f'<a class="link" href="{about}">{told}</a>')
        return Detail(term, told + " " + badges(ref, name, kind), tuple(more))

    def _from(self) -> Detail:
        return Detail("From", _foreign(self._event.ip) if self._event.ip else _not_recorded())

    def _device(self) -> Detail:
        event = self._event
        device = _foreign(device_of(event.user_agent)) if event.user_agent else _not_recorded()
        if not event.request_id:
            return Detail("Device", device)
        return Detail("Device", device, (Markup("Request {}").format(_code(event.request_id)),))

    def _what(self) -> Detail:
        slug = _code(self._event.action)
        if self._action is None:  # an action of another system, or of an earlier catalogue: nobody knows here
            return Detail("Action", slug)
        template = str(escape(self._action.summary))
        meaning = _PLACEHOLDER.sub(lambda found: f"<i>{_label(found[1]).lower()}</i>", template)
        return Detail("Action", slug, (Markup(meaning),))


# Browsers say who they are in less; on a longer text made for it, the patterns would be at work for a second.
LONGEST_AGENT_READ = 200


@lru_cache(maxsize=512)
def device_of(user_agent: str) -> str:
    """Tell the browser and the system out of what a browser says of itself: "Chrome 156 on Windows"."""
    found = parse(user_agent[:LONGEST_AGENT_READ])
    browser, system = found.user_agent, found.os
    told = f"{browser.family} {browser.major or ''}".strip() if browser else ""
    if told and system:
        return f"{told} on {system.family}"
    return told or (system.family if system else "") or user_agent


def _foreign(text: str) -> Markup:
    return Markup(f"<bdi>{visible(text)}</bdi>")


def _code(text: str) -> Markup:
    return Markup(f'<code dir="auto">{visible(text)}</code>')


def _not_recorded() -> Markup:
    return Markup('<span class="muted">Not recorded</span>')


def _label(fact: str) -> str:
    return _LABELS.get(fact) or fact.replace("_", " ").capitalize()
