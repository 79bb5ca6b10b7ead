"""Fields and `where`: from a lead's variables to what a connector writes.

A field is a text with `{{ expressions }}`; `where` is one expression. Three kinds of field:

* a text without braces is a constant;
* a lone `{{ expression }}` keeps the type of its value;
* anything else is text, its parts written one after the other.

**Null.** A null anywhere inside a field leaves that field out, never `https://x.com/None`; `or` and `default(…)`
put something in its place. A `where` has no such way out: what cannot be judged (a null compared with a
number) is a visible `Reject`, never a no. Blank results are left out as well, for a blank must not overwrite
what a salesperson typed.

**Mistakes** are found when the configuration is read: unknown variables, filters, tests and methods with the
nearest known name, forgotten braces, statements. What only a lead's data brings to light is a `Reject` that
names the field and the kind of error, and no value, for values are personal data.

**Cost.** A field of constants and variables needs no Jinja2, and where all are such it is not even imported. All other
expressions of a connector are compiled into one dictionary expression, evaluated once a lead; if that fails, one by
one, to tell which.

`expressions` and `limits` alone know Jinja2, `variables` knows the lead, and `fields` joins them.
"""

from syncd.mapping.fields import FieldMap, Filter, MappingError
from syncd.mapping.variables import VARIABLES, Labels, variables

__all__ = ["VARIABLES", "FieldMap", "Filter", "Labels", "MappingError", "variables"]
