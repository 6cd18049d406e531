"""The real venue's markets as far as they were read, and which are asked for."""

from polybot.core.market.windows import window_of
from polybot.venue.wire.gamma_objects import Listing

MOST_WISHED = 50


class MirrorCatalogue:
    """Nothing is listed that Gamma has not told us. A slug somebody asked for in vain is read next."""

    def __init__(self) -> None:
        self._by_slug: dict[str, Listing] = {}
        self._by_name: dict[str, Listing] = {}
        self.wished: dict[str, None] = {}

    def put(self, listing: Listing) -> None:
        """Keep a listing that was read just now; it is wished for no longer."""
        self._by_slug[listing.slug] = listing
        for name in (listing.condition_id, listing.up_token, listing.down_token):
            self._by_name[name] = listing
        self.wished.pop(listing.slug, None)

    def known(self, slug: str) -> Listing | None:
        """The listing as far as it was read; asking wishes for nothing."""
        return self._by_slug.get(slug)

    def listing(self, slug: str) -> Listing | None:
        """The listing of this slug; None: not read yet, or no such market."""
        found = self._by_slug.get(slug)
        if found is None and window_of(slug) is not None and len(self.wished) < MOST_WISHED:
            self.wished[slug] = None
        return found

    def open_listing(self, condition_id: str = "", token: str = "") -> Listing | None:
        """The listing of this condition or token, None when it was not read."""
        return self._by_name.get(condition_id or token)
