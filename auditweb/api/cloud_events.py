"""Events in the envelope of CloudEvents 1.0, in its JSON form."""

import hashlib

from pydantic import ValidationError

from auditweb.api.ingest import Fault, Sender, crowd_in, faults_of, row_of
from auditweb.api.schemas import SentCloudEvent, SentTarget, Told
from auditweb.bulk import Checked
from auditweb.recordable import MAX_ID

_JSON = "application/json"
_NAMES = {"action": "type", "occurred_at": "time", "idempotency_key": "id"}  # of fields that are attributes here


def read_cloud_event(sent: object, sender: Sender, place: int, key: str | None = None) -> Checked | list[Fault]:
    """Return the row that *sent* makes, or all that is wrong with it, by the paths that fields have in it."""
    if crowd := crowd_in(sent):
        return [crowd]
    try:
        event = SentCloudEvent.model_validate(sent)
    except ValidationError as error:
        return faults_of(error, sent)
    faults: list[Fault] = []
    if key is not None:
        faults.append(Fault("id", "source and id make the idempotency key: leave out the header Idempotency-Key"))
    if event.datacontenttype is not None and event.datacontenttype.partition(";")[0].strip().lower() != _JSON:
        faults.append(Fault("datacontenttype", f"the data of an event is {_JSON}"))
    told = event.data or Told()
    if event.subject is not None:
        told = _with_subject(told, event.subject, faults)
    if faults:
        return faults
    try:
        key = idempotency_key(event.source, event.id)
    except UnicodeEncodeError:
        return [Fault("id", "this, or the source, contains half a character (a lone surrogate)")]
    result = row_of(told, event.type, event.time, key, sender, place)
    return [_renamed(fault) for fault in result] if isinstance(result, list) else result


def idempotency_key(source: str, id_: str) -> str:
    """
    Return one text for the two that identify a cloud event.

    A source has no blanks, so that the first one ends it and no two pairs make the same text. What is too long for a
    key is hashed; that has no blank in it.
    """
    whole = f"ce:{source} {id_}"
    hashed = hashlib.sha256(whole.encode()).hexdigest()
    return whole if len(whole) <= MAX_ID else f"ce:sha256:{hashed}"


def _with_subject(told: Told, subject: str, faults: list[Fault]) -> Told:
    """Return *told* with the target that *subject* names; of a target that was told already, it has to be the name."""
    type_, colon, id_ = subject.partition(":")
    if not (type_ and colon and id_):
        faults.append(Fault("subject", "the target is named here as its type, a colon and its id: vehicle:veh_4471"))
    elif told.target is None:
        return told.model_copy(update={"target": SentTarget(type=type_, id=id_, name=id_)})
    elif (told.target.type, told.target.id) != (type_, id_):
        faults.append(Fault("subject", "data.target is something else"))
    return told


def _renamed(fault: Fault) -> Fault:
    return fault._replace(field=_NAMES.get(fault.field, f"data.{fault.field}"))
