import { createRemoteJWKSet, jwtVerify } from "jose";
import { audience, issuer, jwks, tryAll } from "./told.mjs";

const keys = createRemoteJWKSet(new URL(jwks));
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
await tryAll(algorithms, async (token, alg) => {
  try {
    await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt", algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
});
