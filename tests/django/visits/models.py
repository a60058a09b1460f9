"""A model of tokens of its own, as knox 5 lets one have."""
from knox.models import AbstractAuthToken


class Visit(AbstractAuthToken):
    pass
