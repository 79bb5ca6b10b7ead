"""The OpenAPI document of the simulator."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.simulator.api.operations import OPERATIONS, Operation
from syncd.simulator.api.response_schemas import ANSWERS
from syncd.simulator.api.routes import ROUTES, V2
from syncd.simulator.api.schemas import INTEGER, REQUESTS, ref
from syncd.simulator.options import Options
from syncd.simulator.refusals import (
    BAD_BODY,
    BAD_KEY_SHAPE,
    BAD_PARAMETER,
    GROUPING_UNKNOWN,
    NO_HEADER,
    NOT_FOUND,
    RATE_LIMITED,
    STRIPE,
    UNKNOWN_KEY,
    Refusal,
    named,
)

KEY = (NO_HEADER, BAD_KEY_SHAPE, UNKNOWN_KEY)
# A route without a description is served too; the document only names it.
UNDESCRIBED = Operation("Not described", ())
LIMIT = RATE_LIMITED.status
LIMITED = {
    "X-RateLimit-Limit": "Requests a minute for each key",
    "X-RateLimit-Remaining": "Requests left in the current window",
}


def document(options: Options) -> dict[str, Any]:
    """Build the OpenAPI 3.1 document for these options.

    Some switches make answers break their documented form, such as malformed leads. The document ignores these switches.
    """
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, method, path in ROUTES:
        template = template_of(path)
        operation = OPERATIONS.get(f"{method} {template}", UNDESCRIBED)
        paths[template][method.lower()] = _described(name, template, operation, options)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Catch The Good Ones API, simulated",
            "version": "2",
            "description": "What syncd's simulator serves. Made from the vendor's published documentation; what that "
            "leaves unsaid is inferred. Not the vendor's document.",
        },
        "servers": [{"url": V2}],
        "security": [{"key": []}],
        "paths": dict(paths),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "ctgo_…"}},
            "schemas": {**REQUESTS, **ANSWERS},
        },
    }


def template_of(path: str) -> str:
    """Return `/streams/{streamId}` for `/streams/<int:stream_id>`."""

    def named_so(match: re.Match[str]) -> str:
        first, *rest = match[1].split("_")
        return "{" + first + "".join(word.title() for word in rest) + "}"

    return re.sub(r"<int:(\w+)>", named_so, path)


def _described(name: str, template: str, operation: Operation, options: Options) -> dict[str, Any]:
    ids = re.findall(r"{(\w+)}", template)
    refusals = [*KEY, RATE_LIMITED, *operation.refusals]
    parameters = [
        {"name": parameter, "in": "path", "required": True, "schema": {**INTEGER, "minimum": 0}}
        for parameter in ids
    ]
    for parameter, schema in (operation.query or {}).items():
        parameters.append({"name": parameter, "in": "query", "schema": schema})
    described: dict[str, Any] = {"operationId": name, "summary": operation.summary}
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        content = {"application/json": {"schema": ref(operation.body)}}
        described["requestBody"] = {"required": not operation.optional, "content": content}
    # The request itself is checked before its subject is looked up.
    refusals += (
        [NOT_FOUND] * bool(ids) + [BAD_BODY] * bool(operation.body) + [BAD_PARAMETER] * bool(operation.query)
    )
    if "groupBy" in (operation.query or {}) and options.grouped == "refused":
        refusals.append(GROUPING_UNKNOWN)
    described["responses"] = {**_success(name, operation, options), **_refused(refusals, options)}
    if operation is UNDESCRIBED:
        described["responses"]["default"] = {"description": "Not described"}
    return described


def _success(name: str, operation: Operation, options: Options) -> dict[str, Any]:
    if name == "export" and options.export_status != 200:  # noqa: PLR2004 - OK
        return {str(options.export_status): {"description": "Success, without a body"}}
    if not operation.answers:
        return {}
    schemas = [ref(answer) for answer in operation.answers]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    status = options.created_status if operation.created else 200
    return {str(status): {"description": "Success", "headers": _headers(LIMITED), "content": _json(schema)}}


def _refused(refusals: Sequence[Refusal], options: Options) -> dict[str, Any]:
    by_status: defaultdict[int, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        by_status[refusal.status].append(refusal)
    return {str(status): _refusal(status, by_status[status], options) for status in sorted(by_status)}


def _refusal(status: int, refusals: Sequence[Refusal], options: Options) -> dict[str, Any]:
    errors = list(dict.fromkeys(named(refusal, options)["error"] for refusal in refusals))
    # Stripe's errors are free sentences.
    schema: Mapping[str, Any] = (
        ref("Error")
        if STRIPE in refusals
        else {"allOf": [ref("Error"), {"type": "object", "properties": {"error": {"enum": errors}}}]}
    )
    headers = (
        {**LIMITED, "Retry-After": "Of a rate limit: seconds until it resets"} if status == LIMIT else {}
    )
    sentences = " ".join(dict.fromkeys(f"{refusal.sentence.removesuffix('.')}." for refusal in refusals))
    refused: dict[str, Any] = {"description": sentences, "content": _json(schema)}
    return {**refused, "headers": _headers(headers)} if headers else refused


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _headers(described: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in described.items()}
