# What it is told and prints: see told.mjs.
import base64
import json
import os

import jwt

issuer, audience = os.environ["ISSUER"], os.environ["AUDIENCE"]
tokens = json.loads(os.environ["TOKENS"])
keys = jwt.PyJWKClient(os.environ["JWKS"])


def accepts(token, alg):
    try:
        key = keys.get_signing_key_from_jwt(token).key
        jwt.decode(token, key, algorithms=[alg], issuer=issuer, audience=audience)
        return True
    except jwt.PyJWTError:
        return False


for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]:
    head, claims, signature = tokens[alg].split(".")
    forged = ("B" if signature[0] == "A" else "A") + signature[1:]
    changed = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    changed["exp"] += 3600
    changed = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    print("ok" if accepts(tokens[alg], alg) else "refused", alg)
    if accepts(".".join([head, claims, forged]), alg):
        print("ok forged", alg)
    if accepts(".".join([head, changed, signature]), alg):
        print("ok changed", alg)
