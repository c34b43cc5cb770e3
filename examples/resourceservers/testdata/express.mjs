import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import { audience, issuer, jwks, tryAll } from "./told.mjs";

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const app = express();
for (const alg of algorithms) {
  const check = auth({ issuer, jwksUri: jwks, audience, tokenSigningAlg: alg, strict: true });
  app.get("/" + alg, check, (request, response) => response.json(request.auth.payload));
}
app.use((err, request, response, next) => response.status(err.status ?? 500).end()); // eslint-disable-line no-unused-vars
const server = app.listen(0, "127.0.0.1", async () => {
  const base = `http://127.0.0.1:${server.address().port}/`;
  await tryAll(algorithms, async (token, alg) => {
    const response = await fetch(base + alg, { headers: { Authorization: `Bearer ${token}` } });
    await response.arrayBuffer();
    return response.status === 200;
  });
  server.close();
  server.closeAllConnections();
});
