"""HTTP side of the control surface: the checks of a request, its body, and the answer."""

import logging

import attrs
from aiohttp import web

from arena_groups.sandbox import control_api
from arena_groups.sandbox.control_request import (
    ControlContext,
    ControlError,
    ControlRequest,
    error_answer,
)
from arena_groups.sandbox.control_views import CONTROL_PREFIX
from arena_groups.sandbox.hosts import SAFE_METHODS, HostNames, authority_of
from arena_groups.sandbox.origins import AllowedOrigins
from arena_groups.sandbox.responses import ApiError
from arena_groups.sandbox.server_protocol import (
    ClientConnection,
    ClientGoneError,
    SerializedResponse,
)
from arena_groups.sandbox.service import RequestBody, query_of

logger = logging.getLogger(__name__)


@attrs.frozen
class ControlServer:
    """Answers what is below `/__sandbox__/`, for its own pages and for programs.

    Of web pages, only its own and those of the `origins` may write: a browser names the page that
    sends a write in `Origin`.
    """

    context: ControlContext
    hosts: HostNames
    origins: AllowedOrigins

    async def respond(
        self, request: web.BaseRequest, connection: ClientConnection
    ) -> web.StreamResponse:
        """Answer a request, which is not logged, not counted and not open to faults."""
        try:
            answer = await self._answer(request)
        except ControlError as error:
            answer = error_answer(error)
        except Exception:
            logger.exception("The control surface failed to answer a request")
            answer = error_answer(
                ControlError(500, "The sandbox failed to answer. See its log for the traceback.")
            )
        allowed = self.origins.headers(request, control=True)
        answer = attrs.evolve(answer, headers={**answer.headers, **allowed})
        try:
            return await answer.writer(answer, connection)
        except (ClientGoneError, ConnectionError):
            connection.reset()
            return web.Response()

    async def _answer(self, request: web.BaseRequest) -> SerializedResponse:
        try:
            self.hosts.check(request)
            authority = authority_of(request) or ""
        except ApiError as error:
            raise _control_error(error) from None
        preflight = self.origins.answer_preflight(request, control=True)
        if preflight is not None:
            return preflight
        self._check_origin(request, authority)
        body = b""
        if request.method not in SAFE_METHODS:
            try:
                body = await RequestBody(request).read()
            except ApiError as error:
                raise _control_error(error) from None
        return control_api.answer(
            self.context,
            ControlRequest(
                method=request.method,
                path=request.rel_url.raw_path.removeprefix(CONTROL_PREFIX),
                query=query_of(request),
                content_type=request.content_type if "Content-Type" in request.headers else "",
                body=body,
                origin=f"http://{authority}" if authority else self.context.control.url,
            ),
        )

    def _check_origin(self, request: web.BaseRequest, authority: str) -> None:
        """Raise the 403 of a write by a page that is neither the sandbox's own nor allowed."""
        if request.method in SAFE_METHODS:
            return
        own = f"http://{authority}".lower() if authority else None
        for origin in request.headers.getall("Origin", []):
            if origin.lower() != own and not self.origins.allow(origin, control=True):
                raise ControlError(
                    403,
                    "In a browser, only pages of the sandbox itself may change it, and pages of "
                    "an origin that --cors names.",
                )


def _control_error(error: ApiError) -> ControlError:
    response = error.response
    return ControlError(response.status, error.message, response.headers)
