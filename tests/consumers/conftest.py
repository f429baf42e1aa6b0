"""The index of the tests of SimilarityIndexGen, which is searched here."""

from tests.components.similarity_index_gen.conftest import indexed  # noqa: F401 - pytest finds it here
