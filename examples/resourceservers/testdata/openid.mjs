// An OpenID provider for examples/signin/openid: it logs every browser in as the same
// user, and asks nothing. It listens on PORT (a free one if it is not set), knows the
// client "app" with the secret "sesame", and sends browsers back to REDIRECT alone. It
// prints its issuer, and ends with its standard input.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const server = createServer();
await new Promise((listening) => server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const subject = "248289761001";
const provider = new Provider(issuer, {
  clients: [{ client_id: "app", client_secret: "sesame", redirect_uris: [process.env.REDIRECT] }],
  pkce: { required: () => true },
  claims: { openid: ["sub", "amr"], email: ["email"] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => "/interaction/" + interaction.uid },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: "ada@example.com" }) }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId });
    grant.addOIDCScope("openid email");
    await grant.save();
    return grant;
  },
});
provider.on("server_error", (_, err) => console.error(err));
const answer = provider.callback();
server.on("request", (req, res) => {
  if (!req.url.startsWith("/interaction/")) return answer(req, res);
  const login = { accountId: subject, amr: ["pwd", "otp", "mfa"] };
  return provider.interactionFinished(req, res, { login }, { mergeWithLastSubmission: false });
});
console.log(issuer);
process.stdin.on("end", () => process.exit(0)).resume();
