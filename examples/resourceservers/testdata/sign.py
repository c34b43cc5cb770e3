# Signs tokens with PyJWT, as its documentation shows it. It prints a name and a token
# on each line.
import datetime
import os

import jwt

issuer, audience, secret, pem = (os.environ[name] for name in ("ISSUER", "AUDIENCE", "SECRET", "RSA"))


def claims(**more):
    now = datetime.datetime.now(tz=datetime.timezone.utc)
    return {
        "sub": "17", "iss": issuer, "aud": [audience, "https://other.example"], "iat": now,
        "exp": now + datetime.timedelta(hours=2), "scope": ["read", "write"], "tier": "premium", **more,
    }


ago = datetime.datetime.now(tz=datetime.timezone.utc) - datetime.timedelta(minutes=1)
unlimited = claims()
del unlimited["exp"]
print("HS256", jwt.encode(claims(), secret, algorithm="HS256"))
print("RS256", jwt.encode(claims(), pem, algorithm="RS256"))
print("expired", jwt.encode(claims(exp=ago), secret, algorithm="HS256"))
print("unlimited", jwt.encode(unlimited, secret, algorithm="HS256"))
print("elsewhere", jwt.encode(claims(aud="https://other.example"), secret, algorithm="HS256"))
print("unknown", jwt.encode(claims(iss="https://other.example"), secret, algorithm="HS256"))
print("none", jwt.encode(claims(), None, algorithm="none"))
