"""An index and its model, open for the whole session; no test changes them."""

from typing import Any

import pytest

from tfx_contrastive.consumers.search import ImageSearch


@pytest.fixture(scope="session")
def search(indexed: Any) -> ImageSearch:
    return ImageSearch.open(indexed.index_uri)
