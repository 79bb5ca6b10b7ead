"""The paths the simulator answers."""

# Name of a route, as failures are ordered for it; method; path below /api/v2.
ROUTES = (
    ("me", "GET", "/me"),
    ("streams", "GET", "/streams"),
    ("stream", "GET", "/streams/<int:stream_id>"),
    ("stream_leads", "GET", "/streams/<int:stream_id>/leads"),
    ("segments", "GET", "/segments"),
    ("accounts", "GET", "/accounts"),
    ("leads", "GET", "/leads"),
    ("export", "POST", "/leads/<int:lead_id>/export"),
    ("enrich", "POST", "/leads/<int:lead_id>/enrich"),
    ("feedback", "POST", "/leads/<int:lead_id>/feedback"),
)
V2 = "/api/v2"
