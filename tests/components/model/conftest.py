"""The tiny models of the registry's tests."""

from tests.components.registry.conftest import models  # noqa: F401 - pytest finds it here
