"""The same redirect with Flask behind an adapter from API Gateway to WSGI, a boto3 client at module scope."""
# Flask is in an environment of its own, .local/bench/flask: mypy cannot know it.
# mypy: ignore-errors

import boto3
from apig_wsgi import make_lambda_handler
from flask import Flask, abort
from flask import redirect as answer
from werkzeug.wrappers import Response

site = Flask(__name__, static_folder=None)
dynamodb = boto3.client("dynamodb")


@site.get("/<code>")
def redirect(code: str) -> Response:
    """Follow a link."""
    item = dynamodb.get_item(TableName="url-shortener", Key={"code": {"S": code}}).get("Item")
    if item is None:
        abort(404)
    return answer(item["originalUrl"]["S"], 302)


app = make_lambda_handler(site)
