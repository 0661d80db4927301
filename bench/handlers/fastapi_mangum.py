"""The same redirect as FastAPI's users write it for Lambda: Mangum as the adapter, a boto3 client at module scope."""
# FastAPI is in an environment of its own, .local/bench/fastapi: mypy cannot know it.
# mypy: ignore-errors

import boto3
from fastapi import FastAPI, HTTPException
from fastapi.responses import RedirectResponse
from mangum import Mangum

api = FastAPI(openapi_url=None)
dynamodb = boto3.client("dynamodb")


@api.get("/{code}")
def redirect(code: str) -> RedirectResponse:
    """Follow a link."""
    item = dynamodb.get_item(TableName="url-shortener", Key={"code": {"S": code}}).get("Item")
    if item is None:
        raise HTTPException(404)
    return RedirectResponse(item["originalUrl"]["S"], status_code=302)


app = Mangum(api, lifespan="off")
