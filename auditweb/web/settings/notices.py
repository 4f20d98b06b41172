"""What all owners of an organisation are told by mail, where a mail server is set up."""

from auditweb.accounts.people import who_can_help
from auditweb.accounts.permissions import Role
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.mail import Message
from auditweb.web.foreign_text import visible_text
from auditweb.web.mailing import mailer

_SIGNATURE = "You get this message because you are an owner of {organisation}."


def tell_owners(viewer: MemberViewer, subject: str, text: str) -> str:
    """Send all owners a message, and return what became of it as a sentence; nothing where there is no mail server."""
    sender = mailer()
    if sender is None:
        return ""
    owners = who_can_help(viewer.org_id, [Role.OWNER])
    db.session.commit()  # nobody waits for the mail server with us
    text = f"{text}\n\n{_SIGNATURE.format(organisation=viewer.org_name)}\n"
    missed = sender.send([Message(owner.email, visible_text(subject), text) for owner in owners])
    if missed:
        return f"No mail could be sent to {', '.join(sorted(missed))}: please tell them."
    return "All owners were told by mail." if len(owners) > 1 else "You were sent a mail that says so."
