"""The batch calls of a made-up HubSpot, and its search."""

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from syncd.simulator.crms.hubspot.portal import Portal, Properties, Refusal

_MOST, _MOST_RESULTS = 100, 10_000
_TIMES = {"startedAt": "2026-06-11T12:00:00Z", "completedAt": "2026-06-11T12:00:01Z"}

Json = dict[str, Any]


class Batches:
    """The switches say what of HubSpot's undocumented behaviour is in force."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.multi_status = True
        self.whole_conflicts = False
        """A row that collides with another contact has the whole batch refused, trace ids or not."""
        self.echo_traces = True
        self.echo_keys = True
        self.error_traces = True
        self.forget = 0
        """So many of the next batch's results are missing from its answer."""

    def run(self, operation: str, body: Any) -> tuple[int, Json]:
        """Answer a batch call. Raises Refusal: it is refused whole."""
        inputs = body.get("inputs") if isinstance(body, dict) else None
        if not isinstance(inputs, list) or not inputs:
            raise Refusal(400, "VALIDATION_ERROR", "inputs must not be empty")
        if len(inputs) > _MOST:
            raise Refusal(400, "VALIDATION_ERROR", f"The maximum batch size is {_MOST}")
        if operation == "read":
            return self._read(body, inputs)
        self._no_doubles(inputs)
        return self._write(operation, inputs)

    def search(self, body: Json, index: Mapping[str, Properties]) -> Json:
        """As the index has it: an AND of filters, with IN in lower case; sorted by one property, paged by offset."""
        filters = [each for group in body["filterGroups"] for each in group["filters"]]
        sorts, limit, after = body.get("sorts", []), body.get("limit", 10), int(body.get("after") or 0)
        if len(filters) > 6 or limit > 200 or len(sorts) > 1 or after + limit > _MOST_RESULTS:
            raise Refusal(
                400, "VALIDATION_ERROR", "too many filters or sorts, or a page too large or too far"
            )
        for each in [*filters, *sorts]:
            if each["propertyName"] not in self.portal.definitions:
                raise Refusal(400, "VALIDATION_ERROR", f"There is no property {each['propertyName']}")
        found = [it for it in index.items() if all(_matches(each, it[1]) for each in filters)]
        for each in sorts:
            name = each["propertyName"]
            found.sort(key=lambda it: _number(it[1].get(name)), reverse=each["direction"] == "DESCENDING")
        page = found[after : after + limit]
        answer: Json = {
            "total": len(found),
            "results": [self._indexed(id_, kept, body.get("properties", [])) for id_, kept in page],
        }
        if len(found) > after + limit:
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return answer

    def _indexed(self, id_: str, properties: Properties, names: list[str]) -> Json:
        shown = self._shown(id_, properties, names)
        changed = int(properties["lastmodifieddate"])
        written = datetime.fromtimestamp(changed / 1000, UTC).isoformat(timespec="milliseconds")
        if "lastmodifieddate" in names:
            shown["properties"]["lastmodifieddate"] = written.replace("+00:00", "Z")
        return shown

    def _no_doubles(self, inputs: list[Json]) -> None:
        keys = [str(each.get("id", n)).strip().lower() for n, each in enumerate(inputs)]
        doubles = sorted({key for key in keys if keys.count(key) > 1})
        if doubles:
            message = f"Duplicate IDs found in batch input: {doubles}. IDs must be unique"
            raise Refusal(400, "VALIDATION_ERROR", message, context={"ids": doubles})

    def _read(self, body: Json, inputs: list[Json]) -> tuple[int, Json]:
        name = body.get("idProperty")
        if name:
            self._must_be_unique(name)
        results, lost = [], []
        for each in inputs:
            id_ = self.portal.holder(name, each["id"]) if name else self.portal.found(each["id"])
            if id_ is None:
                lost.append(each["id"])
            else:
                results.append(self._shown(id_, self.portal.contacts[id_], body.get("properties", [])))
        results = self._forgotten(results[::-1])
        answer: Json = {"status": "COMPLETE", "results": results, **_TIMES}
        if not lost:
            return 200, answer
        message = "Could not get some CONTACT objects, they may be deleted or not exist."
        error = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": message,
            "context": {"ids": lost},
        }
        return 207, {**answer, "numErrors": 1, "errors": [error]}

    def _write(self, operation: str, inputs: list[Json]) -> tuple[int, Json]:
        traces = [each.get("objectWriteTraceId") for each in inputs]
        row_by_row = self.multi_status and None not in traces and len(set(traces)) == len(traces)
        one: Callable[[Json], Json | None] = {
            "upsert": self._upsert,
            "update": self._update,
            "create": self._create,
        }[operation]
        self.portal.touch(
            self.portal.holder(name, each["id"]) if (name := each.get("idProperty")) else each.get("id")
            for each in inputs
        )
        saved = self.portal.save()
        results: list[Json] = []
        errors: list[Json] = []
        for each in inputs:
            try:
                if (written := one(each)) is not None:
                    results.append(written)
            except Refusal as why:
                if not row_by_row or (self.whole_conflicts and why.status == 409):
                    self.portal.restore(saved)
                    raise
                context = {"objectWriteTraceId": [each["objectWriteTraceId"]]} if self.error_traces else {}
                more = {**why.body.get("context", {}), **context}
                errors.append({**why.body, "errors": [], "links": {}, "context": more})
        answer = {"status": "COMPLETE", "results": self._forgotten(results[::-1]), **_TIMES}
        if errors:
            return 207, {**answer, "numErrors": len(errors), "errors": errors}
        return 201 if operation == "create" else 200, answer

    def _forgotten(self, results: list[Json]) -> list[Json]:
        kept, self.forget = results[self.forget :], 0
        return kept

    def _upsert(self, each: Json) -> Json:
        name = each.get("idProperty", "")
        self._must_be_unique(name)
        if not isinstance(each.get("id"), str) or not isinstance(each.get("properties"), dict):
            raise Refusal(400, "VALIDATION_ERROR", "id and properties must be set")
        id_ = self.portal.holder(name, each["id"])
        key = {name: each["id"]} if id_ is None else {}
        return self._written(each, *self.portal.write(id_, {**key, **each["properties"]}))

    def _update(self, each: Json) -> Json | None:
        """None: the id was merged away, which HubSpot neither follows nor reports."""
        if each.get("idProperty"):
            raise Refusal(400, "VALIDATION_ERROR", "updates go by record id")
        id_ = each["id"]
        if id_ not in self.portal.contacts:
            if self.portal.found(id_) is not None:
                return None
            raise Refusal(404, "OBJECT_NOT_FOUND", "Could not get some CONTACT objects")
        self.portal.write(id_, each["properties"])
        return self._written(each, id_, None)

    def _create(self, each: Json) -> Json:
        return self._written(each, *self.portal.write(None, each["properties"]))

    def _written(self, each: Json, id_: str, new: bool | None) -> Json:  # noqa: FBT001 - as the answer has it
        names = [*each["properties"], "email", "ctgo_x_user_id"] if self.echo_keys else []
        shown = self._shown(id_, self.portal.contacts[id_], names)
        if self.echo_traces and "objectWriteTraceId" in each:
            shown["objectWriteTraceId"] = each["objectWriteTraceId"]
        return shown if new is None else {**shown, "new": new}

    def _must_be_unique(self, name: str) -> None:
        if name not in self.portal.unique():
            message = f"Unable to perform update/upsert by non-unique 0-1 property '{name}'"
            raise Refusal(400, "VALIDATION_ERROR", message)

    def _shown(self, id_: str, properties: Properties, names: list[str]) -> Json:
        known = [name for name in dict.fromkeys(names) if name in self.portal.definitions]
        shown = {"hs_object_id": id_, **{name: properties.get(name) for name in known}}
        times = {"createdAt": "2026-06-11T12:00:00Z", "updatedAt": "2026-06-11T12:00:00Z"}
        return {"id": id_, "properties": shown, **times, "archived": False}


def _matches(one: Json, properties: Properties) -> bool:
    value = properties.get(one["propertyName"])
    if one["operator"] == "IN":
        return value is not None and value.lower() in one["values"]
    if one["operator"] == "NOT_HAS_PROPERTY":
        return value is None
    if one["operator"] == "HAS_PROPERTY":
        return value is not None
    if one["operator"] in _COMPARED:
        return value is not None and _COMPARED[one["operator"]](_number(value), _number(one["value"]))
    raise Refusal(400, "VALIDATION_ERROR", f"{one['operator']} is not known here")


def _number(value: str | None) -> float:
    return float(value) if value else 0.0


_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "EQ": operator.eq,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}
