"""The expressions of a mapping: Jinja2 over JSON data. Only a configuration with expressions imports this, and Jinja2 with it.

Attributes are looked up in JSON data only. The methods are those of text that cannot make it much longer. There are no
functions; filters are pure, and the results of filters and products are bounded. So an operator's slip does not fill the
memory. It is no wall against somebody who means harm.

A null inside an expression is not None, which Jinja2 would print, but `Null`: false, and equal to none. Every path below
it is null, and `or` and `default(…)` replace it. Any other use of it raises UndefinedError.
"""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.environment import TemplateExpression
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from syncd.core.failure import Reject
from syncd.mapping.functions import FILTERS, METHODS, TESTS
from syncd.mapping.limits import (
    NULL,
    NotAllowedError,
    Null,
    NullUsed,
    join,
    oversized,
    plain,
    replace,
    rounding,
    tojson,
)
from syncd.mapping.variables import VARIABLES, failed

_TOO_DEEP = "it is nested too deep, or too long a chain: write it shorter"


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 over JSON data."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=Null, keep_trailing_newline=True)
        self.globals.clear()
        self.null = NULL
        own = {
            "join": join,
            "replace": replace,
            "tojson": tojson,
            "round": plain(rounding(self.filters["round"])),
        }
        self.filters = {name: plain(self.filters[name]) for name in FILTERS if name not in own} | own
        self.tests = {name: self.tests[name] for name in TESTS}
        self.tests["none"] = lambda value: value is None or isinstance(value, Null)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a method if the name ends in `()`, as `_Fitting` writes it for calls; else a member."""
        if not attribute.endswith("()"):
            return self.getitem(obj, attribute)
        if isinstance(obj, Null):
            return obj.__str__()  # raises: a method of nothing
        if not isinstance(obj, str):
            raise NotAllowedError(f".{attribute} works on text only")
        return getattr(obj, attribute.removesuffix("()"))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a member of JSON data or a part of a text; `NULL` if there is none."""
        try:
            found = obj[argument] if isinstance(obj, Mapping | list | tuple | str) else None
        except (LookupError, TypeError):
            return NULL
        return NULL if found is None else found

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse a result that would grow without bound."""
        if problem := oversized(operator, left, right):
            raise NotAllowedError(problem)
        return super().call_binop(context, operator, left, right)


_SANDBOX = _Sandbox()


class _Fitting(NodeTransformer):
    """Makes parsed text fit the sandbox. Raises ValueError for a mistake that no lead's data can mend."""

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja2 calls it by this name
        """Allow only calls of text's methods; brackets in the name distinguish a method from a member."""
        method = node.node
        if not isinstance(method, nodes.Getattr):
            raise ValueError("there are no functions to call")  # noqa: TRY004 - the text is wrong, not a type
        if method.attr in _SANDBOX.filters and method.attr not in METHODS:
            raise ValueError(f"there is no method .{method.attr}(): write | {method.attr}")
        if method.attr not in METHODS:
            raise ValueError(f"there is no method .{method.attr}(){_nearest(method.attr, METHODS)}")
        method.attr += "()"
        return self.generic_visit(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        """Refuse a part of a plain variable: it would be null for every lead, without a message."""
        self.generic_visit(node)
        inner = node.node
        if isinstance(inner, nodes.Name) and inner.name != "raw" and not node.attr.endswith("()"):
            raise ValueError(f"{inner.name} has no part .{node.attr}: only raw has parts")
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802
        _require("variable", node.name, VARIABLES)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        _require(
            "filter", node.name, _SANDBOX.filters
        )  # Jinja2 finds some unknown ones only when it runs them
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        _require("test", node.name, _SANDBOX.tests)
        return self.generic_visit(node)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802
        """Make `a if b` null if `b` is false; Jinja2 would make it an empty text."""
        node.expr2 = node.expr2 or nodes.Const(None)
        return self.generic_visit(node)

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802
        """Make a written `none` the null of expressions."""
        return nodes.EnvironmentAttribute("null") if node.value is None else node


def _require(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"there is no {kind} {name}{_nearest(name, known)}")


def _nearest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    if close:
        return f": did you mean {close[0]}?"
    return f": `syncd variables{'' if known is VARIABLES else ' --filters'}` lists them"


class Expression:
    """One parsed expression. `uses`: its variables; `variable`: the name, if the expression is one variable."""

    def __init__(self, node: nodes.Expr) -> None:
        """Take a part of a fitted text."""
        self.node = node
        # `find_all` leaves out the first node
        self.uses = frozenset(name.name for name in nodes.Output([node]).find_all(nodes.Name))
        self.variable = node.name if isinstance(node, nodes.Name) else None


def parse(text: str) -> list[str | Expression]:
    """Parse a text with `{{ expressions }}` into its parts. Raises ValueError with the mistake."""
    try:
        return _parse(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def _parse(text: str) -> list[str | Expression]:
    try:
        kinds = {kind for _, kind, _ in _SANDBOX.lex(text)}
        tree = _SANDBOX.parse(text)
    except TemplateError as error:
        message = (error.message or "").replace("end of print statement", "}}").rstrip(".")
        raise ValueError(f"it cannot be read: {message}") from None
    except (RecursionError, ValueError):
        raise ValueError("it cannot be read: it is nested too deep or holds too long a number") from None
    if not kinds.isdisjoint({"block_begin", "raw_begin"}):
        raise ValueError("only {{ expressions }} are allowed, no {% statements %}")
    fitted = _Fitting().visit(tree)
    parts = [part for output in fitted.find_all(nodes.Output) for part in output.nodes]
    return [part.data if isinstance(part, nodes.TemplateData) else Expression(part) for part in parts]


def compiled(expressions: Mapping[str, Expression]) -> Callable[[Mapping[str, object]], dict[str, object]]:
    """Compile all into one function: from the values of their variables to their values, null as None.

    It compiles parsed parts: nothing is quoted, so nothing can break out. Raises ValueError. The function raises NullUsed,
    and any exception of an expression (see `why`).
    """
    pairs = [nodes.Pair(nodes.Const(key), expression.node) for key, expression in expressions.items()]
    result = nodes.Assign(nodes.Name("result", "store"), nodes.Dict(pairs))
    tree = nodes.Template([result], lineno=1)
    tree.set_lineno(1)
    tree.set_environment(_SANDBOX)
    try:
        evaluate = TemplateExpression(_SANDBOX.from_string(tree), undefined_to_none=False)
    except (TemplateError, SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(_TOO_DEEP) from None

    uses = sorted(frozenset[str]().union(*(expression.uses for expression in expressions.values())))

    def evaluated(values: Mapping[str, object]) -> dict[str, object]:
        scope = {name: NULL if (value := values[name]) is None else value for name in uses}
        found: dict[str, object] = evaluate(scope) or {}
        return {
            key: value if type(value) is str or not _holds_null(value) else None
            for key, value in found.items()
        }

    return evaluated


def why(error: Exception) -> str:
    """Describe an error in an expression, without the values that most errors quote."""
    return str(error) if isinstance(error, NotAllowedError) else f"it raised {type(error).__name__}"


def _holds_null(value: object) -> bool:
    """Tell if a null of an expression is inside; a null that CTGO sent inside `raw` is data."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, Null):
            return True
        if isinstance(one, dict):
            left.extend(one.values())
        elif isinstance(one, list | tuple):
            left.extend(one)
    return False


class Computed:
    """The expressions of a connector's fields. `uses`: the variables that they need."""

    def __init__(self, expressions: Mapping[str, Expression]) -> None:
        """`expressions`: by key, which is a number, a space and the field's name. Raises ValueError."""
        self._all = compiled(expressions)
        self._single = {key: compiled({key: expression}) for key, expression in expressions.items()}
        self.uses = _uses(expressions)

    def __call__(self, values: Mapping[str, object]) -> dict[str, object]:
        """Evaluate all for one lead; return their values by key. Raises Reject("mapping_failed") with the field's name."""
        try:
            return self._all(values)
        except Exception:  # noqa: BLE001 - it is raised again below, where the field is known
            return {key: self._alone(key, values) for key in self._single}

    def _alone(self, key: str, values: Mapping[str, object]) -> object:
        try:
            return self._single[key](values)[key]
        except NullUsed:
            return None
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            raise failed(key.partition(" ")[2], why(error)) from None


class Condition:
    """A `where`. `uses`: the variables that it needs."""

    def __init__(self, text: str) -> None:
        """`text`: one expression. Raises ValueError with the mistake."""
        if text.startswith("{{"):
            raise ValueError("it is an expression as it stands: leave the braces out")
        parts = parse("{{ " + text + " }}")
        if len(parts) != 1 or isinstance(parts[0], str):
            raise ValueError("it must be one expression")
        self._evaluate = compiled({"where": parts[0]})
        self.uses = parts[0].uses

    def __call__(self, values: Mapping[str, object]) -> bool:
        """Return the truth of the condition for one lead's values. Raises Reject("filter_failed"), without values in it."""
        try:
            return bool(self._evaluate(values)["where"])
        except NullUsed:
            nulls = sorted(name for name in self.uses if values.get(name) is None)
            reason = f"it compares or changes a null: {', '.join(nulls) or 'a part of raw'}"
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            reason = why(error)
        raise Reject("filter_failed", f"where: {reason}")


def parts_of(text: str) -> list[str | Expression]:
    """Parse a field into its parts. Raises ValueError with the mistake."""
    parts = parse(text)
    found = {str(n): part for n, part in enumerate(parts) if not isinstance(part, str)}
    compiled(found)  # all of a connector are compiled again together; here a mistake has a name
    return parts


def _uses(expressions: Mapping[str, Expression]) -> frozenset[str]:
    return frozenset[str]().union(*(expression.uses for expression in expressions.values()))
