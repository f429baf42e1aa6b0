"""The index that the tests of SimilarityIndexGen make, for tests of search."""

from tests.components.similarity_index_gen.conftest import indexed  # noqa: F401 - pytest finds it here
