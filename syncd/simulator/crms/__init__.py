"""CRMs as programs that answer from memory: HubSpot, Salesforce, Apollo and Attio, and a receiver of webhooks.

The demo, the tests and people without an account use them. Each follows its vendor's documents and knows nothing of the
connector, so one misreading of an API cannot cancel another.
"""
