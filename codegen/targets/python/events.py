"""The event as a msgspec Struct."""

from __future__ import annotations

import json

from codegen import render
from codegen.model import Model
from codegen.targets.event_schema import event_schema


def struct(model: Model) -> str:
    """Returns the event as a msgspec Struct, for readers of events."""
    # Its import takes longer than most targets.
    import datamodel_code_generator as structs
    from datamodel_code_generator.enums import DataModelType
    from datamodel_code_generator.format import DatetimeClassType, Formatter, PythonVersion
    from datamodel_code_generator.parser import LiteralType

    schema = event_schema(model)
    schema.pop("allOf", None)  # a Struct has no conditions
    for field in schema["properties"].values():
        if field.get("format") == "decimal":  # msgspec cannot limit a Decimal, and warns about it
            field.pop("minimum", None)
            field.pop("maximum", None)
    code = structs.generate(
        json.dumps(schema),
        config=structs.GenerateConfig(
            input_file_type=structs.InputFileType.JsonSchema,
            output_model_type=DataModelType.MsgspecStruct,
            target_python_version=PythonVersion.PY_310,
            output_datetime_class=DatetimeClassType.Datetime,
            enum_field_as_literal=LiteralType.All,
            formatters=[Formatter.BUILTIN],
            builtin_format_line_length=100,  # otherwise that of any pyproject.toml above
            use_annotated=True,
            use_schema_description=True,
            use_single_line_docstring=True,
            custom_file_header=f"# {render.NOTICE}",
            disable_timestamp=True,
        ),
    )
    return str(code)
