"""The page on which a person approves the login of a device.

Plain HTML without scripts and cookies. What it asks for is the key of a workspace, so a page of
somebody else's that posts to it gains nothing.
"""

from __future__ import annotations

import base64
import hashlib
import math
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from litestar import MediaType, Response

from intone.api.dialect import status_of
from intone.errors import InvalidInputError, UnauthenticatedError

if TYPE_CHECKING:
    from litestar import Request

    from intone.errors import IntoneError

__all__ = ["approved_page", "form_page", "problem_page", "read_form"]

#: Fields that a form may have, of which the page has two.
_MOST_FIELDS: Final = 10
_FORM: Final = "application/x-www-form-urlencoded"
#: Longest user code shown again, in characters.
_LONGEST_CODE: Final = 20


async def read_form(request: Request[Any, Any, Any]) -> tuple[str, str]:
    """The user code and the key that a person has sent.

    Raises:
        InvalidInputError: It is not the page's form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise InvalidInputError("This is not the form of the page.")
    body = await request.body()
    try:
        fields = dict(parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS))
    except ValueError:  # not UTF-8, or too many fields
        raise InvalidInputError("This is not the form of the page.") from None
    return fields.get("user_code", "").strip(), fields.get("key", "").strip()


def form_page(action: str, user_code: str) -> Response[str]:
    """The empty form, with the code in it if it is known."""
    return _page(200, _form(action, user_code, ""))


def problem_page(action: str, user_code: str, error: IntoneError) -> Response[str]:
    """The form again, with what was wrong."""
    problem = f'<p role="alert" class="bad">{escape(error.message)}</p>'
    # A key in a form is no HTTP authentication, so its refusal is no 401.
    status = 403 if isinstance(error, UnauthenticatedError) else status_of(error)
    response = _page(status, _form(action, user_code, problem))
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return response


def approved_page(workspace: str) -> Response[str]:
    """What a person sees once the device is let in."""
    return _page(200, Template(_file("approved.html")).substitute(workspace=escape(workspace)))


def _form(action: str, user_code: str, problem: str) -> str:
    return Template(_file("form.html")).substitute(
        action=escape(action), user_code=escape(user_code[:_LONGEST_CODE]), problem=problem
    )


def _page(status: int, content: str) -> Response[str]:
    style = _file("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    return Response(
        Template(_file("page.html")).substitute(style=style, content=content),
        status_code=status,
        media_type=MediaType.HTML,
        headers={"content-security-policy": policy, "cache-control": "no-store"},
    )


@cache
def _file(name: str) -> str:
    return (resources.files("intone.web") / "login" / name).read_text("utf-8")
