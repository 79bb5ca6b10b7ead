"""The OpenAPI document of the simulator."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.simulator.api.endpoints import ENDPOINTS, V2, Endpoint
from syncd.simulator.api.schemas import ANSWERS, INTEGER, REQUESTS, ref
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
    for endpoint in ENDPOINTS.values():
        paths[endpoint.path][endpoint.method.lower()] = _operation(endpoint, options)
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


def _operation(endpoint: Endpoint, options: Options) -> dict[str, Any]:
    ids = re.findall(r"{(\w+)}", endpoint.path)
    query = endpoint.query or {}
    operation: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.summary}
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {**INTEGER, "minimum": 0}} for name in ids
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in query.items()]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body:
        operation["requestBody"] = {"required": not endpoint.optional, "content": _json(ref(endpoint.body))}
    refusals = [*KEY, RATE_LIMITED, *endpoint.refusals]
    # The request itself is checked before its subject is looked up.
    refusals += [NOT_FOUND] * bool(ids) + [BAD_BODY] * bool(endpoint.body) + [BAD_PARAMETER] * bool(query)
    if "groupBy" in query and options.grouped == "refused":
        refusals.append(GROUPING_UNKNOWN)
    operation["responses"] = {**_success(endpoint, options), **_refused(refusals, options)}
    return operation


def _success(endpoint: Endpoint, options: Options) -> dict[str, Any]:
    if endpoint.name == "export" and options.export_status != 200:  # noqa: PLR2004 - OK
        return {str(options.export_status): {"description": "Success, without a body"}}
    schemas = [ref(answer) for answer in endpoint.answers.split()]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    status = options.created_status if endpoint.created else 200
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
