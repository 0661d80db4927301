"""A stand-in for CloudFront: an HTTP server that applies a packaged template's distribution to each request.

The local AWS models neither CloudFront's choice of an origin nor its access control, policies, functions, caching and
headers. This does, from the template itself, so that what is packaged is what is tried:

    with cloudfront.running(template, origins={"redirect": Origin(...), "api": Origin(...)}, values={...}) as edge:
        # GET {edge.url}/x with "Host: links.example" and "Test-Viewer-Address: 192.0.2.1"
        assert edge.forwarded[-1].behaviour == "*"

It is no CloudFront. Everything counts as HTTPS, and a deployment is there at once. Not modelled: signatures (an origin
with access control gets a mark instead, see ``is_signed``: that an unsigned request is refused can be tried on AWS
alone; a body without its hash is refused here too), certificates, redirects to HTTPS, WAF, logs, compression, ranges,
conditional requests, ``Expires``, ``Vary``, requests that wait for one another's answer. What a template asks for
beyond that is refused, not passed over.

Errors are kept for ten seconds unless ``CustomErrorResponses`` says otherwise, whatever the policy: AWS's documents
make no exception for one that caches nothing. ``no-store`` counts for 404, 410, 414 and 501 alone, as they say. Not
from AWS's documents, but from reports or assumed: policies of all headers bring no ``CloudFront-*`` headers; percent
signs that a path does not need are resolved before it is matched.
"""

from __future__ import annotations

from tests.cloudfront.edge import Edge
from tests.cloudfront.forwarding import SIGNATURE, is_signed
from tests.cloudfront.messages import Forwarded, Origin
from tests.cloudfront.server import running
from tests.cloudfront.template import DOMAIN, behaviour_for

__all__ = ["DOMAIN", "SIGNATURE", "Edge", "Forwarded", "Origin", "behaviour_for", "is_signed", "running"]
