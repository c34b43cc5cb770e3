import assert from "node:assert/strict";
import { createRemoteJWKSet, jwtVerify, decodeProtectedHeader } from "jose";
import { told, done } from "./steps.mjs";

const body = new URLSearchParams({ grant_type: "password", username: told.login, password: told.password });
const response = await fetch(new URL("/oauth/token", told.issuer), {
  method: "POST",
  body,
  headers: { Authorization: "Basic " + Buffer.from([told.id, told.secret].map(encodeURIComponent).join(":")).toString("base64") },
});
const { access_token: token } = await response.json();

const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", told.issuer));
const { payload } = await jwtVerify(token, keys, { issuer: told.issuer, audience: process.env.AUDIENCE, typ: "at+jwt" });
assert.equal(payload.sub, "u-ada");
assert.ok(decodeProtectedHeader(token).kid);
done("verify");

const [head, claims, sum] = token.split(".");
const forged = [head, claims, (sum[0] === "A" ? "B" : "A") + sum.slice(1)].join(".");
await assert.rejects(jwtVerify(forged, keys), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
done("forged");
