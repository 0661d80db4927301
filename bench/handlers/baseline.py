"""The baseline: a handler with a boto3 resource at module scope, a Table for each request, and GetItem."""

import os

import boto3
from chalice.app import Chalice, Response

app = Chalice(app_name="baseline")
dynamodb = boto3.resource("dynamodb")


@app.route("/{code}", cors=True)
def redirect(code: str) -> Response:
    """Follow a link."""
    table = dynamodb.Table("url-shortener")
    try:
        target = table.get_item(Key={"code": code})["Item"]["originalUrl"]
    except Exception:  # noqa: BLE001  # as in the original: any error redirects to BASE_URL
        target = os.environ["BASE_URL"]
    return Response(body="", status_code=302, headers={"Location": str(target)})
