"""The HTTP API: routes, schemas, responses, and the OpenAPI document."""
