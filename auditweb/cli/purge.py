"""`auditweb purge`: what falls due by itself, once a day."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import click
from sqlalchemy import Engine
