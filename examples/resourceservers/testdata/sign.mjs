// Signs tokens with jose, as its documentation shows it. It prints a name and a token
// on each line.
import { SignJWT, UnsecuredJWT, importPKCS8 } from "jose";

const { ISSUER: issuer, AUDIENCE: audience, SECRET: secret, RSA: pem } = process.env;
const draft = (claims = { scope: ["read", "write"], tier: "premium" }) =>
  new SignJWT(claims).setSubject("17").setIssuer(issuer).setAudience(audience).setIssuedAt();
const print = (name, token) => console.log(name, token);

const hmac = new TextEncoder().encode(secret);
const rsa = await importPKCS8(pem, "RS256");
print("HS256", await draft().setProtectedHeader({ alg: "HS256" }).setExpirationTime("2h").sign(hmac));
print("RS256", await draft().setProtectedHeader({ alg: "RS256", typ: "JWT" }).setExpirationTime("2h").sign(rsa));
print("expired", await draft().setProtectedHeader({ alg: "HS256" }).setExpirationTime("1 minute ago").sign(hmac));
print("unlimited", await draft().setProtectedHeader({ alg: "HS256" }).sign(hmac));
print("elsewhere", await draft().setAudience("https://other.example").setProtectedHeader({ alg: "HS256" }).setExpirationTime("2h").sign(hmac));
print("unknown", await draft().setIssuer("https://other.example").setProtectedHeader({ alg: "HS256" }).setExpirationTime("2h").sign(hmac));
print("none", new UnsecuredJWT({ tier: "premium" }).setSubject("17").setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime("2h").encode());
