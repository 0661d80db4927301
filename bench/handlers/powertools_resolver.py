"""The same redirect with AWS Lambda Powertools: its event handler, a boto3 client at module scope."""
# Powertools is in an environment of its own, .local/bench/powertools: mypy cannot know it.
# mypy: ignore-errors

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

api = APIGatewayRestResolver()
dynamodb = boto3.client("dynamodb")


@api.get("/<code>")
def redirect(code: str) -> Response:
    """Follow a link."""
    item = dynamodb.get_item(TableName="url-shortener", Key={"code": {"S": code}}).get("Item")
    if item is None:
        raise NotFoundError
    return Response(status_code=302, headers={"Location": item["originalUrl"]["S"]}, body="")


def app(event: dict, context: object) -> dict:
    """Answer an event of API Gateway."""
    return api.resolve(event, context)
