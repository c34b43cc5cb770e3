"""Records what Django with djangorestframework-simplejwt answers.

    python3 record.py > recorded.json
    python3 record.py --rotate > rotating.json

It needs Django, djangorestframework and djangorestframework-simplejwt (Debian:
python3-djangorestframework-simplejwt). It writes the secret, the users with the hashes
that Django makes, and a request and an answer for each step. The hashes are cheap, so that
the test that reads them is cheap.
"""

import datetime
import json
import sys

import django
import jwt
from django.conf import settings
from django.core.management import call_command

SECRET = "a secret of the example, which is long enough for HS256"
PASSWORD = "correct horse & battery"

settings.configure(
    SECRET_KEY=SECRET,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework_simplejwt",
        "rest_framework_simplejwt.token_blacklist",
    ],
    PASSWORD_HASHERS=[
        __name__ + ".PBKDF2",
        __name__ + ".Argon2",
        __name__ + ".BCrypt",
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    },
    SIMPLE_JWT={"ROTATE_REFRESH_TOKENS": "--rotate" in sys.argv, "BLACKLIST_AFTER_ROTATION": "--rotate" in sys.argv},
)
sys.modules.setdefault("record", sys.modules[__name__])

from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptSHA256PasswordHasher, PBKDF2PasswordHasher, check_password, make_password  # noqa: E402


class PBKDF2(PBKDF2PasswordHasher):
    iterations = 1000


class Argon2(Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 8, 1


class BCrypt(BCryptSHA256PasswordHasher):
    rounds = 4


django.setup()

import rest_framework_simplejwt  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenVerifyView  # noqa: E402


class Me(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"id": request.user.id, "username": request.user.username})


urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/verify/", TokenVerifyView.as_view()),
    path("api/me/", Me.as_view()),
]

call_command("migrate", verbosity=0)

users = []
for name, algorithm, active in [("ada", "default", True), ("bob", "argon2", True), ("cyd", "bcrypt_sha256", True), ("dan", "default", False)]:
    encoded = make_password(PASSWORD, hasher=algorithm)
    row = User.objects.create(username=name, password=encoded, is_active=active)
    assert check_password(PASSWORD, encoded), name
    users.append({"id": row.id, "username": name, "password": encoded, "is_active": active})

client = Client()
exchanges = []


def send(name, method, url, body=None, token=None):
    headers = {"HTTP_AUTHORIZATION": "Bearer " + token} if token is not None else {}
    if method == "GET":
        answer = client.get(url, **headers)
    else:
        answer = client.post(url, json.dumps(body), content_type="application/json", **headers)
    exchanges.append({
        "name": name,
        "request": {"method": method, "path": url, "body": body, "token": token},
        "status": answer.status_code,
        "challenge": answer.get("WWW-Authenticate", ""),
        "body": json.loads(answer.content or b"null"),
    })
    return exchanges[-1]["body"]


now = datetime.datetime.now(datetime.timezone.utc)
ada = send("a login", "POST", "/api/token/", {"username": "ada", "password": PASSWORD})
send("a wrong password", "POST", "/api/token/", {"username": "ada", "password": "wrong"})
send("an unknown user", "POST", "/api/token/", {"username": "eve", "password": PASSWORD})
send("a user who is not active", "POST", "/api/token/", {"username": "dan", "password": PASSWORD})
send("a login without a password", "POST", "/api/token/", {"username": "ada"})
send("a request", "GET", "/api/me/", token=ada["access"])
send("a login with a hash of argon2", "POST", "/api/token/", {"username": "bob", "password": PASSWORD})
send("a login with a hash of bcrypt", "POST", "/api/token/", {"username": "cyd", "password": PASSWORD})
send("a request without a token", "GET", "/api/me/")
send("a request with a refresh token", "GET", "/api/me/", token=ada["refresh"])
send("a request with rubbish", "GET", "/api/me/", token="rubbish")
send("a refresh", "POST", "/api/token/refresh/", {"refresh": ada["refresh"]})
send("the same refresh again", "POST", "/api/token/refresh/", {"refresh": ada["refresh"]})
send("a refresh with an access token", "POST", "/api/token/refresh/", {"refresh": ada["access"]})
send("a refresh with rubbish", "POST", "/api/token/refresh/", {"refresh": "rubbish"})
send("a refresh without a token", "POST", "/api/token/refresh/", {})

# What Django makes of a token as Sallyport writes it, signed with the same secret.
theirs = {
    "iss": "https://api.example", "aud": "https://api.example", "sub": "1", "jti": "1", "sid": "s", "tier": "standard",
    "iat": int(now.timestamp()), "nbf": int(now.timestamp()) - 10, "exp": int(now.timestamp()) + 300,
    "token_type": "access", "user_id": 1,
}
send("a request with a token of Sallyport's", "GET", "/api/me/", token=jwt.encode(theirs, SECRET, algorithm="HS256", headers={"typ": "at+jwt", "kid": "k"}))

json.dump(
    {
        "recorded": {
            "by": "Django %s, djangorestframework-simplejwt %s" % (django.__version__, rest_framework_simplejwt.__version__),
            "at": int(now.timestamp()),
            "rotate": "--rotate" in sys.argv,
        },
        "secret": SECRET,
        "password": PASSWORD,
        "users": users,
        "exchanges": exchanges,
    },
    sys.stdout,
    indent=1,
)
print()
