"""What every JSON report that a test reads must be: what the schema that we install says, and nothing
besides. The schema itself lets later versions add members; a test does not. SARIF and JUnit have
published schemas, which the Makefile fetches (schemas.sh)."""
import json
import os
import subprocess

import jsonschema  # Debian's python3-jsonschema: run tests by the Makefile's PYTHON

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                    "shim/command/gilshim-report-1.schema.json")


def closed(schema):
    """The schema, its objects without members that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        made["additionalProperties"] = False
    return made


with open(PATH, encoding="utf-8") as stream:
    SCHEMA = json.load(stream)
VALIDATOR = jsonschema.Draft202012Validator(closed(SCHEMA))


def complaints(report, validator=VALIDATOR):
    """What is wrong with a report, each in a line."""
    return ["%s: %s" % (error.json_path, error.message[:300])
            for error in validator.iter_errors(report)]


def read(text):
    """The report in a text; ValueError says what it breaks."""
    report = json.loads(text)
    wrong = complaints(report)
    if wrong:
        raise ValueError("not as the schema has it: " + "; ".join(wrong[:5]))
    return report


def published_complaints(directory, form, text):
    """What is wrong with SARIF or JUnit, in bytes or text; None where the schema is not there."""
    path = os.path.join(directory, {"sarif": "sarif-2.1.0.json", "junit": "junit-10.xsd"}[form])
    data = text if isinstance(text, bytes) else text.encode()
    if not os.path.exists(path):
        return None
    if form == "sarif":
        with open(path, encoding="utf-8") as file:
            published = json.load(file)
        return complaints(json.loads(data), jsonschema.Draft4Validator(published))
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", path, "-"], input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode().splitlines() if done.returncode else []
