"""The contract between edges and hub as AsyncAPI 3, made from the code that reads and writes it.

The schemas are what a reader takes, so they hold for both sides: unknown fields are allowed everywhere, and a field
with a default may be absent. Whoever writes says more than they ask for, never less.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, get_args

from pydantic import TypeAdapter

from protocols.sync import account_lists, codec, down, lists, present, up
from protocols.sync.topics import ROOT, EdgeAddress, Stream

_REF: Final = "#/components/schemas/{model}"
_PLACE: Final = EdgeAddress(0, "edge")
_DOWN: Final = (down.Ack, *down.DOCUMENTS.values(), down.Command)
MESSAGES: Final = (present.Birth, present.EdgeState, present.Live, *_DOWN, lists.TokensPart, account_lists.AccountsPart)
"""All but the batch, which `codec` puts together of entries that are encoded already."""

_ABOUT: Final = f"""\
How an edge and its hub stay in step. An edge sends what `send` names and receives what `receive` names; the hub does it
the other way round. All payloads are JSON in UTF-8, compressed with zlib (RFC 1950) where that is longer than \
{codec.COMPRESS_ABOVE_BYTES} bytes; a compressed payload begins with the byte 0x78, which no JSON object does.

Readers ignore fields that they do not know. New fields have defaults, so that older writers need not say them. What
would change the meaning of a message changes `v`, and a reader refuses a `v` that it does not know. An entry whose
`kind` the hub does not know is kept there as it came, as a dead letter with an alarm, and its stream goes on."""


def bodies() -> dict[Stream, tuple[type[Any], ...]]:
    """What an entry of each stream may say."""
    every = (*get_args(up.MoneyBody), *get_args(up.EventBody), *get_args(up.TelemetryBody))
    return {stream: tuple(body for body in every if up._STREAMS[body] is stream) for stream in Stream}


def asyncapi() -> str:
    """The document, as JSON."""
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Ohmstead sync", "version": present.CONTRACT_VERSION, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": dict(_channels()),
        "operations": dict(_operations()),
        "components": {"messages": dict(_messages()), "schemas": schemas()},
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _addresses() -> dict[str, tuple[str, tuple[str, ...], bool, str]]:
    """Each channel: its topic, its messages, whether the edge sends there, and what it is for."""
    found: dict[str, tuple[str, tuple[str, ...], bool, str]] = {
        "birth": (_PLACE.birth, ("Birth",), True, "Who an edge is, with every connection. Retained, QoS 1."),
        "state": (_PLACE.state, ("EdgeState",), True, "Online or offline; the last will. Retained, QoS 1."),
        "live": (_PLACE.live, ("Live",), True, "The present, at most once a second. Not retained, QoS 0."),
    }
    for stream in Stream:
        about = f"The journal's stream {stream}, in batches without a gap. Not retained, QoS 1."
        found[f"up_{stream}"] = (_PLACE.up(stream), (f"Batch_{stream}",), True, about)
    for stream in Stream:
        about = f"How far the hub has committed the stream {stream}. Retained, QoS 1."
        found[f"ack_{stream}"] = (_PLACE.ack(stream), ("Ack",), False, about)
    for name in down.DOCUMENTS:
        kind = f"Desired{name.capitalize()}"
        about = f"What the edge is to know of {name}. Retained, QoS 1."
        found[f"desired_{name}"] = (_PLACE.desired(name), (kind,), False, about)
    for name in ("tokens", "accounts"):
        kind = f"{name.capitalize()}Part"
        about = f"A long list in parts, one after the other; see {kind}. Not retained, QoS 1."
        found[f"part_{name}"] = (_PLACE.part(name), (kind,), False, about)
    about = "An order to one edge; the outcome is a journal entry. Not retained, QoS 1."
    found["command"] = (_PLACE.command("{command_id}"), ("Command",), False, about)
    return found


def _channels() -> Iterator[tuple[str, Any]]:
    whose = {
        "domain": {"description": "One byte as two hex digits in lower case: 00 to 80 the operator's own."},
        "edge_id": {"description": "1 to 48 letters, digits, '-', '_' or '.'."},
    }
    for name, (topic, messages, _, about) in _addresses().items():
        address = topic.replace(_PLACE.prefix, f"{ROOT}/{{domain}}/{{edge_id}}")
        parameters = dict(whose)
        if "{command_id}" in address:
            parameters["command_id"] = {"description": "The command's own `id`."}
        yield (
            name,
            {
                "address": address,
                "description": about,
                "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
                "parameters": parameters,
            },
        )


def _operations() -> Iterator[tuple[str, Any]]:
    for name, (_, messages, is_sent, about) in _addresses().items():
        action = "send" if is_sent else "receive"
        yield (
            f"{action}_{name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{each}"} for each in messages],
                "bindings": {"mqtt": {"qos": 0 if name == "live" else 1, "retain": "Retained" in about}},
            },
        )


def _messages() -> Iterator[tuple[str, Any]]:
    for message in MESSAGES:
        yield message.__name__, _message(message.__name__, message.__doc__ or "")
    for stream in Stream:
        yield f"Batch_{stream}", _message(f"Batch_{stream}", f"Consecutive entries of the stream {stream}.")


def _message(name: str, about: str) -> dict[str, Any]:
    payload = {"$ref": _REF.format(model=name)}
    return {"name": name, "summary": _prose(about), "payload": payload}


def schemas() -> dict[str, Any]:
    """By name: of each message, each body of an entry, and of what they are made of."""
    every = [*MESSAGES, *(body for of_stream in bodies().values() for body in of_stream)]
    roots, shared = TypeAdapter.json_schemas(
        [(each.__name__, "validation", TypeAdapter(each)) for each in every], ref_template=_REF
    )
    found: dict[str, Any] = dict(shared.get("$defs", {}))
    for each in every:
        root = roots[each.__name__, "validation"]
        if root != {"$ref": _REF.format(model=each.__name__)}:
            found[each.__name__] = root
        found[each.__name__]["description"] = _prose(each.__doc__ or "")
    for message in MESSAGES:
        _require(found[message.__name__], "v", {"const": present.SCHEMA_VERSION})
    for stream, of_stream in bodies().items():
        for body in of_stream:
            _require(found[body.__name__], "kind", found[body.__name__]["properties"]["kind"])
        found[f"Entry_{stream}"] = _entry(stream, of_stream)
        found[f"Batch_{stream}"] = _batch(stream)
    return {name: _plain(found[name]) for name in sorted(found)}


def _require(schema: dict[str, Any], name: str, said: Any) -> None:
    schema["properties"] = {name: said, **{key: each for key, each in schema["properties"].items() if key != name}}
    schema["required"] = [name, *(each for each in schema.get("required", []) if each != name)]


def _entry(stream: Stream, of_stream: tuple[type[Any], ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "A fact that lasts: (edge, epoch, stream, seq) is its identity, seq its order.",
        "properties": {
            "stream": {"const": stream.value},
            "seq": {"type": "integer", "minimum": 1, "maximum": codec.MAX_SEQ},
            "at": {"type": "string", "format": "date-time"},
            "body": {"oneOf": [{"$ref": _REF.format(model=each.__name__)} for each in of_stream]},
        },
        "required": ["stream", "seq", "at", "body"],
    }


def _batch(stream: Stream) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"At most {codec.MAX_BATCH_ENTRIES} entries and {codec.MAX_BATCH_BYTES} bytes before"
        " compression, but one entry at least.",
        "properties": {
            "v": {"const": present.SCHEMA_VERSION},
            "epoch": {"type": "string"},
            "stream": {"const": stream.value},
            "first_seq": {"type": "integer", "minimum": 1, "maximum": codec.MAX_SEQ},
            "after_at": {
                "type": "string",
                "description": "When the entry before the first one was made, as it is written there.",
            },
            "entries": {"type": "array", "minItems": 1, "items": {"$ref": _REF.format(model=f"Entry_{stream}")}},
        },
        "required": ["v", "epoch", "stream", "first_seq", "entries"],
    }


def _plain(schema: Any) -> Any:
    """As JSON Schema draft 7, which AsyncAPI asks for: without the titles that pydantic makes of names, tuples in the
    words of that draft, and the text in one line."""
    match schema:
        case dict():
            kept = {key: _plain(each) for key, each in schema.items() if key != "title" or not isinstance(each, str)}
            if isinstance(kept.get("description"), str):
                kept["description"] = _prose(kept["description"])
            if "oneOf" in kept:
                kept.pop("discriminator", None)  # of OpenAPI; each kind has its `const` as well
            if "prefixItems" in kept:
                kept["items"] = kept.pop("prefixItems")
            return kept
        case list():
            return [_plain(each) for each in schema]
        case _:
            return schema


def _prose(text: str) -> str:
    return " ".join(text.split())
