"""Downloads files and checks them."""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Mapping

from tfx_contrastive.contract.errors import DownloadError

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 30


def fetch(base_url: str, md5: Mapping[str, str], directory: str) -> None:
    """Downloads files that are not there yet; each appears only when it is whole and checked.

    Args:
        base_url: Address of the directory that holds them.
        md5: File name -> MD5, hex.
        directory: Where to put them.

    Raises:
        DownloadError: If one can't be had or has another checksum.
    """
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{directory}: can't be made ({error.strerror})") from error
    for name, expected in md5.items():
        if not os.path.exists(os.path.join(directory, name)):
            _fetch_one(f"{base_url.rstrip('/')}/{name}", expected, os.path.join(directory, name))


def _fetch_one(url: str, expected: str, path: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    partial = f"{path}.{os.getpid()}.part"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, open(partial, "wb") as file:
            while block := response.read(_BLOCK):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != expected:
            raise DownloadError(f"{url}: MD5 is {digest.hexdigest()}, expected {expected}")
        os.replace(partial, path)
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors; ValueError: no such scheme
        # An HTTPError's text has the status; of another URLError only `reason` says anything.
        has_status = isinstance(error, urllib.error.HTTPError)
        reason = error if has_status else getattr(error, "reason", error)
        raise DownloadError(f"{url}: {reason}") from error
    finally:
        if os.path.exists(partial):
            os.remove(partial)
