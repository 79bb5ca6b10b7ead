"""HubSpot's contacts: the API, the portal behind it, and its batches."""

from syncd.simulator.crms.hubspot.app import TOKEN, HubSpotFake

__all__ = ["TOKEN", "HubSpotFake"]
