"""A host of the outside world as this process sees it, and how it is read: breaker, retries and quota in one place.

Every REST read outside the order path goes through a `EndpointReader`: Gamma, the CLOB's public side, the Data API, Binance,
Coinbase, CoinGecko. A failed read is repeated as `retry.READS` says; a refusal (429, 418, 403, 451) never is.
"""

import time
from collections.abc import Callable, Mapping

from messages import EndpointHealth
from polybot.adapters.net.breaker import Breaker, State
from polybot.adapters.net.http import HttpConnection, HttpError, Lost, NotSent, Response
from polybot.adapters.net.retry import ONCE, READS, Retries, refusal, retry_after_s

USED_WEIGHT = "x-mbx-used-weight-1m"
QUOTA_S = 60.0  # Binance's weights are of the last minute
NEAR = 0.8

Tell = Callable[..., None]
"""tell(event, key=value…): a line for the log."""


class Alone(HttpError):
    """The breaker is open: nothing was sent."""


class Endpoint:
    """name as it stands in `status`. limit: the quota its used-weight header counts towards, −1 = it has none."""

    def __init__(
        self,
        name: str,
        base_url: str,
        tell: Tell = lambda _event, **_facts: None,
        retries: Retries = READS,
        limit: int = -1,
        breaker: Breaker | None = None,
    ) -> None:
        self.name, self.base_url, self.retries, self.limit = name, base_url, retries, limit
        self._tell, self._said_open = tell, False
        self.breaker = breaker or Breaker(self._changed)
        self._used, self._used_at_s, self._warned = -1, 0.0, False

    def _changed(self, state: State, why: str) -> None:
        """Said when it opens and when it closes again; what is tried in between is in `status`."""
        if state == "half_open" or (state == "open") is self._said_open:
            return
        self._said_open = state == "open"
        self._tell("endpoint_breaker", endpoint=self.name, state=state, why=why)

    def heard(self, headers: Mapping[str, str]) -> None:
        """What an answer's headers say about our quota; the warning comes once each time NEAR of it is passed."""
        text = headers.get(USED_WEIGHT, "")
        if not text.isdigit():
            return
        self._used, self._used_at_s = int(text), time.monotonic()
        is_near = self.limit > 0 and self._used >= NEAR * self.limit
        if is_near and not self._warned:
            self._tell("quota_near_its_end", endpoint=self.name, used=self._used, limit=self.limit)
        self._warned = is_near

    def health(self) -> EndpointHealth:
        """The host's breaker and quota as `Heartbeat` carries them, for `status`."""
        breaker, used = self.breaker, self._used
        if used > 0 and time.monotonic() - self._used_at_s > QUOTA_S:
            used = 0
        return EndpointHealth(
            name=self.name,
            state=breaker.state,
            failures=breaker.failures,
            opened=breaker.opened,
            retry_s=round(breaker.retry_s, 3),
            why=breaker.why,
            used=used,
            limit=self.limit,
        )


class EndpointReader:
    """One kept-alive connection to an endpoint. Not thread safe: one a lane. A bare address is asked once."""

    def __init__(self, where: Endpoint | str, timeout_s: float, retries: Retries | None = None) -> None:
        self.endpoint = where if isinstance(where, Endpoint) else Endpoint(where, where, retries=ONCE)
        self._http = HttpConnection(self.endpoint.base_url, timeout_s)
        self._retries = retries or self.endpoint.retries

    def read(self, path: str, headers: dict[str, str] | None = None) -> Response:
        """The answer, whatever its status; the last one where all were bad. Raises HttpError when none came."""
        for tried in range(1, self._retries.tries + 1):
            answer = self._once(path, headers)
            is_worth_it = (isinstance(answer, Response) and answer.status >= 500) or isinstance(answer, NotSent | Lost)
            if not is_worth_it or tried == self._retries.tries:
                break
            time.sleep(self._retries.wait_s(tried))
        if isinstance(answer, HttpError):
            raise answer
        return answer

    def _once(self, path: str, headers: dict[str, str] | None) -> Response | HttpError:
        endpoint = self.endpoint
        shut = endpoint.breaker.enter()
        if shut:
            return Alone(f"{endpoint.name}: {shut}")
        try:
            response = self._http.read(path, headers)
        except HttpError as exc:
            endpoint.breaker.failed(str(exc))
            return exc
        endpoint.heard(response.headers)
        if no := refusal(response.status, response.headers):
            endpoint.breaker.refused(no, retry_after_s(response.headers))
        elif response.status >= 500:
            endpoint.breaker.failed(f"HTTP {response.status}")
        else:
            endpoint.breaker.succeeded()
        return response
