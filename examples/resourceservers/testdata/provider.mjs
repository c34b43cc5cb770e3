// An OpenID provider that gives a client access tokens as JWTs (RFC 9068), signed
// with an algorithm for each audience. KEYS has a private key in PEM for each
// algorithm. It prints its issuer, then one token a line, and serves its public keys
// until its standard input ends.
import { createPrivateKey } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const keys = JSON.parse(process.env.KEYS);
const algorithms = Object.keys(keys);
const audience = (alg) => "https://api.example.com/" + alg;

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "robot", client_secret: "sesame", grant_types: ["client_credentials"],
    redirect_uris: [], response_types: [],
  }],
  jwks: { keys: algorithms.map((alg) => ({ ...createPrivateKey(keys[alg]).export({ format: "jwk" }), alg, use: "sig", kid: "key-" + alg })) },
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: "read", audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 3600,
        jwt: { sign: { alg: resource.split("/").pop() } },
      }),
    },
  },
});
provider.on("server_error", (ctx, err) => console.error(err));
server.on("request", provider.callback());
console.log(issuer);
for (const alg of algorithms) {
  const response = await fetch(issuer + "/token", {
    method: "POST",
    headers: { Authorization: "Basic " + Buffer.from("robot:sesame").toString("base64") },
    body: new URLSearchParams({ grant_type: "client_credentials", scope: "read", resource: audience(alg) }),
  });
  const answer = await response.json();
  if (!answer.access_token) console.error(alg(), answer);
  console.log(alg + " " + answer.access_token);
}
process.stdin.on("end", () => process.exit(0)).resume();
