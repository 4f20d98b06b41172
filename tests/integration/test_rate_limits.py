"""Guessing passwords: how many tries are free, how long the wait is, who else it touches."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from auditweb import clock
from auditweb.accounts import password_changes, passwords, rate_limits, sign_in
from auditweb.accounts.rate_limits import Allowance, Limit
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, Rate
from auditweb.parties import Origin
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_person, join

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def member(app: Flask, organisation: Place, somebody: Someone) -> Someone:
    join(app, organisation, somebody, "owner")
    return somebody


def attempt(reader: Reader, email: str, password: str = "wrong", *, after: float = 0, ip: str = "127.0.0.1") -> Page:
    with clock.set_to(START + timedelta(seconds=after)):
        answer = reader.client.post(
            "/sign-in",
            data={"csrf_token": reader.token(), "email": email, "password": password},
            environ_overrides={"REMOTE_ADDR": ip},
        )
    return Page(answer)


def test_after_ten_wrong_passwords_the_right_one_has_to_wait_too(member: Someone, visitor: Reader) -> None:
    statuses = [attempt(visitor, member.email, after=second).status for second in range(12)]
    assert statuses == [401] * 10 + [429] * 2

    blocked = attempt(visitor, member.email, PASSWORD, after=12)

    assert blocked.status == 429
    assert 0 < int(blocked.response.headers["Retry-After"]) <= 15 * 60
    assert "Too many tries" in blocked.words
    field = blocked.select_one("input[name=email]")
    assert field is not None
    assert field["value"] == member.email


def test_another_account_is_not_touched(app: Flask, organisation: Place, member: Someone, visitor: Reader) -> None:
    other = add_person(app, "Tom Price")
    join(app, organisation, other)
    for _ in range(12):
        attempt(visitor, member.email)

    assert attempt(visitor, other.email, PASSWORD).status == 303


def test_whoever_waits_as_told_may_try_again(member: Someone, visitor: Reader) -> None:
    for _ in range(11):
        answer = attempt(visitor, member.email)

    assert attempt(visitor, member.email, PASSWORD, after=int(answer.response.headers["Retry-After"])).status == 303


def test_a_try_that_is_refused_makes_nobody_wait_longer(member: Someone, visitor: Reader) -> None:
    for _ in range(10):
        attempt(visitor, member.email)

    waits = [int(attempt(visitor, member.email).response.headers["Retry-After"]) for _ in range(8)]

    assert waits == [30] * 8


def test_each_try_that_was_let_through_makes_the_next_wait_longer(member: Someone, visitor: Reader) -> None:
    for _ in range(10):
        attempt(visitor, member.email)
    moments, wait = [0], 0
    while moments[-1] + wait < 15 * 60:
        wait = int(attempt(visitor, member.email, after=moments[-1]).response.headers["Retry-After"])
        moments.append(moments[-1] + wait)
        statuses = [attempt(visitor, member.email, after=moment).status for moment in (moments[-1] - 1, moments[-1])]
        assert statuses == [429, 401]
        wait = 1

    assert moments == [0, 30, 60, 120, 240, 480, 900]


def test_whoever_tries_all_day_keeps_nobody_out_who_is_elsewhere(app_context: None, member: Someone) -> None:
    """Seventeen tries every quarter of an hour, from one address; links for a new password are asked for as well."""
    here, there = Origin(ip="203.0.113.9"), Origin(ip="198.51.100.7")
    outcomes: list[object] = []
    for hour in range(0, 24, 4):  # what is in between is forgotten by then
        for minute in (0, 15):
            with clock.set_to(START + timedelta(hours=hour, minutes=minute)):
                for _ in range(16):
                    rate_limits.count(*sign_in.limits_of_account(member.email, here, "s"))
                assert isinstance(sign_in.sign_in(member.email, "guess", origin=here, secret="s"), sign_in.MustWait)
                for _ in range(5):
                    password_changes.request_link(member.email, origin=here, secret="s")
        with clock.set_to(START + timedelta(hours=hour, minutes=29)):
            outcomes.append(sign_in.sign_in(member.email, PASSWORD, origin=there, secret="s"))
            outcomes.append(password_changes.request_link(member.email, origin=there, secret="s"))

    assert Counter(map(type, outcomes)) == {sign_in.Accepted: 6, password_changes.Link: 6}


def test_one_account_tried_from_many_addresses_has_to_wait(member: Someone, visitor: Reader) -> None:
    networks = [f"127.0.0.{number}" for number in range(1, 12)]
    statuses = [attempt(visitor, member.email, ip=ip).status for ip in networks[:10] for _ in range(10)]

    assert statuses == [401] * 100
    blocked = attempt(visitor, member.email, PASSWORD, ip=networks[10])
    assert (blocked.status, blocked.response.headers["Retry-After"]) == (429, "30")
    assert attempt(visitor, member.email, PASSWORD, ip=networks[10], after=30).status == 303


def test_nobody_is_locked_out_for_good(member: Someone, visitor: Reader) -> None:
    for second in range(0, 15 * 60, 10):
        attempt(visitor, member.email, after=second)

    assert attempt(visitor, member.email, PASSWORD, after=15 * 60).status == 303


def test_signing_in_opens_the_account_again(member: Someone, visitor: Reader) -> None:
    for _ in range(3):
        for _ in range(9):
            attempt(visitor, member.email)
        assert attempt(visitor, member.email, PASSWORD).status == 303
        visitor.client.delete_cookie("auditweb")


def test_an_unknown_address_waits_like_a_known_one(member: Someone, visitor: Reader) -> None:
    known = [attempt(visitor, member.email) for _ in range(13)]
    unknown = [attempt(visitor, "nobody@northgate.example") for _ in range(13)]

    assert [page.status for page in known] == [page.status for page in unknown]
    assert known[-1].response.headers["Retry-After"] == unknown[-1].response.headers["Retry-After"]
    assert known[-1].words == unknown[-1].words


def test_no_password_is_checked_while_waiting(
    member: Someone, visitor: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        attempt(visitor, member.email)
    checked: list[str] = []
    monkeypatch.setattr(passwords, "verify", lambda *_: checked.append("checked"))

    assert attempt(visitor, member.email, PASSWORD).status == 429
    assert checked == []


def test_one_address_trying_many_accounts_has_to_wait(settings: Settings, app: Flask) -> None:
    visitor = Reader(app.test_client(), base_url="http://localhost")
    statuses = [attempt(visitor, f"somebody{number}@example.org").status for number in range(101)]

    assert statuses == [401] * 100 + [429]
    assert attempt(visitor, "another@example.org", ip="127.0.0.2").status == 401


def test_those_who_sign_in_rightly_are_not_counted_against_their_office(
    app: Flask, organisation: Place, member: Someone, visitor: Reader
) -> None:
    for _ in range(3):
        attempt(visitor, member.email, PASSWORD)
        visitor.client.delete_cookie("auditweb")

    with app.app_context():
        counted = [(rate.key, rate.hits) for rate in db.session.scalars(select(Rate))]
    assert counted == [("address:127.0.0.1", 0)]


def test_two_workers_share_the_count(
    make_app: Callable[[Settings], Flask], settings: Settings, member: Someone, visitor: Reader
) -> None:
    other = Reader(make_app(settings).test_client())

    statuses = [attempt(browser, member.email).status for _ in range(6) for browser in (visitor, other)]

    assert statuses == [401] * 10 + [429] * 2


def test_a_guesser_cannot_flood_the_log(app: Flask, member: Someone, visitor: Reader) -> None:
    for _ in range(30):
        attempt(visitor, member.email)

    with app.app_context():
        outcomes = db.session.scalars(select(Event.outcome).order_by(Event.id)).all()
    assert outcomes == ["failure"] * 10 + ["denied"] * 10


def test_windows_that_are_over_are_cleared_away(app: Flask, visitor: Reader) -> None:
    for number in range(5):
        attempt(visitor, f"somebody{number}@example.org")
    attempt(visitor, "later@example.org", after=16 * 60)

    with app.app_context():
        keys = db.session.scalars(select(Rate.key).order_by(Rate.key)).all()
    assert [key.partition(":")[0] for key in keys] == ["account", "account", "address", "refused account"]


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_whoever_clears_away_waits_for_nobody_who_counts(app: Flask, app_context: None) -> None:
    for key in ("a", "b"):
        with clock.set_to(START):
            rate_limits.count(Limit(key, 2))
            db.session.commit()

    with db.engine.begin() as elsewhere, clock.set_to(START + timedelta(hours=1)):
        elsewhere.execute(update(Rate).where(Rate.key == "b").values(hits=7))
        assert not rate_limits.count(Limit("a", 2)).refused
        db.session.commit()

    assert {rate.key: rate.hits for rate in db.session.scalars(select(Rate))} == {"a": 1, "b": 7}


def test_addresses_of_one_ipv6_customer_count_as_one(app: Flask) -> None:
    assert (
        rate_limits.network("2001:db8:1:2::1")
        == rate_limits.network("2001:db8:1:2:ffff::9")
        != rate_limits.network("2001:db8:1:3::1")
    )
    assert rate_limits.network("::ffff:192.0.2.1") == rate_limits.network("192.0.2.1") == "192.0.2.1"
    assert rate_limits.network(None) == rate_limits.network("nonsense") == "unknown"


def test_an_address_that_is_refused_uses_up_nobodys_tries(member: Someone, visitor: Reader) -> None:
    for number in range(101):
        attempt(visitor, f"nobody-{number}@example.org", ip="127.0.0.9")
    for _ in range(15):
        assert attempt(visitor, member.email, ip="127.0.0.9").status == 429

    assert attempt(visitor, member.email, PASSWORD, ip="127.0.0.10").status == 303


def test_a_try_counts_for_all_its_limits_or_for_none(app_context: None) -> None:
    with clock.set_to(START):
        verdicts = [rate_limits.count(Limit("a", 9), Limit("b", 2)).refused for _ in range(4)]
        assert [rate_limits.tally("c") for _ in range(3)] == [1, 2, 3]
    db.session.commit()

    assert verdicts == [False, False, True, True]
    assert {rate.key: rate.hits for rate in db.session.scalars(select(Rate))} == {"a": 2, "b": 2, "c": 3}


def test_an_allowance_is_there_again_when_its_window_is_over(app: Flask, app_context: None) -> None:
    a_day = Allowance("invitations", 5, 24 * 3600)

    def spend(how_much: int, *, after: int) -> int:
        with clock.set_to(START + timedelta(seconds=after)):
            rate_limits.count(Limit(f"other-{after}", 9))  # the first try of something clears away what is over
            left = rate_limits.spend(a_day, how_much)
        db.session.rollback() if left else db.session.commit()
        return left

    assert [spend(3, after=0), spend(1, after=3600)] == [0, 0]
    assert spend(2, after=7200) == 22 * 3600, "only one is left"
    assert spend(1, after=7300) == 0
    assert spend(1, after=24 * 3600 - 1) == 1
    assert spend(5, after=24 * 3600) == 0
    assert spend(1, after=25 * 3600) == 23 * 3600


def test_a_window_that_somebody_else_began_a_second_later_refuses_nothing(app: Flask) -> None:
    """Of two at the turn of a second, the one who looked at the clock first may be the second to count."""
    limit, start = Limit("somebody", 5), clock.now()
    with app.app_context():
        with clock.set_to(start + timedelta(seconds=1)):
            rate_limits.count(limit)
        with clock.set_to(start):
            assert not rate_limits.count(limit).refused
