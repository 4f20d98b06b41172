"""What a process remembers of what it counted has an end."""

from auditweb.reading.memory import Memory


def test_what_nobody_asks_for_is_forgotten_first() -> None:
    memory = Memory[str](2)
    memory.put("a", "1")
    memory.put("b", "2")
    assert memory.get("a") == "1"
    memory.put("c", "3")

    assert [memory.get(key) for key in "abc"] == ["1", None, "3"]


def test_what_is_put_again_takes_its_place() -> None:
    memory = Memory[str](2)
    for key, value in (("a", "1"), ("b", "2"), ("a", "3")):
        memory.put(key, value)

    assert [memory.get(key) for key in "ab"] == ["3", "2"]
