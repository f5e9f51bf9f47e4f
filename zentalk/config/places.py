"""Hosts as operators write them: one text, or a list where a relay has several addresses.

What is accepted can stand in a relay URI, so that every URI we print can be read back. Nothing is
resolved here.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo

from zentalk.wire.descriptor import MAX_HOSTS, MAX_HOSTS_CHARS
from zentalk.wire.host import is_host, is_unspecified, with_brackets

OneOrMore: TypeAlias = str | tuple[str, ...]


def check_host(given: str) -> str:
    """Return a host in the form that it has in a URI; raises ValueError if it is none."""
    host = with_brackets(given.strip())
    if not is_host(host):
        raise ValueError(f"{given!r} is none: it must be a host name, an IPv4 or an IPv6 address")
    return host


def _check_hosts(given: OneOrMore) -> OneOrMore:
    if isinstance(given, str):
        return check_host(given)
    if not 1 <= len(given) <= MAX_HOSTS:
        raise ValueError(f"it must be one host, or a list of 1 to {MAX_HOSTS}")
    hosts = tuple(dict.fromkeys(map(check_host, given)))
    if sum(map(len, hosts)) > MAX_HOSTS_CHARS:
        raise ValueError(
            f"these names have more than {MAX_HOSTS_CHARS} characters together, and a relay's "
            "descriptor has no room for them: shorten them, or name fewer"
        )
    return hosts


def _check_hosts_if_any(given: OneOrMore) -> OneOrMore:
    return _check_hosts(given) if given else ""


def list_to_tuple(value: object) -> object:
    """Return a list of TOML as the tuple that settings keep."""
    return tuple(value) if isinstance(value, list) else value


Host = Annotated[str, AfterValidator(check_host)]
HostOrHosts = Annotated[OneOrMore, BeforeValidator(list_to_tuple), AfterValidator(_check_hosts)]
HostOrHostsIfAny = Annotated[
    OneOrMore, BeforeValidator(list_to_tuple), AfterValidator(_check_hosts_if_any)
]


def all_of(hosts: OneOrMore) -> tuple[str, ...]:
    """Return the hosts that a setting names, in its order."""
    return (hosts,) if isinstance(hosts, str) else hosts


def takes_several(field: FieldInfo) -> bool:
    """Tell whether the key takes a list of hosts as well as one."""
    checks = (_check_hosts, _check_hosts_if_any)
    return any(getattr(item, "func", None) in checks for item in field.metadata)


def first_unspecified(hosts: OneOrMore) -> str:
    """Return the first of them that stands for all addresses of a machine, "" if none does."""
    return next(filter(is_unspecified, all_of(hosts)), "")
