"""What schemathesis asks as whom, and about what; see fuzz.py."""

import json
import os
import random
import threading
import urllib.error
import urllib.request

import schemathesis

URL = os.environ["FUZZ_URL"]
VALUES = json.loads(os.environ["FUZZ_VALUES"])
CREDENTIALS = json.dumps({"email": os.environ["FUZZ_EMAIL"], "password": os.environ["FUZZ_PASSWORD"]}).encode()
# Requests that follow would be answered 401, which is no finding and finds nothing.
ENDS_SESSIONS = ("/v1/auth/sign-out", "/v1/auth/sessions", "/v1/auth/password", "/v1/operator/signing-keys/rotate")
CHOICE = random.Random(1)
CHOOSING = threading.Lock()


def token():
    request = urllib.request.Request(URL + "/v1/auth/sign-in", data=CREDENTIALS)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]["access_token"]


@schemathesis.auth(refresh_interval=60)
class Everywhere:
    """A token that is kept for a while."""

    def get(self, case, context):
        return token()

    def set(self, case, data, context):
        # One that a request may end is used for that request only.
        fresh = case.operation.path.startswith(ENDS_SESSIONS)
        case.headers = dict(case.headers or {}, Authorization="Bearer " + (token() if fresh else data))


@schemathesis.serializer("application/wasm", "application/gzip")
def raw(context, value):
    """Bytes as they are; whatever else is thought of, as its text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_path_parameters(context, parameters):
    """The tenant is the one that there is, and every other name of something too."""
    if not parameters:
        return parameters
    chosen = dict(parameters)
    for name in parameters:
        with CHOOSING:
            real, value = CHOICE.random() < 0.5, CHOICE.choice(VALUES.get(name, [None]))
        if name == "tenant":
            chosen[name] = "acme"
        elif real and value is not None:
            chosen[name] = value
    return chosen


@schemathesis.hook
def before_call(context, case, kwargs):
    """Long polls are short, so that there is time for more of them."""
    if case.operation.path.endswith("/console/events") and isinstance(case.query, dict) and "wait" not in case.query:
        case.query["wait"] = 0
