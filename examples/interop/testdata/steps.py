"""What every client here is told, and how it says what it has done."""

import os
import urllib.error
import urllib.request

issuer = os.environ["ISSUER"]
client_id = os.environ["CLIENT_ID"]
secret = os.environ["CLIENT_SECRET"]
login = os.environ["LOGIN"]
password = os.environ["PASSWORD"]


def done(step):
    print("ok", step)


def let_in(session):
    answer = session.get(issuer + "/me")
    assert answer.status_code == 200, answer.text
    assert answer.text == "u-ada " + client_id, answer.text


def kept_out(token):
    request = urllib.request.Request(issuer + "/me", headers={"Authorization": "Bearer " + token})
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as err:
        assert err.code == 401, err
        assert 'error="invalid_token"' in err.headers["WWW-Authenticate"], err.headers
        return
    raise AssertionError("it was let in")


def refused(attempt):
    try:
        attempt()
    except Exception as err:
        assert getattr(err, "error", None) == "invalid_grant", repr(err)
        return
    raise AssertionError("it was not refused")
