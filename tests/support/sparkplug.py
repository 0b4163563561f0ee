"""Decodes Sparkplug payloads with Google's protobuf: an implementation that is not ours.

The message types are declared here, field by field, as Sparkplug 3.0.0 lists them (section 6.4.1).
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "uint32": FIELD.TYPE_UINT32,
    "uint64": FIELD.TYPE_UINT64,
    "float": FIELD.TYPE_FLOAT,
    "double": FIELD.TYPE_DOUBLE,
    "bool": FIELD.TYPE_BOOL,
    "string": FIELD.TYPE_STRING,
    "bytes": FIELD.TYPE_BYTES,
}

MESSAGES = {
    "Payload": "timestamp:1:uint64 metrics:2:*Metric seq:3:uint64 uuid:4:string body:5:bytes",
    "Metric": "name:1:string alias:2:uint64 timestamp:3:uint64 datatype:4:uint32"
    " is_historical:5:bool is_transient:6:bool is_null:7:bool properties:9:PropertySet"
    " int_value:10:uint32 long_value:11:uint64 float_value:12:float double_value:13:double"
    " boolean_value:14:bool string_value:15:string bytes_value:16:bytes",
    "PropertySet": "keys:1:*string values:2:*PropertyValue",
    "PropertyValue": "type:1:uint32 is_null:2:bool int_value:3:uint32 long_value:4:uint64"
    " float_value:5:float double_value:6:double boolean_value:7:bool string_value:8:string",
}


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="sparkplug_test.proto", package="sparkplug_test", syntax="proto2"
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields.split():
            key, number, kind = field.split(":")
            added = message.field.add(
                name=key,
                number=int(number),
                label=FIELD.LABEL_REPEATED if kind[0] == "*" else FIELD.LABEL_OPTIONAL,
            )
            kind = kind.lstrip("*")
            if kind in TYPES:
                added.type = TYPES[kind]
            else:
                added.type = FIELD.TYPE_MESSAGE
                added.type_name = f".sparkplug_test.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("sparkplug_test.Payload")
    return message_factory.GetMessageClass(found)


SparkplugPayload: Any = _payload_class()


def value_of(metric: Any) -> Any:
    """The value of a metric, in the field of its type."""
    if metric.is_null:
        return None
    fields = {
        **dict.fromkeys((1, 2, 3, 5, 6, 7), "int_value"),
        **dict.fromkeys((4, 8, 13), "long_value"),
        9: "float_value",
        10: "double_value",
        11: "boolean_value",
        12: "string_value",
    }
    return getattr(metric, fields[metric.datatype])


def command(name: str, value: object) -> bytes:
    """An NCMD of a host."""
    payload = SparkplugPayload(timestamp=1_800_000_000_000)
    metric = payload.metrics.add(name=name, timestamp=1_800_000_000_000)
    if isinstance(value, bool):
        metric.datatype, metric.boolean_value = 11, value
    else:
        metric.datatype, metric.string_value = 12, str(value)
    return bytes(payload.SerializeToString())
