"""Apollo's contacts: the API, and the book behind it."""

from syncd.simulator.crms.apollo.app import KEY, PREFIX, ApolloFake

__all__ = ["KEY", "PREFIX", "ApolloFake"]
