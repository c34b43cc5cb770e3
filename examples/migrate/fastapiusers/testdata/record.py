"""Records what FastAPI with fastapi-users answers.

    python3 record.py > recorded.json

It needs fastapi, fastapi-users, pwdlib and httpx. It writes the secret, the users with
the hashes that pwdlib makes, and a request and an answer for each step. The hashes are
cheap, so that the test that reads them is cheap.
"""

import asyncio
import datetime
import json
import sys
import uuid
from dataclasses import dataclass, field

import fastapi
import fastapi_users
import httpx
import jwt
from argon2 import PasswordHasher  # what pwdlib calls
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import BaseUserDatabase
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

SECRET = "a secret of the example, which is long enough for HS256"
PASSWORD = "correct horse & battery"
argon2, bcrypt = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), BcryptHasher(rounds=4)
helper = PasswordHelper(PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1), bcrypt)))


@dataclass
class User:
    email: str
    hashed_password: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = True


TABLE = [
    User("ada@example.com", argon2.hash(PASSWORD)),
    User("bob@example.com", bcrypt.hash(PASSWORD)),
    User("dan@example.com", argon2.hash(PASSWORD), is_active=False),
]
USERS = [
    {"id": str(u.id), "email": u.email, "hashed_password": u.hashed_password, "is_active": u.is_active} for u in TABLE
]


class Database(BaseUserDatabase):
    async def get(self, id):
        return next((u for u in TABLE if u.id == id), None)

    async def get_by_email(self, email):
        return next((u for u in TABLE if u.email == email.lower()), None)

    async def update(self, user, update_dict):
        for name, value in update_dict.items():
            setattr(user, name, value)
        return user


class Manager(UUIDIDMixin, BaseUserManager):
    pass


async def get_user_manager():
    yield Manager(Database(), helper)


backend = AuthenticationBackend(
    name="jwt",
    transport=BearerTransport(tokenUrl="auth/jwt/login"),
    get_strategy=lambda: JWTStrategy(secret=SECRET, lifetime_seconds=3600),
)
users = FastAPIUsers(get_user_manager, [backend])
app = fastapi.FastAPI()
app.include_router(users.get_auth_router(backend), prefix="/auth/jwt")


@app.get("/me")
async def me(user=fastapi.Depends(users.current_user(active=True))):
    return {"id": str(user.id), "email": user.email}


async def main():
    exchanges = []
    now = datetime.datetime.now(datetime.timezone.utc)
    async with httpx.AsyncClient(app=app, base_url="http://test") as client:

        async def send(name, method, path, form=None, token=None):
            headers = {"Authorization": "Bearer " + token} if token is not None else {}
            answer = await client.request(method, path, data=form, headers=headers)
            exchanges.append({
                "name": name,
                "request": {"method": method, "path": path, "form": form, "token": token},
                "status": answer.status_code,
                "challenge": answer.headers.get("www-authenticate", ""),
                "body": answer.json() if answer.content else None,
            })
            return exchanges[-1]["body"]

        login = "/auth/jwt/login"
        ada = await send("a login", "POST", login, {"username": "ada@example.com", "password": PASSWORD})
        await send("a login in other letters", "POST", login, {"username": "ADA@example.com", "password": PASSWORD})
        await send("a login with a hash of bcrypt", "POST", login, {"username": "bob@example.com", "password": PASSWORD})
        await send("a wrong password", "POST", login, {"username": "ada@example.com", "password": "wrong"})
        await send("an unknown user", "POST", login, {"username": "eve@example.com", "password": PASSWORD})
        await send("a user who is not active", "POST", login, {"username": "dan@example.com", "password": PASSWORD})
        await send("a request", "GET", "/me", token=ada["access_token"])
        await send("a request without a token", "GET", "/me")
        await send("a request with rubbish", "GET", "/me", token="rubbish")
        await send("a logout", "POST", "/auth/jwt/logout", token=ada["access_token"])
        await send("a request after the logout", "GET", "/me", token=ada["access_token"])

        # What a server of fastapi-users makes of a token as Sallyport writes it, signed
        # with the same secret.
        theirs = {
            "iss": "https://api.example", "aud": "fastapi-users:auth", "sub": ada_id, "client_id": "", "jti": "1",
            "iat": int(now.timestamp()), "nbf": int(now.timestamp()) - 10, "exp": int(now.timestamp()) + 3600, "sid": "s", "tier": "standard",
        }
        token = jwt.encode(theirs, SECRET, algorithm="HS256", headers={"typ": "at+jwt", "kid": "k"})
        await send("a request with a token of Sallyport's", "GET", "/me", token=token)

    json.dump(
        {
            "recorded": {
                "by": "FastAPI %s, fastapi-users %s" % (fastapi.__version__, fastapi_users.__version__),
                "at": int(now.timestamp()),
            },
            "secret": SECRET,
            "password": PASSWORD,
            "users": USERS,
            "exchanges": exchanges,
        },
        sys.stdout,
        indent=1,
    )
    print()


ada_id = str(TABLE[0].id)
asyncio.run(main())
