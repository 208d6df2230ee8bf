"""HTTP side of the control surface: the checks of a request, its body, and the answer."""

import logging
import re

import attrs
from aiohttp import web

from arena_groups.sandbox import control_api
from arena_groups.sandbox.control_request import (
    ControlContext,
    ControlError,
    ControlRequest,
    error_answer,
)
from arena_groups.sandbox.control_state import CONTROL_PREFIX
from arena_groups.sandbox.hosts import HostNames, authority_of
from arena_groups.sandbox.responses import ApiError
from arena_groups.sandbox.server_protocol import ClientConnection, SerializedResponse, to_response
from arena_groups.sandbox.service import RequestBody, query_of

logger = logging.getLogger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_ORIGIN = re.compile(r"https?://(.+)", re.ASCII | re.IGNORECASE)


@attrs.frozen
class ControlServer:
    """Answers what is below `/__sandbox__/`, for its own pages and for programs.

    Only its own pages may write: a browser names the page that sends a write in `Origin`.
    """

    context: ControlContext
    hosts: HostNames

    async def respond(
        self, request: web.BaseRequest, connection: ClientConnection
    ) -> web.StreamResponse:
        """Answer a request, which is not logged, not counted and not open to faults."""
        del connection
        try:
            answer = await self._answer(request)
        except ControlError as error:
            answer = error_answer(error)
        except Exception:
            logger.exception("The control surface failed to answer a request")
            answer = error_answer(
                ControlError(500, "The sandbox failed to answer. See its log for the traceback.")
            )
        return to_response(answer)

    async def _answer(self, request: web.BaseRequest) -> SerializedResponse:
        try:
            self.hosts.check(request)
            authority = authority_of(request) or ""
        except ApiError as error:
            raise _control_error(error) from None
        _check_origin(request, authority)
        body = b""
        if request.method not in _SAFE_METHODS:
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


def _check_origin(request: web.BaseRequest, authority: str) -> None:
    """Raise the 403 of a write by a page that is not the sandbox's own."""
    if request.method in _SAFE_METHODS:
        return
    for origin in request.headers.getall("Origin", []):
        match = _ORIGIN.fullmatch(origin)
        if match is None or match[1].lower() != authority.lower():
            raise ControlError(403, "Only pages of the sandbox itself may change it in a browser.")


def _control_error(error: ApiError) -> ControlError:
    response = error.response
    return ControlError(response.status, error.message, response.headers)
