import os

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # the issuer is on this machine, without TLS

from authlib.integrations.requests_client import OAuth2Session

import steps

URL = steps.issuer + "/oauth/token"


def session(**more):
    return OAuth2Session(
        steps.client_id, steps.secret, token_endpoint=URL,
        token_endpoint_auth_method="client_secret_basic", revocation_endpoint_auth_method="client_secret_basic", **more,
    )


def login(password=steps.password):
    s = session()
    s.fetch_token(URL, username=steps.login, password=password, grant_type="password")
    return s


def refresh(token):
    return session().refresh_token(URL, refresh_token=token)


first = login()
steps.done("login")
steps.let_in(first)
steps.done("call")

steps.refused(lambda: login("wrong"))
steps.done("wrong password")

spent = first.token["refresh_token"]
second = first.refresh_token(URL, refresh_token=spent)
assert second["refresh_token"] != spent
steps.let_in(first)
steps.done("refresh")

active = first.introspect_token(steps.issuer + "/oauth/introspect", token=second["access_token"]).json()
assert active["active"] is True and active["sub"] == "u-ada", active
steps.done("introspect")

answer = first.revoke_token(steps.issuer + "/oauth/revoke", token=second["refresh_token"])
assert answer.status_code == 200, answer.text
steps.refused(lambda: refresh(second["refresh_token"]))
steps.kept_out(second["access_token"])
steps.done("revoke")

third = login().token
fourth = refresh(third["refresh_token"])
steps.refused(lambda: refresh(third["refresh_token"]))
steps.refused(lambda: refresh(fourth["refresh_token"]))
steps.kept_out(fourth["access_token"])
steps.done("reuse")

# Its own renewal, when it takes the token for expired
old = dict(login().token, expires_at=1)
late = session(token=old)
steps.let_in(late)
assert late.token["refresh_token"] != old["refresh_token"]
steps.done("renewal")
