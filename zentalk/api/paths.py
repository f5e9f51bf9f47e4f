"""Parameters in the paths of several routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

Address = Annotated[str, Path(description="zt1 followed by 56 characters", max_length=100)]
MessageId = Annotated[str, Path(description="32 hexadecimal digits", max_length=100)]
