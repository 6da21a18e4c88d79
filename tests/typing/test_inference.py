"""What a file's calls say of parameters without shapes: the parts that need no checker (the corpus has programs for the rest)."""

from flambeau.typing import inference

SOURCE = '''def scale(x, n):
    """Documented."""
    return x * n
def half(x): return x / 2
def pick(x, training):
    if training:
        return x
    return x + 1
a = scale(left, 3)
b = scale(right, 3)
c = half(left)
d = pick(left, True)
'''


def learned(left: str, right: str) -> inference.Facts:
    asked = inference.question(SOURCE)
    lines = asked.text.split("\n")
    told = {}
    for (line, column), _ in asked.asked.items():
        name = lines[line - 1][column:].split(")")[0]
        told[line, column] = {"left": left, "right": right}.get(name, "Unknown")
    return inference.learned(SOURCE, asked, told)


def test_calls_that_agree_say_the_shape():
    facts = learned("Tensor[float32, cpu, [2, 3]]", "Tensor[float32, cpu, [2, 3]]")
    assert facts["", "scale"] == {"x": inference.Tensor("float32", "cpu", (2, 3)), "n": 3}
    assert facts["", "pick"] == {"x": inference.Tensor("float32", "cpu", (2, 3))}  # a branch asks about `training`


def test_sizes_that_differ_are_open():
    facts = learned("Tensor[float32, cpu, [2, 3]]", "Tensor[float32, cpu, [5, 3]]")
    assert facts["", "scale"]["x"] == inference.Tensor("float32", "cpu", (None, 3))
    assert learned("Tensor[float32, cpu, [2, 3]]", "Tensor[float32, cpu, [2]]")["", "scale"] == {"n": 3}
    assert learned("Tensor[float32, cpu, [2, 3]]", "Unknown")["", "scale"]["x"] == inference.Tensor("float32", "cpu", (None, 3))


def test_a_copy_keeps_the_lines_of_its_program():
    facts = learned("Tensor[float32, cpu, [2, 3]]", "Tensor[float32, cpu, [2, 3]]")
    copy = inference.with_casts(SOURCE, facts)
    compile(copy.text, "copy", "exec")
    lines = copy.text.split("\n")
    assert len(lines) == len(copy.lines)
    original = SOURCE.split("\n")
    for line, number in zip(lines, copy.lines):
        assert number == 0 or line == original[number - 1] or "cast(" in line
