"""A response's body, read within bounds and inflated here.

Bodies are hostile: an endless one, one that drips, a kilobyte that inflates to gigabytes. So raw bytes are read piece by
piece, inflated only as far as there is room, and the deadline is looked at after each piece. Memory stays under the
cap and one piece.
"""

import zlib

import httpx

from syncd.ctgo.shapes import Unfit
from syncd.ctgo.transport import Deadline

GZIP = 16 + zlib.MAX_WBITS
"""What `zlib` calls the gzip format, headers checked."""


def read_body(response: httpx.Response, deadline: Deadline, cap: int) -> bytes | Unfit:
    """The decoded body, or why there is none: larger than `cap` bytes, raw or decoded, or in a broken encoding.

    Raises httpx.RequestError when the connection failed or the deadline passed. The response is left open.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        return Unfit("came in an encoding that was not asked for")
    inflating = zlib.decompressobj(GZIP) if "gzip" in encoding else None
    # The stream itself, not iter_raw(): a transport may answer with a body that it has read already.
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise TypeError("an asynchronous transport cannot be used here")
    whole, taken = bytearray(), 0
    for piece in stream:
        taken += len(piece)
        if taken <= cap:
            try:
                whole += inflating.decompress(piece, cap + 1 - len(whole)) if inflating else piece
            except zlib.error:
                return Unfit("is not the gzip that it says it is")
        if max(taken, len(whole)) > cap:
            return Unfit(f"is larger than {cap} bytes")
        if deadline.left() <= 0:
            raise httpx.ReadTimeout("the deadline has passed")
    if inflating and taken and (not inflating.eof or inflating.unused_data):
        return Unfit("is not the gzip that it says it is")
    return bytes(whole)
