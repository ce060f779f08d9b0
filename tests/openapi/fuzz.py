"""Fuzzes a running host by its own description: no 5xx, and no answer that the description does not allow.

Usage: fuzz.py URL OPERATOR_LINK SECONDS SEED MODULE

Makes a tenant with something of everything in it, then lets schemathesis ask as the tenant's owner and as the operator. The hooks in
`hooks.py` sign in again and again, since some requests end sessions, and put names of what there is into every other path.
"""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "correct horse battery"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
# A connection that stays open is no answer to check: the WebSocket is refused without an upgrade, and is tried by the console's own tests.
LEFT_OUT = ["/v1/{tenant}/console/ws"]


def ask(url, path, token=None, body=None, method="POST", media_type="application/json"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=None if body is None else data, method=method)
    if body is not None:
        request.add_header("Content-Type", media_type)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text)["data"] if text else None


def sign_in_by_link(url, link):
    secret = link.split("/#/link/")[1]
    tokens = ask(url, "/v1/auth/link", body={"token": secret, "new_password": PASSWORD})
    return tokens["access_token"], tokens["principal"]


def prepare(url, operator_link, module):
    """The accounts, and values that path parameters can have."""
    operator, operator_principal = sign_in_by_link(url, operator_link)
    new = {"slug": "acme", "name": "Acme", "plan": "professional", "owner_email": "owner@acme.example"}
    made = ask(url, "/v1/operator/tenants", operator, new)
    ask(url, "/v1/operator/tenants", operator, {**new, "slug": "spare", "owner_email": "owner@spare.example"})
    owner, principal = sign_in_by_link(url, made["owner_link"])
    with open(module, "rb") as file:
        digest = ask(url, "/v1/acme/modules", owner, file.read(), media_type="application/wasm")["digest"]
    ask(url, "/v1/acme/deployments/hello", owner, {"module": digest}, "PUT")
    run = ask(url, "/v1/acme/runs", owner, {"command": "hello", "wait": True})["id"]
    ask(url, "/v1/acme/files/notes.txt", owner, b"notes", "PUT", "application/octet-stream")
    ask(url, "/v1/acme/roles/reports", owner, {"permissions": ["log:read"]}, "PUT")
    ask(url, "/v1/acme/secrets/TOKEN", owner, {"value": "a secret of some length"}, "PUT")
    key = ask(url, "/v1/acme/keys", owner, {"name": "fuzz", "permissions": ["log:read"]})["key"]["id"]
    invite = {"email": "ann@acme.example", "role": "viewer"}
    invitation = ask(url, "/v1/acme/invitations", owner, invite)["invitation"]["id"]
    session = ask(url, "/v1/acme/console/sessions", owner, {})["id"]
    values = {
        "id": ["spare"],
        "digest": [digest],
        "name": ["hello", "TOKEN"],
        "run": [run],
        "stream": ["stdout", "stderr"],
        "path": ["notes.txt", ""],
        "role": ["reports", "viewer"],
        "key": [key],
        "invitation": [invitation],
        "session": [session],
        "user": [principal["id"]],
        "line": ["1"],
    }
    people = {"owner": principal["email"], "operator": operator_principal["email"]}
    return people, values


def answered(url):
    """How many requests were answered with each status."""
    with urllib.request.urlopen(url + "/metrics") as answer:
        text = answer.read().decode()
    counts = collections.Counter()
    for status, count in re.findall(r'^cloister_http_requests_total{[^}]*status="(\d+)"[^}]*} (\d+)$', text, re.M):
        counts[status] += int(count)
    return counts


def main():
    url, operator_link, seconds, seed, module = sys.argv[1:]
    people, values = prepare(url, operator_link, module)
    failed = []
    for who, email in people.items():
        print(f"fuzzing as the {who} for {seconds} s", file=sys.stderr, flush=True)
        before = answered(url)
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
        command += ["--checks", ",".join(CHECKS), "--max-time", seconds, "--seed", seed, "--workers", "2"]
        command += ["--suppress-health-check", "all", "--request-timeout", "20", "--continue-on-failure"]
        command += ["--warnings", "off", "--output-sanitize", "false", "--no-color"]
        for path in LEFT_OUT:
            command += ["--exclude-path", path]
        environment = dict(
            os.environ,
            PYTHONPATH=HERE,
            SCHEMATHESIS_HOOKS="hooks",
            FUZZ_URL=url,
            FUZZ_EMAIL=email,
            FUZZ_PASSWORD=PASSWORD,
            FUZZ_VALUES=json.dumps(values),
        )
        # What it leaves behind, such as its database of examples, goes with the directory.
        with tempfile.TemporaryDirectory() as directory:
            if subprocess.run(command, env=environment, cwd=directory).returncode != 0:
                failed.append(who)
        counts = answered(url) - before
        print("answers:", ", ".join(f"{status} {counts[status]}" for status in sorted(counts)), file=sys.stderr)
        # Were most requests turned away for who asks, nothing would be tested.
        if counts["401"] * 2 > sum(counts.values()) or not any(status.startswith("2") for status in counts):
            failed.append(f"{who}, who was not let in")
    if failed:
        sys.exit("something was found as " + " and as ".join(failed))


main()
