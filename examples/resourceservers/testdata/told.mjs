// What each resource server is told: the issuer, its key set, the audience, and a
// token of each algorithm. It prints a line for each token that it accepts, and one
// for each of the forged tokens that it does.
export const { ISSUER: issuer, JWKS: jwks, AUDIENCE: audience } = process.env;
export const tokens = JSON.parse(process.env.TOKENS);

// tryAll calls accepts with each token, genuine and forged, and prints what it says.
export async function tryAll(algorithms, accepts) {
  for (const alg of algorithms) {
    if (await accepts(tokens[alg], alg)) console.log("ok " + alg);
    else console.log("refused " + alg);
    if (await accepts(forge(tokens[alg]), alg)) console.log("ok forged " + alg);
    if (await accepts(stretch(tokens[alg]), alg)) console.log("ok changed " + alg);
  }
}

// forge changes the signature.
function forge(token) {
  const [head, claims, sum] = token.split(".");
  return [head, claims, (sum[0] === "A" ? "B" : "A") + sum.slice(1)].join(".");
}

// stretch changes a claim.
function stretch(token) {
  const [head, claims, sum] = token.split(".");
  const changed = JSON.parse(Buffer.from(claims, "base64url"));
  changed.exp += 3600;
  return [head, Buffer.from(JSON.stringify(changed)).toString("base64url"), sum].join(".");
}
