"""Documents: what happens to a vehicle's papers between the upload and the approval."""

import random
from datetime import datetime, timedelta

from auditweb import catalogue as c
from auditweb.demo.cast import IMPORTOPS
from auditweb.demo.lives import Life
from auditweb.parties import Target

_REASONS = ("wrong chassis number", "the last page is missing", "not legible", "the stamp is missing", "out of date")
_RECIPIENTS = ("Severn Customs Brokers", "the buyer", "Clifton Vehicle Finance", "the DVLA")


def come_in(life: Life, papers: tuple[str, ...], after: datetime) -> datetime:
    """Let *papers* for what *life* is about come in after *after*; return when all are settled."""
    back_at, settled = life.at, after
    for paper in papers:
        life.at = after + timedelta(hours=life.rng.uniform(0, 30))
        _one(life, paper)
        settled = max(settled, life.at)
    life.at = back_at
    return settled


def _one(life: Life, paper: str) -> None:
    about = life.target
    file = _file_name(life.rng, paper, about)
    if life.chance(0.15):
        life.later((0, 1.5), "documents", c.DOCUMENT_REQUESTED, document=paper)
        if life.chance(0.3):
            life.at += timedelta(days=5)
            life.add(life.world.by_itself(IMPORTOPS, life.at, c.DOCUMENT_REMINDED, about, document=paper))
    life.later((0.1, 2), "documents", c.DOCUMENT_UPLOADED, document=paper, file=file)
    if life.chance(0.1):
        life.soon("documents", c.DOCUMENT_UPDATED, document=paper, file=file, fields="reference number")
    if paper in ("export certificate", "fahrzeugbrief") and life.chance(0.7):
        life.later((0.2, 2), "documents", c.DOCUMENT_TRANSLATED, document=paper)
    if life.chance(0.12):
        reason = life.rng.choice(_REASONS)
        life.later((0.1, 1.5), "documents", c.DOCUMENT_REJECTED, document=paper, reason=reason)
        life.later((0.3, 3), "documents", c.DOCUMENT_REPLACED, document=paper, file=_file_name(life.rng, paper, about))
    if life.chance(0.8):
        life.later((0.05, 1.2), "documents", c.DOCUMENT_APPROVED, document=paper)
    if paper in ("V55/5 form", "customs declaration"):
        life.soon("documents", c.DOCUMENT_SIGNED, document=paper)
    if life.chance(0.12):
        recipient = life.rng.choice(_RECIPIENTS)
        life.soon("documents", c.DOCUMENT_SHARED, document=paper, recipient=recipient, file=file)
    if life.chance(0.03):
        life.later((0.5, 6), "documents", c.DOCUMENT_DELETED, document=paper, file=file)
        if life.chance(0.6):
            life.soon("documents", c.DOCUMENT_RESTORED, document=paper, file=file)


def _file_name(rng: random.Random, paper: str, about: Target) -> str:
    return f"{paper.replace(' ', '-').replace('/', '-').lower()}-{about.id[4:]}-{rng.randint(1, 9)}.pdf"
