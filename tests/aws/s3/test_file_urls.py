"""The origin of files: the only one besides its own that the page may call."""

from __future__ import annotations

import dataclasses

import pytest

from chalicelib.aws.s3 import file_urls
from chalicelib.settings import settings


@pytest.mark.parametrize(
    ("bucket", "endpoint", "region", "origin"),
    [
        ("files", "", "eu-west-1", "https://files.s3.eu-west-1.amazonaws.com"),
        ("files", "", "cn-north-1", "https://files.s3.cn-north-1.amazonaws.com.cn"),
        ("files", "http://127.0.0.1:4566", "us-east-1", "http://127.0.0.1:4566"),
        ("", "", "eu-west-1", ""),
    ],
)
def test_origin_is_that_of_the_bucket(
    monkeypatch: pytest.MonkeyPatch, bucket: str, endpoint: str, region: str, origin: str
) -> None:
    """Its own host on AWS, the address of all services locally; none without a bucket."""
    aws = dataclasses.replace(settings.aws, endpoint_url=endpoint, region=region)
    monkeypatch.setattr(file_urls, "settings", dataclasses.replace(settings, files_bucket=bucket, aws=aws))

    assert file_urls.origin() == origin
