"""Requests made from the OpenAPI description, against a running server."""

import os
from pathlib import Path

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

DESCRIPTION = Path(__file__).parents[3] / "serving" / "rest" / "openapi.yaml"
# A larger run by hand: SHIPWAY_FUZZ_EXAMPLES=2000.
EXAMPLES = int(os.environ.get("SHIPWAY_FUZZ_EXAMPLES", "5"))
schema = schemathesis.openapi.from_path(str(DESCRIPTION))
schema.config.phases.coverage.enabled = False
schema.config.phases.examples.enabled = False


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_any_request_gets_a_documented_answer(case, half):
    """Its status is in the description, and its body is what the description says; the server goes on answering."""
    response = case.call(base_url=str(half.rest.base_url))

    documented = {int(status) for status in case.operation.definition.raw["responses"]}
    assert response.status_code in documented, (response.status_code, response.text)
    if response.status_code < 500 and response.content:
        case.validate_response(response, checks=[content_type_conformance, response_schema_conformance])
    assert 200 == httpx.get(f"{half.rest.base_url}/healthz").status_code
