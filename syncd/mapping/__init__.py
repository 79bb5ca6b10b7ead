"""Fields and `where`: from a lead's variables to what a connector writes.

A field is a text with `{{ expressions }}`; `where` is one expression. Three kinds of field:

* a text without braces is a constant;
* a lone `{{ expression }}` keeps the type of its value;
* any other field is text, made of its parts in order.

**Null.** A null anywhere inside a field leaves that field out, so no CRM gets `https://x.com/None`; `or` and `default(…)`
replace it. A `where` that cannot be judged (a null compared with a number) is a visible `Reject`, and not false. Blank
results are left out as well, for a blank must not overwrite a salesperson's text.

**Mistakes** are found when the configuration is read: unknown variables, filters, tests and methods with the nearest known
name, forgotten braces, statements. A mistake that only a lead's data shows is a `Reject`. It names the field and the kind of
error, but no value, for values are personal data.

**Cost.** A field of constants and variables needs no Jinja2, which is imported only for other fields. All other expressions
of a connector are compiled into one, evaluated once a lead; if that fails, each alone, to find the field.

`expressions` and `limits` alone know Jinja2, `functions` lists what an expression may call, `variables` knows the lead, and `fields` joins them.
"""

from syncd.mapping.fields import FieldMap, Filter, MappingError
from syncd.mapping.variables import SPECS, VARIABLES, Labels, variables, x_url

__all__ = ["SPECS", "VARIABLES", "FieldMap", "Filter", "Labels", "MappingError", "variables", "x_url"]
