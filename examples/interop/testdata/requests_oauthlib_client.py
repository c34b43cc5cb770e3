import os

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the issuer is on this machine, without TLS

from oauthlib.oauth2 import LegacyApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

import steps

URL = steps.issuer + "/oauth/token"


def login(password=steps.password):
    session = OAuth2Session(client=LegacyApplicationClient(client_id=steps.client_id))
    session.fetch_token(URL, username=steps.login, password=password, client_id=steps.client_id, client_secret=steps.secret)
    return session


def refresh(session, token):
    return session.refresh_token(URL, refresh_token=token, auth=HTTPBasicAuth(steps.client_id, steps.secret))


session = login()
first = dict(session.token)
steps.done("login")
steps.let_in(session)
steps.done("call")

steps.refused(lambda: login("wrong"))
steps.done("wrong password")

second = dict(refresh(session, first["refresh_token"]))
assert second["refresh_token"] != first["refresh_token"]
steps.let_in(session)
steps.done("refresh")

answer = session.post(
    steps.issuer + "/oauth/revoke", data={"token": second["refresh_token"]}, withhold_token=True,
    auth=HTTPBasicAuth(steps.client_id, steps.secret),
)
assert answer.status_code == 200, answer.text
steps.refused(lambda: refresh(login(), second["refresh_token"]))
steps.kept_out(second["access_token"])
steps.done("revoke")

session = login()
third = dict(session.token)
fourth = dict(refresh(session, third["refresh_token"]))
steps.refused(lambda: refresh(login(), third["refresh_token"]))
steps.refused(lambda: refresh(login(), fourth["refresh_token"]))
steps.kept_out(fourth["access_token"])
steps.done("reuse")

# Its own renewal, when it takes the token for expired
renewed = []
session = OAuth2Session(
    client=LegacyApplicationClient(client_id=steps.client_id), token=dict(login().token, expires_in=-30, expires_at=1),
    auto_refresh_url=URL, auto_refresh_kwargs={"client_id": steps.client_id, "client_secret": steps.secret},
    token_updater=renewed.append,
)
steps.let_in(session)
assert len(renewed) == 1
steps.done("renewal")
