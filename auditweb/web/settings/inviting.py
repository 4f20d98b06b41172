"""Inviting people, and looking after the invitations: by mail where there is a server for it, else by a link."""

from collections.abc import Sequence
from typing import NamedTuple

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from wtforms import TextAreaField
from wtforms.validators import DataRequired

from auditweb.accounts import invitations as rules
from auditweb.accounts.invitations import AddressesError, Made, TooManyError
from auditweb.accounts.permissions import Right, Role, may_manage
from auditweb.accounts.viewers import MemberViewer
from auditweb.extensions import db
from auditweb.mail import Message, is_address
from auditweb.web.foreign_text import visible, visible_text
from auditweb.web.gate import member_of, origin
from auditweb.web.mailing import mailer
from auditweb.web.moments import Moments, Told
from auditweb.web.settings.people import after, list_page, page
from auditweb.web.settings.roles import IN_SHORT, RoleForm, with_article
from auditweb.web.sign_in import duration
from auditweb.web.viewing import absolute

MOST_PROBLEMS = 8


class InviteForm(RoleForm):
    addresses = TextAreaField("E-mail addresses", validators=[DataRequired("Enter at least one address.")])


class Link(NamedTuple):
    """What the inviter passes on by themselves, because no message did."""

    email: str
    url: str


class Invited(NamedTuple):
    """An open invitation, ready to be shown."""

    id: int
    email: str
    role: Role
    inviter: Markup
    sent: Told
    expires: Told | None
    mail: str
    may_manage: bool


def index(org: str) -> ResponseReturnValue:
    """List who is invited and has not come yet."""
    return _list(member_of(org, Right.MANAGE_TEAM))


def invite(org: str) -> ResponseReturnValue:
    """Ask whom to invite with which role, and send them their links: to all of them or, if one cannot be, to none."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    # An owner is made of a member, with fresh proof.
    form = InviteForm(
        viewer.place.role, without={Role.OWNER}, data={"role": Role.MEMBER.value, "addresses": _suggested()}
    )
    if request.method != "POST":
        return _ask(viewer, form)
    if not form.validate():
        return _ask(viewer, form, 422)
    try:
        made = rules.invite(viewer.org_id, viewer.person, form.addresses.data, form.chosen, origin=origin())
    except AddressesError as error:
        db.session.rollback()
        form.addresses.errors = _told(error.problems)
        return _ask(viewer, form, 422)
    except TooManyError as error:
        db.session.rollback()
        form.addresses.errors = [_wait(error)]
        return _too_many(_ask(viewer, form, 429), error)
    db.session.commit()
    return _hand_out(viewer, made)


def resend(org: str, invitation_id: int) -> ResponseReturnValue:
    """Send somebody a new link; the old one is dead."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    try:
        made = rules.resend(viewer.org_id, viewer.person, invitation_id, origin=origin())
    except TooManyError as error:
        db.session.rollback()
        flash(_wait(error), "warn")
        return _too_many(_list(viewer, 429), error)
    db.session.commit()
    return _hand_out(viewer, [made])


def withdraw(org: str, invitation_id: int) -> ResponseReturnValue:
    """Take an invitation back."""
    viewer = member_of(org, Right.MANAGE_TEAM)
    email = rules.withdraw(viewer.org_id, viewer.person, invitation_id, origin=origin())
    db.session.commit()
    flash(f"The invitation to {visible_text(email)} is withdrawn, and its link is dead.")
    return redirect(url_for(".invitations", org=org), 303)


def _list(viewer: MemberViewer, status: int = 200) -> Response:
    place = after()
    found, has_more = rules.find_open(viewer.org_id, after=place)
    moments = Moments.of(viewer)
    rows = [
        Invited(
            id=one.id,
            email=visible_text(one.email),
            role=one.role,
            inviter=visible(one.inviter),
            sent=moments.since(one.sent_at),
            expires=None if one.has_expired else moments.until(one.expires_at),
            mail=one.mail,
            may_manage=may_manage(viewer.place.role, one.role),
        )
        for one in found
    ]
    more = url_for(".invitations", org=viewer.org_slug, after=rows[-1].id) if has_more else ""
    first = url_for(".invitations", org=viewer.org_slug) if place else ""
    return list_page(viewer, "invitations", status, rows=rows, first=first, more=more)


def _ask(viewer: MemberViewer, form: InviteForm, status: int = 200) -> Response:
    return page(viewer, "invite", status, form=form, in_short=IN_SHORT, by_mail=mailer() is not None)


def _hand_out(viewer: MemberViewer, made: Sequence[Made]) -> Response:
    """
    Send the links, or show to the inviter those that no mail server took: once, for nobody can find them out later.

    No transaction is open while the mail server is talked to.
    """
    sender = mailer()
    left = {one.email for one in made}
    if sender is not None:
        left = set(sender.send([_message(viewer, one) for one in made]))
        rules.note_mail(made, left)
        db.session.commit()
    if left:
        links = [Link(one.email, _address(one)) for one in made if one.email in left]
        return page(viewer, "links", links=links, sent=len(made) - len(links), by_mail=sender is not None)
    flash(f"{made[0].email} has been sent an invitation." if len(made) == 1 else f"{len(made)} invitations are sent.")
    return make_response(redirect(url_for(".invitations", org=viewer.org_slug), 303))


def _message(viewer: MemberViewer, one: Made) -> Message:
    inviter, organisation = _plain(viewer.name), _plain(viewer.org_name)
    text = render_template(
        "mail/invitation.txt",
        inviter=inviter,
        organisation=organisation,
        role=with_article(one.role),
        link=_address(one),
        expires=Moments.of(viewer).day(one.expires_at).brief,
    )
    return Message(one.email, f"{inviter} invites you to {organisation}", text)


def _address(one: Made) -> str:
    return absolute(url_for("invitations.show", token=one.token))


def _plain(text: str) -> str:
    """Return what people call themselves as one line that hides nothing."""
    return " ".join(visible_text(text).split())


def _suggested() -> str:
    """Return the address that a link to this page brings along: of somebody who was here before."""
    email = request.args.get("email", "")
    return email if is_address(email) else ""


def _told(problems: Sequence[str]) -> list[str]:
    told = [visible_text(problem) for problem in problems[:MOST_PROBLEMS]]
    return [*told, f"And {len(problems) - MOST_PROBLEMS} more."] if len(problems) > MOST_PROBLEMS else told


def _wait(error: TooManyError) -> str:
    if error.just_sent:
        return f"This one was sent a moment ago. Wait {duration(error.seconds)} before you send it again."
    hours = -(-error.seconds // 3600)
    wait = f"about {hours} hours" if hours > 1 else duration(error.seconds)
    return f"So many invitations cannot be sent at the moment. Wait {wait}, then try again."


def _too_many(response: Response, error: TooManyError) -> Response:
    response.headers["Retry-After"] = str(error.seconds)
    return response
