"""A Chalice route that answers a constant 302: what the framework costs."""

from chalice.app import Chalice, Response

app = Chalice(app_name="bare")


@app.route("/{code}")
def redirect(code: str) -> Response:  # noqa: ARG001  # the answer is constant, that is the point
    """Answer."""
    return Response(body="", status_code=302, headers={"Location": "https://en.wikipedia.org/wiki/URL_shortening"})
