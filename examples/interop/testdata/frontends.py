"""What Python's clients of a FastAPI application send, each in the way that its own
documentation shows. httplib2 parses each challenge, and fails at one that has no
parameter."""

import asyncio
import json
import urllib.parse

import aiohttp
import httplib2

import steps

LOGIN = steps.issuer + "/auth/jwt/login"
REFRESH = steps.issuer + "/auth/jwt/refresh"
LOGOUT = steps.issuer + "/auth/jwt/logout"
ME = steps.issuer + "/users/me"


def bearer(token):
    return {"Authorization": "Bearer " + token}


class Httplib2:
    def __init__(self):
        self.http = httplib2.Http()

    def send(self, url, method, body=None, headers=None):
        answer, text = self.http.request(url, method, body=body, headers=headers or {})
        return answer.status, json.loads(text) if text else None

    def login(self, username, password):
        form = urllib.parse.urlencode({"username": username, "password": password})
        return self.send(LOGIN, "POST", form, {"Content-Type": "application/x-www-form-urlencoded"})

    def refresh(self, token):
        return self.send(REFRESH, "POST", "{}", {"refresh-token": token, "Content-Type": "application/json"})

    def logout(self, token):
        return self.send(LOGOUT, "POST", "", bearer(token))

    def me(self, token):
        return self.send(ME, "GET", headers=bearer(token))


class Aiohttp:
    def send(self, method, url, **more):
        async def sends():
            async with aiohttp.ClientSession() as session:
                async with session.request(method, url, **more) as answer:
                    text = await answer.text()
                    return answer.status, json.loads(text) if text else None

        return asyncio.run(sends())

    def login(self, username, password):
        form = aiohttp.FormData({"username": username, "password": password})
        form.add_field("scope", "", content_type="text/plain")  # which makes it multipart
        return self.send("POST", LOGIN, data=form)

    def refresh(self, token):
        return self.send("POST", REFRESH, headers={"refresh-token": token}, json={})

    def logout(self, token):
        return self.send("POST", LOGOUT, headers=bearer(token), json={})

    def me(self, token):
        return self.send("GET", ME, headers=bearer(token))


for name, client in (("httplib2", Httplib2()), ("aiohttp", Aiohttp())):
    status, first = client.login(steps.login, steps.password)
    assert status == 200 and first["token_type"] == "bearer", first
    steps.done(name + " login")
    assert client.login(steps.login, "wrong") == (400, {"detail": "LOGIN_BAD_CREDENTIALS"})
    steps.done(name + " wrong password")
    assert client.me(first["access_token"]) == (200, {"id": "u-ada"})
    assert client.me("x.y.z") == (401, {"detail": "Unauthorized"})
    steps.done(name + " call")
    status, second = client.refresh(first["refresh_token"])
    assert status == 200 and second["refresh_token"] != first["refresh_token"], second
    steps.done(name + " refresh")
    assert client.logout(second["access_token"])[0] == 204
    assert client.refresh(second["refresh_token"])[0] == 401
    steps.done(name + " logout")
