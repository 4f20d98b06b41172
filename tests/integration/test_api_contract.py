"""Whatever is sent to the API, by whomever, is answered as its description says: schemathesis makes it up."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from auditweb import holding
from auditweb.accounts.callers import Scope
from tests.callers import new_key
from tests.integration.conftest import AnEvent
from tests.readers import Place, Someone

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.fixture(autouse=True)
def _nobody_waits() -> Iterator[None]:
    """All threads that may wait for news are taken, so that nobody is kept."""
    with ExitStack() as stack:
        for org_id in count(1_000):
            if not stack.enter_context(holding.may_wait(org_id)):
                break
        yield


def send_anything(
    app: Flask, headers: dict[str, str], modes: Sequence[GenerationMode], examples: int
) -> set[tuple[str, int]]:
    """Send what schemathesis makes up to each operation, hold the answers against the contract; return the statuses."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 5
    return {
        (operation.label, status)
        for operation in operations
        for mode in modes
        for status in _statuses(operation.as_strategy(generation_mode=mode), headers, mode, examples)
    }


def _statuses(
    made_up: SearchStrategy[Case[Any]], headers: dict[str, str], mode: GenerationMode, examples: int
) -> set[int]:
    seen = set()
    wanted = [*CHECKS, checks.negative_data_rejection] if mode is NEGATIVE else CHECKS

    @hypothesis.settings(max_examples=examples, suppress_health_check=list(HealthCheck), deadline=None)
    @hypothesis.given(case=made_up)
    def send(case: Case[Any]) -> None:
        answer = case.call(headers=headers)
        assert answer.status_code < 500
        case.validate_response(answer, checks=wanted, headers=headers)
        seen.add(answer.status_code)

    send()
    return seen


def test_with_a_key_whatever_is_sent_is_answered_as_described(
    app: Flask, organisation: Place, somebody: Someone, an_event: AnEvent, rounds: Callable[[int, int], int]
) -> None:
    an_event(org_id=organisation.id)
    token = new_key(app, organisation, somebody, scopes=list(Scope))

    seen = send_anything(app, {"Authorization": f"Bearer {token}"}, (POSITIVE, NEGATIVE), rounds(4, 300))

    assert {("GET /api/v1/events", 200), ("GET /api/v1/counts", 200), ("GET /api/v1/actions", 200)} <= seen
    assert {label for label, status in seen if status != 401} == {label for label, _ in seen}


@pytest.mark.parametrize("header", ["", "Bearer aw_0000000000_" + "x" * 43])
def test_without_one_nothing_is_answered(app: Flask, rounds: Callable[[int, int], int], header: str) -> None:
    seen = send_anything(app, {"Authorization": header} if header else {}, (POSITIVE,), rounds(2, 100))

    assert len(seen) == 5
    assert {status for _, status in seen} == {401}
