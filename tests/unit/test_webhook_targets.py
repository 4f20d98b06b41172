"""Where webhooks may call: nowhere that only this server reaches, whatever that is called."""

import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from auditweb.webhooks import targets
from auditweb.webhooks.targets import Policy, Target, TargetError, resolve

OPEN = Policy()

NOT_TO_BE_CALLED = [
    "http://hooks.example.org/",
    "ftp://hooks.example.org/",
    "hooks.example.org",
    "//hooks.example.org/",
    "https://",
    "https:///in",
    "https://user@hooks.example.org/",
    "https://user:password@hooks.example.org/",
    "https://hooks.example.org@127.0.0.1/",
    "https://@hooks.example.org/",
    "https://hooks.example.org:80/",
    "https://hooks.example.org:22/",
    "https://hooks.example.org:99999/",
    "https://hooks.example.org:x/",
    "https://hooks.example.org/#in",
    "https://hooks.example.org/a b",
    "https://hooks.example.org/\r\nHost: elsewhere",
    "https://hooks.example.org\\@127.0.0.1/",
    "https://hooks..example.org/",
    "https://-hooks.example.org/",
    "https://hooks.example.org/" + "a" * 500,
    "https://[fe80::1%25eth0]/",
    "https://[::1/",
    "https://127.1/",
    "https://127.1:8443/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://1.2.3/",
    "https://example.0x/",
]
INSIDE = [
    "127.0.0.1",
    "127.255.0.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "233.252.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "fd00::1",
    "fc00::1",
    "fe80::1",
    "ff02::1",
    "ff0e::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2001:20::1",
    "3fff::1",
    "3fff:fff:ffff::1",
    "fec0::1",
    "feff::1",
    "5f00::1",
    "4000::1",
    "192.0.0.8",
    "192.0.0.9",
    "192.88.99.1",
    "2a00:1450:4001:81c:0:5efe:7f00:1",
    "2a00:1450:4001:81c:200:5efe:a00:1",
    "2a00:1450:4001:81c::5efe:8.8.8.8",
]
OUTSIDE = [
    "8.8.8.8",
    "93.184.216.34",
    "192.0.1.1",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2a00:1450:4001:81c::200e",
    "2001:200::1",
    "2620:4f:8000::1",
    "2a00:1450:4001:81c::5efe",
]


@pytest.mark.parametrize("url", NOT_TO_BE_CALLED)
def test_what_no_webhook_may_call(url: str) -> None:
    with pytest.raises(TargetError) as refused:
        Target.parse(url)
    assert str(refused.value).endswith(".")


def test_an_address_as_it_is_called() -> None:
    assert Target.parse("https://hooks.example.org") == Target("hooks.example.org", 443, "/")
    assert Target.parse("https://Hooks.Example.org:8443/in?a=b") == Target("hooks.example.org", 8443, "/in?a=b")
    assert Target.parse("https://[2606:2800:220::1]:8443/").authority == "[2606:2800:220::1]:8443"
    assert Target.parse("https://hooks.example.org:443/").authority == "hooks.example.org"


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_of_the_inside(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as it is, nor by a name, nor as one of several that a name has."""
    bracketed = f"[{address}]" if ":" in address else address
    with pytest.raises(TargetError):
        resolve(Target.parse(f"https://{bracketed}/"), OPEN, within=1)
    for answers in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        monkeypatch.setattr(targets, "look_up", lambda _host, _port, answers=answers: answers)
        with pytest.raises(TargetError, match=r"hooks\.example\.org is no address of the internet"):
            resolve(Target.parse("https://hooks.example.org/"), OPEN, within=1)


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "look_up", lambda _host, _port: [address])
    assert list(map(str, resolve(Target.parse("https://hooks.example.org/"), OPEN, within=1))) == [address]


def test_networks_that_the_operator_allows() -> None:
    policy = Policy((ip_network("10.20.0.0/16"), ip_network("fd12::/48")))
    for inside in ("10.20.3.4", "[fd12::7]"):
        assert resolve(Target.parse(f"https://{inside}/"), policy, within=1)
    for outside in ("10.21.3.4", "[fd13::7]", "127.0.0.1", "[::ffff:10.20.3.4]"):
        with pytest.raises(TargetError):
            resolve(Target.parse(f"https://{outside}/"), policy, within=1)


def test_a_name_that_nobody_knows_or_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target.parse("https://hooks.example.org/")

    def fail(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(targets, "look_up", fail)
    with pytest.raises(TargetError, match="No address is known"):
        resolve(target, OPEN, within=1)
    monkeypatch.setattr(targets, "look_up", lambda _host, _port: [])
    with pytest.raises(TargetError, match="No address is known"):
        resolve(target, OPEN, within=1)
    waiting = threading.Event()
    monkeypatch.setattr(targets, "look_up", lambda _host, _port: waiting.wait(5) and [])
    with pytest.raises(TargetError, match="took too long"):
        resolve(target, OPEN, within=0.05)
    waiting.set()


def test_behind_a_proxy_names_are_its_own_to_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be no resolver for them here at all; what is an address already is checked all the same."""
    asked: list[str] = []
    monkeypatch.setattr(targets, "look_up", lambda host, _port: asked.append(host))
    proxied = Policy(proxy="http://proxy.example.org:3128")

    assert resolve(Target.parse("https://hooks.example.org/"), proxied, within=1) == ()
    assert not asked
    for inside in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254"):
        with pytest.raises(TargetError):
            resolve(Target.parse(f"https://{inside}/"), proxied, within=1)
